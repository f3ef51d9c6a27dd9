"""How long each class of route may take, and which are the last to be refused under load."""

from typing import Final

from summit_core.http.deadline import Table
from summit_core.http.routes import Route

DEADLINES: Final[Table] = {
    ("GET", "/v1/stream"): None,
    ("GET", "/v1/export"): None,
    ("GET", "/v1/audit/export"): None,
    ("GET", "/v1/incidents/{id}/bundle"): None,
    ("POST", "/v1/bundles"): None,
    ("POST", "/v1/observations"): 10.0,
}
"""Seconds. All others have 5; None are those that last as long as there is something to send or to take in."""
URGENT: Final[tuple[Route, ...]] = (
    ("POST", "/v1/alerts/{id}/ack"),
    ("POST", "/v1/tasks/{id}/approve"),
    ("POST", "/v1/tasks/{id}/reject"),
    ("POST", "/v1/tasks/{id}/cancel"),
)
"""Acknowledging, deciding and stopping: what people must be able to do just when everything is busy."""
