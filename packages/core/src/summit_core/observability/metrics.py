"""The Prometheus metrics that every service shares. Names are an interface: dashboards and rules rely on them."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_REQUESTS = Counter("http_requests_total", "HTTP requests answered", ["service", "method", "route", "status"])
HTTP_DURATION = Histogram(
    "http_request_duration_seconds", "Time to answer", ["service", "method", "route"], buckets=LATENCY_BUCKETS
)
BUILD = Gauge("summit_build_info", "1; the labels say what runs", ["service", "version", "python"])
LOOP_LAG = Histogram(
    "summit_event_loop_lag_seconds",
    "How late a timer of the event loop came, seconds",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
LOOP_FAILURES = Counter("summit_loop_failures_total", "Times a consumer or timer loop failed", ["loop"])
RECEIVED = Counter("summit_observations_received_total", "Observations that arrived", ["door"])
ACCEPTED = Counter("summit_observations_accepted_total", "Observations that passed validation", ["door"])
REJECTED = Counter("summit_observations_rejected_total", "Observations refused, by reason", ["door", "code"])
STORED = Counter("summit_observations_stored_total", "Observations written to PostgreSQL")
DUPLICATE = Counter("summit_observations_duplicate_total", "Observations that were stored already")
CONSUMED = Counter("summit_messages_consumed_total", "Messages taken from a stream", ["consumer"])
LAG = Gauge("summit_consumer_lag_messages", "Messages that wait for a consumer", ["consumer"])
PENDING = Gauge(
    "summit_stream_pending_messages",
    "Messages that wait for a durable consumer, as the broker says",
    ["stream", "consumer"],
)
STREAM_MESSAGES = Gauge("summit_stream_messages", "Messages in a stream", ["stream"])
STREAM_BYTES = Gauge("summit_stream_bytes", "Size of a stream", ["stream"])
STREAM_LIMIT = Gauge("summit_stream_limit_bytes", "Size at which a stream is full", ["stream"])
WORLD_EVENTS = Counter("summit_world_events_total", "Changes of the world model published", ["type"])
UNREADABLE = Counter("summit_world_events_unreadable_total", "World events that could not be decoded")
INGEST_TO_VISIBLE = Histogram(
    "summit_ingest_to_visible_seconds",
    "From arrival of an observation to the change of the picture",
    buckets=LATENCY_BUCKETS,
)
STREAM_CLIENTS = Gauge("summit_stream_clients", "Clients connected to the stream")
STREAM_SKIPPED = Counter("summit_stream_skipped_total", "Frames that slow clients did not get one by one")
LIMITS_REFUSED = Counter("summit_limits_refused_total", "Requests, streams and items refused by a limit", ["policy"])
LIMITS_ALONE = Counter("summit_limits_alone_total", "Requests that were counted in this process alone, the store away")
LIMITS_SHARED_UP = Gauge("summit_limits_shared_up", "1 while the limits are counted over all replicas")


def exposition() -> tuple[bytes, str]:
    """The metrics page and its content type."""
    return generate_latest(), CONTENT_TYPE_LATEST
