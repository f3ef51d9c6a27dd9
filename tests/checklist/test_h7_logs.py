"""H7: every line of every process is one JSON object with service, time and level; those of a request carry its id.

NATS knows no JSON: its log is a file of its own, which fabric reads. PostgreSQL's lines are wrapped by the supervisor.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_JSON = {"nats.log"}
EVERY_LINE = {"service", "time", "level", "event"}
PLANTED = {
    "prints": ("def f() -> None:\n    print(1)\n", "T201"),
    "catches_all": ("def f() -> None:\n    try:\n        f()\n    except Exception:\n        pass\n", "BLE001"),
    "swallows_all": ("def f() -> None:\n    try:\n        f()\n    except Exception:\n        pass\n", "S110"),
    "hides_the_trace": (
        "import logging\n\n\ndef f() -> None:\n    try:\n        f()\n    except OSError:\n        logging.error(1)\n",
        "TRY400",
    ),
}


def wrong_lines(folder: Path) -> list[str]:
    """The lines of all logs that are not what they should be."""
    found = []
    for log in sorted(folder.glob("*.log")):
        if log.name in NOT_JSON:
            continue
        for line in log.read_text().splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                fields = None
            if not isinstance(fields, dict) or EVERY_LINE - set(fields):
                found.append(f"{log.name}: {line[:200]}")
    return found


def test_every_line_of_the_stack_is_json(stack: Any) -> None:
    status, headers, _ = stack.ask("GET", "/v1/sources")
    assert status == 200
    assert wrong_lines(stack.logs) == []
    assert {path.stem for path in stack.logs.glob("*.log")} >= {"postgres", "supervisor", *stack.services}
    request_id = {name.lower(): value for name, value in headers.items()}["x-request-id"]

    def routes() -> list[str]:
        lines = [json.loads(line) for line in (stack.logs / "api-gateway.log").read_text().splitlines()]
        return [line["route"] for line in lines if line.get("request_id") == request_id and line["event"] == "request"]

    assert stack.until(routes, within_s=5, what="the line of the request") == ["/v1/sources"]


@pytest.mark.planted("a traceback between the lines, a line without its fields, JSON that is no object")
def test_a_line_that_is_not_json_is_noticed(tmp_path: Path) -> None:
    good = {"service": "x", "time": "t", "level": "info", "event": "e"}
    (tmp_path / "x.log").write_text(json.dumps(good) + "\nTraceback (most recent call last):\n")
    (tmp_path / "y.log").write_text(json.dumps(good | {"more": 1}) + '\n{"event": "e"}\n[1]\n')
    assert len(wrong_lines(tmp_path)) == 3


def _lines_of(program: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and the lines of a process that says nothing but JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **environment}, timeout=30
    )
    return done.returncode, [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]


def test_what_goes_wrong_before_and_beside_the_loggers_is_json() -> None:
    code, lines = _lines_of("from summit_tasking.__main__ import main; main()", SUMMIT_LOG_LEVEL="loud")
    assert code == 2 and "SUMMIT_NATS_URL" in lines[0]["event"] and "SUMMIT_LOG_LEVEL" in lines[0]["event"]
    code, lines = _lines_of(
        "import asyncio, threading, warnings\n"
        "from summit_core.observability.logs import configure_logs, watch_loop\n"
        "configure_logs('unit')\n"
        "warnings.warn('old')\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "async def main():\n"
        "    loop = asyncio.get_running_loop(); watch_loop(loop)\n"
        "    loop.call_exception_handler({'message': 'nobody waits', 'exception': ValueError('password=hunter22')})\n"
        "asyncio.run(main())\n"
        "raise RuntimeError('postgresql://u:hunter22@host')\n"
    )
    assert code == 1
    assert all(set(line) >= EVERY_LINE for line in lines)
    assert [line["level"] for line in lines] == ["warning", "critical", "error", "critical"]
    assert "hunter22" not in json.dumps(lines)
    assert "RuntimeError" in lines[-1]["exception"]


@pytest.mark.planted("print, a broad except, one that swallows, one that hides the trace")
@pytest.mark.parametrize("name", PLANTED)
def test_the_linter_refuses(name: str, tmp_path: Path) -> None:
    text, rule = PLANTED[name]
    (tmp_path / "planted.py").write_text(text)
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(ROOT / "pyproject.toml"), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and rule in done.stdout
