"""The service key, and the overlap of two while it is rotated."""

import pytest
from summit_core.errors import UnauthenticatedError
from summit_core.model import Role
from summit_core.security.service_key import Key, ServiceKey, caller

OLD, NEW = "old-key-of-the-services-1", "new-key-of-the-services-2"


def _admits(key: Key, shown: str) -> bool:
    try:
        return caller({"authorization": f"Bearer {shown}"}, key).role is Role.SERVICE
    except UnauthenticatedError:
        return False


@pytest.mark.parametrize(
    ("key", "admitted"),
    [
        (OLD, {OLD}),
        (ServiceKey(NEW), {NEW}),
        (ServiceKey(NEW, OLD), {NEW, OLD}),
    ],
)
def test_only_what_holds_now_is_admitted(key: Key, admitted: set[str]) -> None:
    tried = {OLD, NEW, "", "None", OLD[:-1], OLD.upper(), NEW + "x"}
    assert {shown for shown in tried if _admits(key, shown)} == admitted


def test_a_key_is_not_shown_in_a_log_line() -> None:
    assert OLD not in repr(ServiceKey(NEW, OLD))
