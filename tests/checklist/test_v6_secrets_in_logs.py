"""V6: secrets that go in by every door are in no log of any process; a log that holds one is noticed."""

import secrets
import urllib.parse
from pathlib import Path
from typing import Any

CANARY = f"c4nary{secrets.token_hex(12)}"


def leaks(folder: Path, *canaries: str) -> list[str]:
    """The lines of all logs that hold one of them."""
    return [
        f"{log.name}: {line[:300]}"
        for log in sorted(folder.rglob("*.log*"))
        for line in log.read_text(errors="replace").splitlines()
        if any(canary in line for canary in canaries)
    ]


def test_canaries_are_in_no_log(stack: Any) -> None:
    quoted = urllib.parse.quote(CANARY)
    for key in (CANARY, f"smt_0123456789ab_{CANARY}", f"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.{CANARY}"):
        assert stack.ask("GET", "/v1/sources", key=key)[0] == 401
    headers = {"Cookie": f"summit_session={CANARY}", "X-Api-Key": CANARY, "X-Request-Id": f"Bearer {CANARY}"}
    stack.ask("GET", "/v1/sources", **headers)
    for path in (f"/v1/entities?access_token={quoted}", f"/nothing/{quoted}", f"/v1/stream?token={quoted}"):
        stack.ask("GET", path)
    stack.ask("POST", "/v1/session", {"key": f"smt_0123456789ab_{CANARY}"})
    stack.ask("POST", "/v1/session", {"key": CANARY, "password": CANARY})
    stack.ask("POST", "/v1/observations", {"kind": "measurement", "password": CANARY, "source": CANARY})
    status, headers, _ = stack.ask("GET", "/v1/sources")
    assert status == 200
    settings = [stack.key, stack.endpoints["nats"], stack.endpoints["postgres"]]
    hidden = [part for url in settings[1:] if (part := urllib.parse.urlsplit(url).password)]
    kept = (stack.state_dir / "secrets.json").read_text()
    hidden += [word for word in kept.replace('"', " ").replace(",", " ").split() if len(word) >= 20]
    assert len(hidden) > 5
    stack.until(lambda: "/v1/sources" in (stack.logs / "api-gateway.log").read_text(), within_s=5, what="its log")
    assert leaks(stack.logs, CANARY, settings[0], *hidden) == []


def test_a_log_that_holds_one_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text(f'{{"event": "fine"}}\n{{"event": "connect postgresql://u:{CANARY}@h"}}\n')
    (tmp_path / "y.log.1").write_text(f"Bearer {CANARY}\n")
    assert len(leaks(tmp_path, CANARY)) == 2
    assert leaks(tmp_path, "POST /v1/registrations/x/rotate") == []
