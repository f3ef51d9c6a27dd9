"""Every JetStream stream, declared in this one place (docs/reference/interfaces.md says what each is for)."""

from typing import Final

from nats.js.api import DiscardPolicy, StorageType, StreamConfig

MIB: Final = 1024 * 1024
HOUR_S: Final = 3600.0

INGEST: Final = "INGEST"
LINKS: Final = "LINKS"
OBSERVATIONS: Final = "OBSERVATIONS"
WORLD: Final = "WORLD"
TASKS: Final = "TASKS"
DEADLETTERS: Final = "DEADLETTERS"
AUDIT: Final = "AUDIT"

VALIDATED_SUBJECT: Final = "validated.observations"
DEADLETTER_SUBJECT: Final = "deadletters"
AUDIT_SUBJECT: Final = "audit"


def _stream(name: str, subjects: list[str], *, max_age_s: float, max_bytes: int, full: DiscardPolicy) -> StreamConfig:
    return StreamConfig(
        name=name,
        subjects=subjects,
        storage=StorageType.FILE,
        max_age=max_age_s,
        max_bytes=max_bytes,
        discard=full,
        duplicate_window=120,
        allow_direct=True,
        allow_msg_ttl=name == WORLD,
    )


def declared() -> list[StreamConfig]:
    """``discard new`` refuses when full, so that what was accepted is never pushed out by what comes later: a database
    that is away for hours fills OBSERVATIONS, then INGEST, and then the door says no. ``room`` keeps them from filling
    in normal work."""
    return [
        _stream(
            INGEST,
            ["observations.*", "observations.*.*", "devices.*.telemetry"],
            max_age_s=24 * HOUR_S,
            max_bytes=1024 * MIB,
            full=DiscardPolicy.NEW,
        ),
        # apart from INGEST: three readers who want only these would cost the broker a tenth of its time there
        _stream(LINKS, ["devices.*.status"], max_age_s=24 * HOUR_S, max_bytes=64 * MIB, full=DiscardPolicy.NEW),
        _stream(OBSERVATIONS, ["validated.>"], max_age_s=72 * HOUR_S, max_bytes=2048 * MIB, full=DiscardPolicy.NEW),
        _stream(WORLD, ["world.*.*"], max_age_s=0, max_bytes=2048 * MIB, full=DiscardPolicy.NEW),
        _stream(
            TASKS,
            ["tasks.*.dispatch", "tasks.*.status"],
            max_age_s=168 * HOUR_S,
            max_bytes=256 * MIB,
            full=DiscardPolicy.OLD,
        ),
        _stream(DEADLETTERS, ["deadletters.*"], max_age_s=720 * HOUR_S, max_bytes=256 * MIB, full=DiscardPolicy.NEW),
        # full, nothing can be changed any more: better than changes that nobody knows of
        _stream(AUDIT, [f"{AUDIT_SUBJECT}.*"], max_age_s=0, max_bytes=512 * MIB, full=DiscardPolicy.NEW),
    ]
