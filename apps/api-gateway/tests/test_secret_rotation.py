"""The session secret is rotated: what the old one signed holds for its life, what is signed now needs the new one."""

from datetime import UTC, datetime

import pytest
from summit_core.clock import ManualClock
from summit_core.errors import UnauthenticatedError
from summit_gateway.sessions.session import ACCESS_FOR
from summit_gateway.sessions.token import AccessTokens

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, NEW, OTHER = (f"{name}-session-secret-of-the-tests-0123456789" for name in ("old", "new", "other"))


def test_what_the_old_secret_signed_holds_for_its_life_and_no_longer() -> None:
    clock = ManualClock(NOW)
    before, during = AccessTokens(OLD, clock), AccessTokens(NEW, clock, previous=OLD)
    token = before.issue("s-1")
    assert during.read(token) == "s-1"
    clock.advance(ACCESS_FOR.total_seconds() - 1)
    assert during.read(token) == "s-1"
    clock.advance(1)
    with pytest.raises(UnauthenticatedError, match="expired"):
        during.read(token)


def test_nothing_new_is_signed_with_the_old_secret() -> None:
    clock = ManualClock(NOW)
    before, after = AccessTokens(OLD, clock), AccessTokens(NEW, clock)
    token = AccessTokens(NEW, clock, previous=OLD).issue("s-2")
    assert after.read(token) == "s-2"
    with pytest.raises(UnauthenticatedError):
        before.read(token)


def test_at_the_end_of_the_overlap_the_old_secret_is_nothing() -> None:
    clock = ManualClock(NOW)
    token = AccessTokens(OLD, clock).issue("s-3")
    for tokens in (AccessTokens(NEW, clock), AccessTokens(NEW, clock, previous=OTHER)):
        with pytest.raises(UnauthenticatedError, match="not one of ours"):
            tokens.read(token)


def test_two_gateways_in_the_middle_of_a_rolling_start_take_each_others_tokens() -> None:
    """Give the old ones the new secret as previous first; only then is there no moment in which one refuses."""
    clock = ManualClock(NOW)
    not_yet, already = AccessTokens(OLD, clock, previous=NEW), AccessTokens(NEW, clock, previous=OLD)
    assert (not_yet.read(already.issue("s-4")), already.read(not_yet.issue("s-5"))) == ("s-4", "s-5")
