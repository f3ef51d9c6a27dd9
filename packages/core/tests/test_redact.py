"""What is written down holds no secret, however deep it lies, and loses nothing else."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summit_core.observability.redact import REDACTED, redact, redacted

CANARY = "C4NARYsecretC4NARY"
SEED = "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.C4NARYsecretC4NARY"
SECRETS = [
    f"Authorization: Bearer {CANARY}",
    f"Authorization: Basic {CANARY}==",
    f"connect postgresql://summit:{CANARY}@host:5432/db failed",
    f"nats://{CANARY}@host:4222",
    f"nats://service:p@{CANARY}@host",
    f'{{"password": "{CANARY}", "user": "x"}}',
    f"refresh_token={CANARY}&grant_type=refresh_token",
    f"api_key={CANARY}",
    f"Cookie: session={CANARY}; other=1",
    f"smt_0123456789ab_{CANARY}",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    f"-----BEGIN EC PRIVATE KEY-----\\n{CANARY}",
    f"CREATE ROLE x PASSWORD '{CANARY}'",
    f"otpauth://totp/summit?secret={CANARY}",
    f"$argon2id$v=19$m=65536${CANARY}",
]
HARMLESS = [
    "POST /v1/registrations/x/rotate",
    "POST /v1/nodes/x/token 200",
    "GET /v1/keys 200",
    "the key was revoked; ask an administrator for another",
    "no dead letter 01a is kept",
    "http://127.0.0.1:8000/v1/entities?bbox=1,2,3,4",
    "basic idea",
    "SUCCESS",
    "world event entities.track.42 at 2026-01-01T00:00:00Z",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_goes_wherever_it_stands(text: str) -> None:
    error = ValueError(text)
    for value in (text, text.encode(), {"a": [{"b": (text,)}]}, error, [error], {"x": {text}}):
        assert CANARY not in json.dumps(redacted(value))
    assert REDACTED in redact(text)


@pytest.mark.parametrize("text", ["AKIAIOSFODNN7EXAMPLE", SEED, TOKEN])
def test_what_has_the_shape_of_a_secret_goes(text: str) -> None:
    assert redact(f"before {text} after") == f"before {REDACTED} after"


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_lines_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "name", ["password", "SUMMIT_SERVICE_KEY", "refresh_token", "Authorization", "set-cookie", "seed"]
)
def test_what_stands_below_such_a_name_goes(name: str) -> None:
    assert redacted({"headers": {name: "any-thing"}}) == {"headers": {name: REDACTED}}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda more: st.lists(more) | st.dictionaries(st.text(), more),
    )
)
def test_any_value_can_be_written_and_redacting_twice_changes_nothing(value: object) -> None:
    once = redacted(value)
    assert redacted(json.loads(json.dumps(once))) == once


def test_other_things_are_shown_as_they_show_themselves() -> None:
    assert redacted(datetime(2026, 1, 1, tzinfo=UTC)).startswith("datetime.datetime(2026")
