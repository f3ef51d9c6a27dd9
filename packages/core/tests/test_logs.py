"""Logs: one JSON object a line, no secret in any."""

import json
import logging

import pytest
import structlog
from summit_core.observability import logs
from summit_core.observability.logs import configure_logs, redact, request_line


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


def test_the_line_of_a_request_is_as_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("unit")
    structlog.get_logger("ours").info("hello", request_id="r", trace_id="t")
    request_line(method="GET", route="/v1/x", status=200, ms=1.5, request_id="r", trace_id="t")
    other, line = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert set(line) == set(other) | {"method", "route", "status", "ms"}
    assert (line["event"], line["service"], line["level"]) == ("request", "unit", "info")
    assert line["time"][-1] == other["time"][-1] == "Z"
    configure_logs("unit", "warning")
    request_line(method="GET", route="/v1/x", status=200)
    assert capsys.readouterr().out == ""
    logging.getLogger().handlers.clear()
    structlog.reset_defaults()
    logs._write_request = None
