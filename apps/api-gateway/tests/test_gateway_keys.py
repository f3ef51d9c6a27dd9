"""Keys: narrowed by scopes, rotated without a gap, their use noted, their organisation kept."""

from datetime import UTC, datetime, timedelta

from gateway_harness import Gateway
from summit_core.clock import ManualClock
from summit_core.model import Role
from summit_core.security.token import digest, new_token
from summit_core.store import create_pool
from summit_gateway.keys.key import ApiKey, StoredKey
from summit_gateway.keys.service import KeyService
from summit_gateway.keys.store import KeyStore, insert
from waiting import eventually

START = datetime(2026, 7, 1, tzinfo=UTC)


def _id(key: str) -> str:
    return key.split("_")[1]


async def test_scopes_narrow_the_role(gateway: Gateway) -> None:
    wanted = {"name": "narrow", "role": "operator", "scopes": ["observe"]}
    status, made = await gateway.post("/v1/keys", wanted)
    assert (status, made["scopes"]) == (201, ["observe"])
    status, problem = await gateway.get("/v1/entities", key=made["key"])
    assert (status, "scopes" in problem["detail"]) == (403, True)
    assert (await gateway.post("/v1/observations", [], key=made["key"]))[0] != 403


async def test_scopes_beyond_the_role_are_refused(gateway: Gateway) -> None:
    status, problem = await gateway.post("/v1/keys", {"name": "x", "role": "viewer", "scopes": ["read", "approve"]})
    assert (status, problem["field"]) == (422, "scopes")


async def test_a_narrowed_administrator_hands_out_nothing(gateway: Gateway) -> None:
    _, made = await gateway.post("/v1/keys", {"name": "n", "role": "administrator", "scopes": ["administer"]})
    narrow = made["key"]
    assert (await gateway.get("/v1/keys", key=narrow))[0] == 200
    assert (await gateway.post("/v1/keys", {"name": "w", "role": "viewer"}, key=narrow))[0] == 403
    assert (await gateway.post(f"/v1/keys/{_id(gateway.admin_key)}/rotate", {}, key=narrow))[0] == 403


async def test_an_organisation_keeps_to_itself(gateway: Gateway) -> None:
    wanted = {"name": "north admin", "role": "administrator", "organisation": "north"}
    _, north = await gateway.post("/v1/keys", wanted)
    _, theirs = await gateway.post("/v1/keys", {"name": "ours", "role": "viewer"}, key=north["key"])
    assert theirs["organisation"] == "north"
    status, _ = await gateway.post("/v1/keys", {"name": "x", "role": "viewer", "organisation": "s"}, key=north["key"])
    assert status == 403
    _, listed = await gateway.get("/v1/keys", key=north["key"])
    assert {item["name"] for item in listed["items"]} == {"north admin", "ours"}
    path = f"/v1/keys/{_id(gateway.admin_key)}"
    async with gateway.http.delete(gateway.url + path, headers=gateway.headers(north["key"])) as response:
        assert response.status == 404
    assert (await gateway.post(path + "/rotate", {}, key=north["key"]))[0] == 404


async def test_rotation_leaves_no_gap(gateway: Gateway) -> None:
    old = await gateway.key("operator", name="feed")
    status, new = await gateway.post(f"/v1/keys/{_id(old)}/rotate", {"overlap_s": 2})
    assert (status, new["name"], new["role"]) == (201, "feed", "operator")
    assert (await gateway.get("/v1/entities", key=old))[0] == 200
    assert (await gateway.get("/v1/entities", key=new["key"]))[0] == 200

    async def old_has_ended() -> bool:
        return (await gateway.get("/v1/entities", key=old))[0] == 401

    await eventually(old_has_ended)
    assert (await gateway.get("/v1/entities", key=new["key"]))[0] == 200
    assert (await gateway.post(f"/v1/keys/{_id(old)}/rotate", {}))[0] == 409
    assert (await gateway.post("/v1/keys/0123456789ab/rotate", {}))[0] == 404


async def test_use_is_noted_once_a_minute(database_url: str) -> None:
    clock = ManualClock(START)
    pool = await create_pool(database_url, name="test")
    store = KeyStore(pool)
    keys = KeyService(store, clock)
    identifier, token = new_token()
    key = ApiKey(id=identifier, name="x", role=Role.VIEWER, created_at=START, created_by="test")
    async with store.locked() as connection:
        await insert(connection, StoredKey(key, digest(token)))

    async def last_use_after(seconds: float) -> datetime | None:
        clock.advance(seconds)
        await keys.verify(token)
        await keys.note_use()
        await keys.refresh()
        return (await store.find([identifier]))[0].key.last_used_at

    assert await last_use_after(1) == START + timedelta(seconds=1)
    assert await last_use_after(30) == START + timedelta(seconds=1)
    assert await last_use_after(40) == START + timedelta(seconds=71)
    await pool.close()


async def test_a_wrong_secret_costs_what_an_unknown_id_does(gateway: Gateway) -> None:
    """Both ask the database exactly once: the time of a wrong key does not tell whether its id exists."""
    good = gateway.admin_key
    await gateway.get("/v1/session")
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    unknown = "smt_" + "0" * 12 + good[16:]
    asked: list[int] = []
    store = gateway.app.state.services.keys._store
    find = store.find

    async def counted(ids: list[str], *hashes: bytes) -> list[StoredKey]:
        asked.append(len(ids))
        found: list[StoredKey] = await find(ids, *hashes)
        return found

    store.find = counted
    for key in (wrong, unknown):
        asked.clear()
        assert (await gateway.get("/v1/session", key=key))[0] == 401
        assert 1 in asked, key
