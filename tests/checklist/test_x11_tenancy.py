"""X11: two organisations in one installation. Nothing of one is read, streamed, changed or counted by the other."""

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

WRITES = ("POST", "PUT", "PATCH", "DELETE")
OWN = re.compile(r"^/v1/(session|sign-in|keys|users|organisations|token|auth|audit|me|totp|passkeys)")
"""Not of the world: what there is to see is the caller's own, or is tested with identity and audit."""


def leaks(body: bytes, foreign: set[str]) -> set[str]:
    """What of another organisation an answer tells."""
    return {name for name in foreign if name.encode() in body}


@dataclass
class Two:
    """The default organisation's things, and a key of each organisation."""

    stack: Any
    theirs: str
    foreign: dict[str, str]
    device: str

    def get(self, path: str, key: str | None = None) -> tuple[int, bytes]:
        status, _, body = self.stack.ask("GET", path, key=key)
        return status, body

    def routes(self) -> list[tuple[str, str]]:
        document = json.loads(self.get("/openapi.json")[1])
        return [
            (method.upper(), path)
            for path, methods in document["paths"].items()
            for method in methods
            if path.startswith("/v1/") and not OWN.match(path)
        ]


def _made(answer: tuple[int, dict[str, str], bytes]) -> Any:
    assert answer[0] in {200, 201, 202}, answer
    return json.loads(answer[2])


@pytest.fixture(scope="module")
def two(stack: Any) -> Iterator[Two]:
    north = _made(stack.ask("POST", "/v1/organisations", {"id": "north", "name": "Northern county"}))["key"]["key"]
    place = {"lat": 39.5, "lon": -121.5}
    entity = _made(stack.ask("POST", "/v1/entities", {"kind": "place", "label": "secret-depot", "location": place}))
    zone = {"name": "secret-zone", "rule": "exclusion", "circle": place | {"radius_m": 500.0}}
    registered = _made(stack.ask("POST", "/v1/registrations", {"id": "secret-cam", "label": "secret"}))
    at = datetime.now(UTC).isoformat()
    seen = {"kind": "detection", "source": "secret-cam", "observed_at": at, "class": "fire", "confidence": 0.97} | place
    observation = _made(stack.ask("POST", "/v1/observations", seen))["ids"][0]
    device = _made(stack.ask("POST", "/v1/registrations", {"id": "north-gas"}, key=north))["key"]
    foreign = {
        "entities": entity["id"],
        "zones": _made(stack.ask("POST", "/v1/zones", zone))["id"],
        "registrations": registered["registration"]["id"],
        "observations": observation,
        "sources": "secret-cam",
    }
    two = Two(stack, north, foreign, device)

    def stored() -> bool:
        incidents = json.loads(two.get("/v1/incidents")[1])["items"]
        foreign.update({"incidents": incidents[0]["id"]} if incidents else {})
        return two.get(f"/v1/observations/{observation}")[0] == 200 and bool(incidents)

    _until(stored)
    yield two


def _until(condition: Any) -> None:
    import time  # noqa: PLC0415  (only here: another process, nothing to await)

    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def _filled(path: str, identifier: str) -> str:
    return re.sub(r"{\w+}", "label", path.replace("{id}", identifier))


