"""Dead letters over the real broker and database: found by filters, read, replayed through validation, dropped."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from fabric_harness import SERVICE_KEY, Fabric, good, shifted, telemetry
from summit_core import wire
from summit_core.errors import ConflictError
from summit_core.ids import new_id
from summit_core.model import DeadLetter
from summit_core.wire import decode
from summit_fabric.deadletters import opened, subject_of
from waiting import eventually


def principal(role: str) -> dict[str, str]:
    stated = {"id": "k-1", "name": "somebody", "role": role}
    return {"Authorization": f"Bearer {SERVICE_KEY}", "X-Summit-Principal": json.dumps(stated)}


async def call(fabric: Fabric, method: str, path: str, role: str = "administrator") -> tuple[int, Any]:
    async with fabric.http.request(method, f"{fabric.url}/v1/dead-letters/{path}", headers=principal(role)) as response:
        return response.status, await response.json(content_type=None)


def letter(payload: bytes, **changes: Any) -> DeadLetter:
    base = {"id": new_id(), "at": shifted(0), "door": "http", "subject": "POST /v1/observations", "message": "why"}
    body = base | {"code": "invalid_field", "size": len(payload), "payload": base64.b64encode(payload).decode()}
    return decode(json.dumps(body | changes).encode(), DeadLetter)


async def bury(fabric: Fabric, *letters: DeadLetter) -> None:
    """As the gateway does; returns when all of them can be read."""
    for one in letters:
        await fabric.send(f"deadletters.{one.door}", wire.encode(one))
    await buried(fabric, len(letters))


async def buried(fabric: Fabric, number: int) -> list[dict[str, Any]]:
    async def there() -> list[dict[str, Any]]:
        letters = await fabric.letters()
        return letters if len(letters) >= number else []

    return await eventually(there)


async def test_a_letter_is_found_by_each_filter_and_read_with_its_bytes(fabric: Fabric) -> None:
    payload = json.dumps(good("cam-1", lat=999, text="Zoë")).encode()
    await fabric.send("observations.measurement", payload)
    await fabric.send("observations.measurement", b'{"source":"\xff"')
    await bury(fabric, letter(b"[", code="malformed_json", at=shifted(-3600)))
    (found,) = (await fabric.get("/v1/dead-letters?source=cam-1"))["items"]
    for query, expected in {
        "code=invalid_field": 1,
        "code=nothing_of_the_kind": 0,
        "source=unknown": 2,
        "door=http": 1,
        "door=nats&code=invalid_utf8": 1,
        f"since={quote(shifted(-60))}": 2,
        "since=2020-01-01T00:00:00Z": 3,
    }.items():
        assert len((await fabric.get(f"/v1/dead-letters?{query}"))["items"]) == expected, query
    first = await fabric.get("/v1/dead-letters?limit=1&since=2020-01-01T00:00:00Z")
    rest = await fabric.get(f"/v1/dead-letters?limit=2&since=2020-01-01T00:00:00Z&cursor={first['next']}")
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 3
    assert rest["next"] is None

    status, read = await call(fabric, "GET", found["id"], "viewer")
    assert (status, read["text"], base64.b64decode(read["payload"])) == (200, payload.decode(), payload)
    assert (read["complete"], read["field"], read["subject"]) == (True, "lat", "observations.measurement")
    (binary,) = (await fabric.get("/v1/dead-letters?code=invalid_utf8"))["items"]
    assert "text" not in (await call(fabric, "GET", binary["id"]))[1]


async def test_a_replay_goes_through_validation_and_twice_is_stored_once(fabric: Fabric) -> None:
    """A drone whose clock was wrong: what was from the future no longer is when somebody looks."""
    past = letter(json.dumps(telemetry("drone-1")).encode(), door="mqtt", subject="devices.drone-1.telemetry")
    still_bad = letter(json.dumps(telemetry("other")).encode(), door="mqtt", subject="devices.drone-1.telemetry")
    by_http = letter(json.dumps(good("cam-1", kind="measurement")).encode(), source="cam-1")
    await bury(fabric, past, still_bad, by_http)

    status, replayed = await call(fabric, "POST", f"{past.id}/replay", "operator")
    assert (status, replayed["id"], replayed["subject"]) == (202, past.id, past.subject)
    assert (await call(fabric, "POST", f"{past.id}/replay"))[1]["seq"] > replayed["seq"]
    assert (await call(fabric, "POST", f"{by_http.id}/replay"))[1]["subject"] == "observations.measurement"
    assert (await call(fabric, "POST", f"{still_bad.id}/replay"))[0] == 202

    async def settled() -> bool:
        account = await fabric.account("drone-1")
        both = (account.get("stored"), account.get("duplicate"))
        return both == (1, 1) and await fabric.count("cam-1") == 1

    await eventually(settled)
    again = next(one for one in await buried(fabric, 4) if one["code"] == "source_mismatch")
    assert (again["id"] != still_bad.id, again["subject"]) == (True, still_bad.subject)
    assert await fabric.count("other") == 0


async def test_what_cannot_be_replayed_says_why(fabric: Fabric) -> None:
    reasons = {
        letter(b"[" * 4096, size=300_000, door="nats", subject="observations.report"): "only 4096 of 300000 bytes",
        letter(b"", size=20_000_000): "only 0 of 20000000 bytes",
        letter(b"{"): "kind cannot be read",
        letter(b'{"kind":"no.such > subject"}'): "kind cannot be read",
        # a device must not get past the gateway's check of its name by being refused for something else first
        letter(json.dumps(good("cam-2", kind="measurement")).encode(), source="cam-1"): "may not write as it",
        letter(b"{}", door="nats", subject="world.entities.drone-1"): "not a subject on which producers publish",
        letter(b"{}", door="nats", subject="observations.>"): "not a subject on which producers publish",
    }
    await bury(fabric, *reasons)
    for one, reason in reasons.items():
        status, problem = await call(fabric, "POST", f"{one.id}/replay")
        assert (status, problem["code"]) == (409, "conflict"), one
        assert reason in problem["detail"]


async def test_a_dropped_letter_is_gone_and_its_account_stays(fabric: Fabric) -> None:
    await fabric.send("observations.measurement", good("cam-1", lat=999))
    (one,) = await buried(fabric, 1)
    assert (await call(fabric, "DELETE", one["id"]))[0] == 204
    assert await fabric.letters() == []
    for method, path in (("GET", one["id"]), ("POST", f"{one['id']}/replay"), ("DELETE", one["id"])):
        status, problem = await call(fabric, method, path)
        assert (status, problem["code"]) == (404, "not_found")
        assert one["id"] in problem["detail"]
    assert (await fabric.account("cam-1"))["rejected"] == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "{id}", {"viewer", "operator", "commander", "administrator"}),
        ("POST", "{id}/replay", {"operator", "commander", "administrator"}),
        ("DELETE", "{id}", {"administrator"}),
    ],
)
async def test_who_may(fabric: Fabric, method: str, path: str, allowed: set[str]) -> None:
    for role in ("viewer", "operator", "commander", "device", "administrator"):
        status, problem = await call(fabric, method, path.format(id=new_id()), role)
        assert (status == 403) == (role not in allowed), (role, status, problem)
    assert (await fabric.ask("/v1/dead-letters?code=DROP%20TABLE"))[0] == 422
    assert (await call(fabric, method, path.format(id="x")))[0] == 422


def test_a_cut_through_a_character_leaves_the_rest_readable() -> None:
    whole = "ë" * 3000
    cut = opened(letter(whole.encode()[:4095], size=6000))
    assert (cut.complete, cut.text) == (False, "ë" * 2047)
    assert opened(letter(whole.encode()[:3999], size=3999)).text is None
    with pytest.raises(ConflictError, match="only 4095 of 6000"):
        subject_of(cut)
