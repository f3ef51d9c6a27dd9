"""Logs: one JSON object a line, no secret in any."""

import json
import logging

import pytest
import structlog
from summit_core.observability.logs import configure_logs, redact


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer smt_abc_S3CRETVALUE",
        "connect postgresql://user:S3CRETVALUE@host/db",
        '{"password": "S3CRETVALUE"}',
        "api_key=S3CRETVALUE",
        "token: S3CRETVALUE",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    assert "S3CRETVALUE" not in redact(text)
    assert "[redacted]" in redact(text)


def test_harmless_lines_stay_as_they_are() -> None:
    assert redact("POST /v1/nodes/x/token 200") == "POST /v1/nodes/x/token 200"


def test_our_lines_and_those_of_libraries_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("unit")
    structlog.get_logger("ours").info("hello", password="password=S3CRETVALUE", n=1)
    logging.getLogger("some.library").warning("theirs %s", "x")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["service"], line["level"]) for line in lines] == [
        ("hello", "unit", "info"),
        ("theirs x", "unit", "warning"),
    ]
    assert "S3CRETVALUE" not in json.dumps(lines)
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