@pytest.mark.planted("a caller of the organisation that the things belong to: the same questions show him all of them")
def test_no_read_tells_of_the_other_organisation(two: Two) -> None:
    foreign = {*two.foreign.values(), "secret"}
    asked, seen_by_owner = 0, set()
    for method, path in two.routes():
        if method != "GET" or path == "/v1/stream":
            continue
        for identifier in two.foreign.values() if "{id}" in path else [""]:
            for query in ("", "?as_of=" + datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")):
                address = _filled(path, identifier) + query
                status, body = two.get(address, two.theirs)
                shown = leaks(body.replace(identifier.encode(), b""), foreign)
                assert not shown, (address, status, shown)
                assert status != 403, f"{address}: that there is something is told"
                if "{id}" in path and status == 200:
                    assert json.loads(body).get("items", []) == [], address
                asked += 1
            seen_by_owner |= leaks(two.get(_filled(path, identifier))[1], foreign)
    assert asked > 60
    assert seen_by_owner == foreign, "the same questions show their owner everything, so the check can fail"


def test_a_foreign_object_is_none_and_stays_as_it_is(two: Two) -> None:
    before = {kind: two.get(f"/v1/{kind}/{key}")[1] for kind, key in two.foreign.items() if kind != "sources"}
    for kind, key in two.foreign.items():
        assert two.get(f"/v1/{kind}/{key}", two.theirs)[0] == 404, kind
    bodies = {
        "rotate": {},
        "revoke": {},
        "merge": {"into": two.foreign["entities"]},
        "split": {},
        "state": {"state": "closed", "reason": "x"},
        "ack": {},
    }
    tried = 0
    for method, path in two.routes():
        kind = path.split("/")[2]
        if method not in WRITES or "{id}" not in path or kind not in before:
            continue
        zone = {"name": "z", "rule": "exclusion", "circle": {"lat": 1.0, "lon": 1.0, "radius_m": 5.0}}
        body = bodies.get(path.rsplit("/", 1)[1], zone if method == "PUT" else {"note": "x"})
        address = _filled(path, two.foreign[kind])
        status, _, said = two.stack.ask(method, address, body, key=two.theirs, **{"If-Match": "*"})
        assert status == 404, (method, address, status, said)
        tried += 1
    assert tried >= 8
    after = {kind: two.get(f"/v1/{kind}/{key}")[1] for kind, key in two.foreign.items() if kind != "sources"}
    assert {kind: json.loads(body)["id"] for kind, body in after.items()} == {
        kind: json.loads(body)["id"] for kind, body in before.items()
    }
    assert after["zones"] == before["zones"] and after["entities"] == before["entities"]


def test_the_stream_holds_only_ones_own(two: Two) -> None:
    def picture(key: str) -> bytes:
        headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
        request = urllib.request.Request(two.stack.gateway + "/v1/stream", headers=headers)
        read = b""
        with urllib.request.urlopen(request, timeout=10) as answer:
            while b"snapshot-end" not in read:
                read += answer.readline()
        return read

    known = {two.foreign["entities"], two.foreign["zones"], two.foreign["registrations"]}
    assert leaks(picture(two.theirs), {*two.foreign.values(), "secret"}) == set()
    assert leaks(picture(two.stack.key), known) == known


def test_a_source_belongs_to_one_organisation(two: Two) -> None:
    at = datetime.now(UTC).isoformat()
    said = {
        "kind": "measurement",
        "source": "secret-cam",
        "observed_at": at,
        "quantity": "x",
        "value": 1.0,
        "unit": "1",
    }
    for key, source in ((two.theirs, "secret-cam"), (two.theirs, "nobodys"), (two.stack.key, "north-gas")):
        body = said | {"source": source, "organisation": "default"}
        status, _, answer = two.stack.ask("POST", "/v1/observations", body, key=key)
        assert (status, json.loads(answer)["rejected"][0]["code"]) == (422, "source_mismatch"), source
    status, _, _ = two.stack.ask("POST", "/v1/registrations", {"id": "secret-cam"}, key=two.theirs)
    assert status == 409
    status, _, _ = two.stack.ask("POST", "/v1/organisations", {"id": "west", "name": "w"}, key=two.theirs)
    assert status == 403


@pytest.mark.planted("an answer that names a thing of the other organisation")
def test_a_leak_is_noticed() -> None:
    assert leaks(b'{"id":"op-place-1"}', {"op-place-1", "zone-2"}) == {"op-place-1"}
    assert leaks(b"{}", {"op-place-1"}) == set()
