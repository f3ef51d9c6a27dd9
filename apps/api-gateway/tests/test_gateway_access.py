"""Who gets in: keys, roles, sessions; every route has its entry."""

import asyncio
import stat
from typing import Any

from fastapi.routing import iter_route_contexts
from gateway_harness import Gateway, running
from starlette.routing import Mount
from summit_gateway.access import ACCESS, Door
from summit_gateway.settings import GatewaySettings
from waiting import eventually

OPEN = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/console-config.json"),
    ("POST", "/v1/session"),
    ("POST", "/v1/session/refresh"),
    ("DELETE", "/v1/session"),
    ("GET", "/v1/session/passkey"),
    ("POST", "/v1/session/passkey"),
}


def _routes(gateway: Gateway) -> set[tuple[str, str]]:
    found = set()
    for context in iter_route_contexts(gateway.app.routes):
        if isinstance(context.original_route, Mount) or context.path == "/openapi.json":
            continue  # files and the description of the API, which hold nothing of the picture
        for method in (context.methods or {"WEBSOCKET"}) - {"HEAD"}:
            found.add((method, str(context.path)))
    return found


async def test_every_route_declares_its_access(gateway: Gateway) -> None:
    assert _routes(gateway) == set(ACCESS)
    assert {route for route, access in ACCESS.items() if access is Door.OPEN} == OPEN


async def test_no_route_opens_without_a_credential(gateway: Gateway) -> None:
    for method, path in sorted(set(ACCESS) - OPEN):
        if method != "WEBSOCKET":
            async with gateway.http.request(method, gateway.url + path.replace("{id}", "0123456789ab")) as response:
                body = await response.json(content_type=None)
                assert (response.status, body["code"]) == (401, "unauthenticated"), (method, path)
                assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_wrong_credentials_are_refused(gateway: Gateway) -> None:
    good = gateway.admin_key
    wrong_secret = good[:-1] + ("0" if good[-1] != "0" else "1")
    unknown = "smt_" + "0" * 12 + "_" + "0" * 64
    for header in (f"Bearer {wrong_secret}", f"Bearer {unknown}", "Bearer ", "Bearer x", f"Basic {good}", good):
        async with gateway.http.get(gateway.url + "/v1/entities", headers={"Authorization": header}) as response:
            assert response.status == 401, header
    for parameter in ("key", "api_key", "access_token", "token"):
        async with gateway.http.get(gateway.url + "/v1/entities", params={parameter: good}) as response:
            assert response.status == 401, parameter


async def test_roles(gateway: Gateway) -> None:
    keys = {role: await gateway.key(role, name=role) for role in ("viewer", "operator", "commander", "device")}
    keys["administrator"] = gateway.admin_key
    plan: dict[str, Any] = {"plan_hash": "x"}
    expected = {
        ("GET", "/v1/entities"): {"viewer", "operator", "commander", "administrator"},
        ("POST", "/v1/alerts/a-1/ack"): {"operator", "commander", "administrator"},
        ("POST", "/v1/tasks/t-1/approve"): {"commander", "administrator"},
        ("POST", "/v1/observations"): {"operator", "commander", "device", "administrator"},
        ("GET", "/v1/keys"): {"administrator"},
        ("GET", "/v1/dead-letters/l-1"): {"viewer", "operator", "commander", "administrator"},
        ("POST", "/v1/dead-letters/l-1/replay"): {"operator", "commander", "administrator"},
        ("DELETE", "/v1/dead-letters/l-1"): {"administrator"},
    }
    for (method, path), allowed in expected.items():
        for role, key in keys.items():
            headers = gateway.headers(key)
            async with gateway.http.request(method, gateway.url + path, json=plan, headers=headers) as response:
                status = response.status
            assert (status != 403) == (role in allowed), (method, path, role, status)


async def test_a_revoked_key_opens_nothing(gateway: Gateway) -> None:
    key = await gateway.key("viewer")
    assert (await gateway.get("/v1/entities", key=key))[0] == 200
    async with gateway.http.delete(f"{gateway.url}/v1/keys/{key.split('_')[1]}", headers=gateway.headers()) as response:
        assert response.status == 204
    status, problem = await gateway.get("/v1/entities", key=key)
    assert (status, "revoked" in problem["detail"]) == (401, True)


