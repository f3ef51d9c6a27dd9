"""Of passkeys: which pages may have them, and that no bytes do more than be refused."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passkey_harness import ORIGIN, RP_ID, Passkey, bytes_of, text_of
from summit_core.clock import ManualClock
from summit_core.errors import UnauthenticatedError
from summit_gateway.passkeys.ceremony import RelyingParty, challenge_of
from summit_gateway.passkeys.challenge import LASTS, SIGN_IN, Challenges
from summit_gateway.passkeys.passkey import MadeCredential, ShownCredential

PARTY = RelyingParty.of(ORIGIN)
USER = "user-0123456789ab"


@pytest.mark.parametrize(
    ("origins", "rp_id"),
    [
        ("*", None),
        ("https://*.example.org", None),
        ("http://ops.example.org", None),
        ("https://ops.example.org/", None),
        ("https://me@ops.example.org", None),
        ("https://Ops.example.org", None),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]", None),
        ("https://ops.example.org", "example.net"),
        ("https://ops.example.org", "ple.org"),
        ("https://ops.example.org", "org"),
        ("https://ops.example.org,https://example.net", None),
        (",", None),
    ],
)
def test_pages_that_may_not_have_passkeys(origins: str, rp_id: str | None) -> None:
    with pytest.raises(ValueError, match=r"https://host|names only|SUMMIT_PASSKEY_ORIGINS"):
        RelyingParty.of(origins, rp_id)


def test_pages_that_may() -> None:
    assert RelyingParty.of(ORIGIN).id == RP_ID
    pages = "https://ops.example.org, https://example.org:8443"
    assert RelyingParty.of(pages, "example.org").origins == ("https://ops.example.org", "https://example.org:8443")


def test_a_challenge_ends_and_is_for_one_purpose() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    challenges = Challenges("secret-of-the-tests", clock)
    challenge = challenges.issue(SIGN_IN)
    assert challenges.end_of(challenge, SIGN_IN) > clock.now()
    for wrong, purpose in ((challenge, USER), (challenge[:-1], SIGN_IN), (bytes(len(challenge)), SIGN_IN)):
        with pytest.raises(UnauthenticatedError):
            challenges.end_of(wrong, purpose)
    with pytest.raises(UnauthenticatedError):
        Challenges("another-secret-of-the-tests", clock).end_of(challenge, SIGN_IN)
    clock.advance(LASTS.total_seconds())
    with pytest.raises(UnauthenticatedError):
        challenges.end_of(challenge, SIGN_IN)


CHALLENGE = b"c" * 56
ASKED = {"challenge": text_of(CHALLENGE), "user": {"id": text_of(USER.encode())}}
PASSKEY = Passkey()
MADE = PASSKEY.make(ASKED)
SHOWN = PASSKEY.show(ASKED)
KEY = PARTY.made(msgspec.convert(MADE, MadeCredential), CHALLENGE)[1]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]), st.integers(0, 10_000), st.integers(1, 255)
)
def test_no_changed_byte_of_what_is_signed_passes(part: str, at: int, by: int) -> None:
    changed = bytearray(bytes_of(SHOWN["response"][part]))
    changed[at % len(changed)] ^= by
    shown = msgspec.convert(SHOWN | {"response": SHOWN["response"] | {part: text_of(bytes(changed))}}, ShownCredential)
    with pytest.raises(UnauthenticatedError):
        PARTY.shown(shown, CHALLENGE, KEY)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=40))
def test_hostile_bytes_in_what_was_made_are_refused_or_harmless(at: int, put: bytes) -> None:
    """Whatever they are: an answer, or :class:`UnauthenticatedError`, and never another error."""
    whole = bytes_of(MADE["response"]["attestationObject"])
    changed = whole[: at % len(whole)] + put + whole[at % len(whole) + len(put) :]
    response = MADE["response"] | {"attestationObject": text_of(changed)}
    made = msgspec.convert(MADE | {"response": response}, MadeCredential)
    try:
        credential, public_key, _ = PARTY.made(made, CHALLENGE)
    except UnauthenticatedError as error:
        assert error.status == 401
    else:
        assert isinstance(credential, bytes)
        assert isinstance(public_key, bytes)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_hostile_client_data_are_refused(data: bytes) -> None:
    with pytest.raises(UnauthenticatedError):
        challenge_of(text_of(data))
