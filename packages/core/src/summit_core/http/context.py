"""What belongs to the request being answered: its id, for logs and problem documents."""

from contextvars import ContextVar

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request being answered, or an empty string outside one."""
    return _request_id.get()


def set_request_id(value: str) -> None:
    _request_id.set(value)