async def test_the_last_administrator_cannot_be_locked_out(gateway: Gateway) -> None:
    key_id = gateway.admin_key.split("_")[1]
    async with gateway.http.delete(f"{gateway.url}/v1/keys/{key_id}", headers=gateway.headers()) as response:
        assert response.status == 409


async def test_a_list_of_keys_holds_no_secret(gateway: Gateway) -> None:
    key = await gateway.key("viewer")
    _, listed = await gateway.get("/v1/keys")
    assert {item["name"] for item in listed["items"]} == {"administrator", "someone"}
    assert key.split("_")[2] not in str(listed)
    assert "hash" not in str(listed)


async def test_the_first_key_is_written_once(settings: GatewaySettings) -> None:
    async with running(settings) as first:
        key = first.admin_key
    assert stat.S_IMODE(settings.admin_key_file.stat().st_mode) == 0o600
    async with running(settings) as second:
        assert second.admin_key == key
        _, listed = await second.get("/v1/keys")
        assert len(listed["items"]) == 1


async def test_a_crash_between_commit_and_rename_is_finished(settings: GatewaySettings) -> None:
    async with running(settings) as first:
        key = first.admin_key
    file = settings.admin_key_file
    file.rename(file.with_name(file.name + ".new"))  # as a crash before the rename leaves it
    async with running(settings) as second:
        assert second.admin_key == key


async def _sign_in(gateway: Gateway, key: str, **headers: str) -> str:
    async with gateway.http.post(gateway.url + "/v1/session", json={"key": key}, headers=headers) as response:
        assert response.status == 200
        return response.headers["Set-Cookie"]


async def test_session(gateway: Gateway) -> None:
    cookie = await _sign_in(gateway, gateway.admin_key)
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "secure" not in cookie.lower()
    assert "secure" in (await _sign_in(gateway, gateway.admin_key, **{"X-Forwarded-Proto": "https"})).lower()
    await _sign_in(gateway, gateway.admin_key)
    async with gateway.http.get(gateway.url + "/v1/session") as response:
        assert (await response.json())["role"] == "administrator"
    async with gateway.http.post(gateway.url + "/v1/keys", json={"name": "x", "role": "viewer"}) as response:
        assert response.status == 403  # no X-Summit-Request: it could be another site's page that asks
    async with gateway.http.post(
        gateway.url + "/v1/keys", json={"name": "x", "role": "viewer"}, headers={"X-Summit-Request": "1"}
    ) as response:
        assert response.status == 201
    async with gateway.http.delete(gateway.url + "/v1/session") as response:
        assert response.status == 204
    async with gateway.http.get(gateway.url + "/v1/session") as response:
        assert response.status == 401


async def test_a_forged_session_is_refused(gateway: Gateway) -> None:
    for forged in ("", "x", "e30=.e30=", "a.b.c", "é.é"):
        headers = {"Cookie": f"summit_session={forged}"}
        async with gateway.http.get(gateway.url + "/v1/session", headers=headers) as response:
            assert response.status == 401, forged


async def test_a_revoked_key_ends_its_sessions(gateway: Gateway) -> None:
    key = await gateway.key("viewer")
    await _sign_in(gateway, key)
    async with gateway.http.delete(f"{gateway.url}/v1/keys/{key.split('_')[1]}", headers=gateway.headers()) as response:
        assert response.status == 204
    async with gateway.http.get(gateway.url + "/v1/session") as response:
        assert response.status == 401


async def test_a_known_key_works_while_the_database_is_away(gateway: Gateway, postgres_server: Any) -> None:
    assert (await gateway.get("/v1/entities"))[0] == 200
    await asyncio.to_thread(postgres_server.kill)
    try:
        assert (await gateway.get("/v1/entities"))[0] == 200
        status, problem = await gateway.get("/v1/keys")
        assert (status, problem["retriable"]) == (503, True)
        assert not await gateway.is_ready()
    finally:
        await asyncio.to_thread(postgres_server.start)
    await eventually(gateway.is_ready)
    assert (await gateway.get("/v1/keys"))[0] == 200
