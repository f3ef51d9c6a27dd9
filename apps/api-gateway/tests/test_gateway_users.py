"""People: made by administrators, signed in by password, their sessions renewed and ended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest
from gateway_harness import Gateway, free_port, running
from summit_core.http.limits.quota import Quota
from summit_gateway.settings import GatewaySettings
from summit_gateway.users import totp
from waiting import eventually

FIRST = "first words of mine"
SECOND = "other words of mine"
OWN_PAGE = {"X-Summit-Request": "1"}


async def _add(gateway: Gateway, name: str = "ann", role: str = "operator", **more: Any) -> str:
    status, made = await gateway.post("/v1/users", {"name": name, "role": role, "password": FIRST} | more)
    assert status == 201, made
    assert made["must_change"] is True
    return str(made["id"])


async def _sign_in(gateway: Gateway, **fields: Any) -> tuple[int, Any]:
    body = {"user": "ann", "tokens": True} | fields
    async with gateway.http.post(gateway.url + "/v1/session", json=body) as response:
        return response.status, await response.json()


async def _signed_in(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    status, answer = await _sign_in(gateway, **fields)
    assert status == 200, answer
    return dict(answer["tokens"])


async def _ready(gateway: Gateway, **fields: Any) -> tuple[str, dict[str, Any]]:
    """A user who has chosen his own password, and his tokens."""
    user_id = await _add(gateway, **fields)
    return user_id, await _signed_in(gateway, password=FIRST, new_password=SECOND)


async def _patch(gateway: Gateway, user_id: str, **fields: Any) -> tuple[int, Any]:
    url = f"{gateway.url}/v1/users/{user_id}"
    async with gateway.http.patch(url, json=fields, headers=gateway.headers()) as response:
        return response.status, await response.json()


async def test_the_first_sign_in_brings_a_password_of_his_own(gateway: Gateway) -> None:
    await _add(gateway)
    status, problem = await _sign_in(gateway, password=FIRST)
    assert (status, problem["code"], problem["field"]) == (403, "password_change_required", "new_password")
    for unfit in ("short", FIRST):
        status, problem = await _sign_in(gateway, password=FIRST, new_password=unfit)
        assert (status, problem["field"]) == (422, "new_password"), unfit
    tokens = await _signed_in(gateway, password=FIRST, new_password=SECOND)
    status, who = await gateway.get("/v1/session", key=tokens["access"])
    assert (status, who["name"], who["role"]) == (200, "ann", "operator")
    assert (await _sign_in(gateway, password=FIRST))[0] == 401
    assert (await _sign_in(gateway, user="ANN", password=SECOND))[0] == 200  # names know no case


async def test_wrong_name_password_and_inactive_are_told_the_same(gateway: Gateway) -> None:
    user_id, _ = await _ready(gateway)
    wrong = await _sign_in(gateway, password="not the words")
    nobody = await _sign_in(gateway, user="nobody", password=SECOND)
    await _patch(gateway, user_id, active=False)
    inactive = await _sign_in(gateway, password=SECOND)
    details = {(status, problem["detail"]) for status, problem in (wrong, nobody, inactive)}
    assert len(details) == 1
    assert details.pop()[0] == 401


async def test_what_a_user_may_not_be(gateway: Gateway) -> None:
    for field, fields in (
        ("password", {"password": "eleven char"}),
        ("password", {"name": "a-very-long-name", "password": "A-Very-Long-Name"}),
        ("name", {"name": "with space"}),
        ("role", {"role": "device"}),
        ("role", {"role": "root"}),
    ):
        status, problem = await gateway.post("/v1/users", {"name": "ann", "role": "viewer", "password": FIRST} | fields)
        assert (status, problem["field"]) == (422, field), fields


async def test_administration(gateway: Gateway) -> None:
    user_id, tokens = await _ready(gateway)
    assert (await gateway.post("/v1/users", {"name": "Ann", "role": "viewer", "password": FIRST}))[0] == 409
    _, listed = await gateway.get("/v1/users")
    assert [(item["name"], item["active"]) for item in listed["items"]] == [("ann", True)]
    assert "argon2" not in str(listed)
    assert (await gateway.get("/v1/users", key=tokens["access"]))[0] == 403
    status, changed = await _patch(gateway, user_id, role="commander")
    assert (status, changed["role"]) == (200, "commander")
    _, who = await gateway.get("/v1/session", key=tokens["access"])
    assert who["role"] == "commander"  # the same session, at once
    url = f"{gateway.url}/v1/users/{user_id}"
    async with gateway.http.delete(url, headers=gateway.headers()) as response:
        assert response.status == 204
    assert (await gateway.get("/v1/session", key=tokens["access"]))[0] == 401
    assert (await _patch(gateway, user_id, role="viewer"))[0] == 404


async def test_an_administrator_of_one_organisation_sees_only_its_people(gateway: Gateway) -> None:
    user_id = await _add(gateway)
    _, made = await gateway.post("/v1/keys", {"name": "n", "role": "administrator", "organisation": "north"})
    _, listed = await gateway.get("/v1/users", key=made["key"])
    assert listed["items"] == []
    url = f"{gateway.url}/v1/users/{user_id}"
    async with gateway.http.patch(url, json={"active": False}, headers=gateway.headers(made["key"])) as response:
        assert response.status == 404


async def test_a_change_of_password_and_a_deactivation_end_every_session(gateway: Gateway) -> None:
    user_id, first = await _ready(gateway)
    third = "third words of mine"
    second = await _signed_in(gateway, password=SECOND, new_password=third)
    assert (await gateway.get("/v1/session", key=second["access"]))[0] == 200

    async def first_has_ended() -> bool:
        return (await gateway.get("/v1/session", key=first["access"]))[0] == 401

    await eventually(first_has_ended, within_s=6)
    await _patch(gateway, user_id, active=False)
    assert (await gateway.get("/v1/session", key=second["access"]))[0] == 401
    await _patch(gateway, user_id, active=True)
    assert (await gateway.get("/v1/session", key=second["access"]))[0] == 401  # it does not come back
    await _patch(gateway, user_id, password=FIRST)
    assert (await _sign_in(gateway, password=FIRST))[1]["code"] == "password_change_required"


async def test_another_gateway_ends_the_session_within_six_seconds(settings: GatewaySettings) -> None:
    other = settings.model_copy(update={"port": free_port()})
    async with running(settings) as here, running(other) as there:
        user_id, tokens = await _ready(here)
        assert (await there.get("/v1/session", key=tokens["access"]))[0] == 200
        await _patch(here, user_id, active=False)

        async def ended() -> bool:
            return (await there.get("/v1/session", key=tokens["access"]))[0] == 401

        await eventually(ended, within_s=6)
        assert (await here.get("/v1/session", key=tokens["access"]))[0] == 401


async def test_the_stream_ends_with_the_session(gateway: Gateway) -> None:
    user_id, tokens = await _ready(gateway)
    async with gateway.http.ws_connect(gateway.url + "/v1/stream", headers=gateway.headers(tokens["access"])) as socket:
        await socket.receive()
        await _patch(gateway, user_id, role="viewer")  # another right than the stream was opened with
        async with asyncio.timeout(6):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert socket.close_code == 4401


async def _renew(gateway: Gateway, refresh: str) -> tuple[int, Any]:
    async with gateway.http.post(gateway.url + "/v1/session/refresh", json={"refresh": refresh}) as response:
        return response.status, await response.json()


async def test_a_refresh_token_is_good_once_and_its_second_use_ends_the_session(
    gateway: Gateway, database_url: str
) -> None:
    _, first = await _ready(gateway)
    status, second = await _renew(gateway, first["refresh"])
    assert status == 200
    status, problem = await _renew(gateway, first["refresh"])  # the other window of the same browser, just now
    assert (status, problem["code"]) == (409, "conflict")
    assert (await gateway.get("/v1/session", key=second["tokens"]["access"]))[0] == 200
    database = await asyncpg.connect(database_url)
    await database.execute("UPDATE refresh_tokens SET used_at = used_at - interval '1 minute'")
    kept = await database.fetch("SELECT hash FROM refresh_tokens")
    await database.close()
    assert all(first["refresh"].encode() not in row["hash"] for row in kept)
    assert (await _renew(gateway, first["refresh"]))[0] == 401
    assert (await gateway.get("/v1/session", key=second["tokens"]["access"]))[0] == 401
    assert (await _renew(gateway, second["tokens"]["refresh"]))[0] == 401
    assert (await _renew(gateway, "smr_" + "0" * 64))[0] == 401


async def test_fifty_renewals_at_once_give_one_successor(gateway: Gateway) -> None:
    _, tokens = await _ready(gateway)
    answers = await asyncio.gather(*(_renew(gateway, tokens["refresh"]) for _ in range(50)))
    assert sorted({status for status, _ in answers}) == [200, 409]
    assert sum(status == 200 for status, _ in answers) == 1


async def test_a_browser_renews_by_cookie(gateway: Gateway) -> None:
    await _ready(gateway)
    body = {"user": "ann", "password": SECOND}
    async with gateway.http.post(gateway.url + "/v1/session", json=body) as response:
        cookies = response.headers.getall("Set-Cookie")
        assert "tokens" not in await response.json()
    assert len(cookies) == 2
    assert all("HttpOnly" in cookie and "samesite=strict" in cookie.lower() for cookie in cookies)
    assert "Path=/v1/session" in next(cookie for cookie in cookies if cookie.startswith("summit_refresh"))
    url = gateway.url + "/v1/session/refresh"
    async with gateway.http.post(url) as response:
        assert response.status == 403  # another site's page may ask so
    async with gateway.http.post(url, headers=OWN_PAGE) as response:
        assert response.status == 200
        assert len(response.headers.getall("Set-Cookie")) == 2
    async with gateway.http.get(gateway.url + "/v1/session") as response:
        assert (await response.json())["name"] == "ann"


async def test_sign_out_ends_the_session_for_whoever_copied_its_tokens(gateway: Gateway) -> None:
    _, tokens = await _ready(gateway)
    async with gateway.http.delete(gateway.url + "/v1/session", headers=gateway.headers(tokens["access"])) as response:
        assert response.status == 204
    assert (await gateway.get("/v1/session", key=tokens["access"]))[0] == 401
    assert (await _renew(gateway, tokens["refresh"]))[0] == 401


@pytest.fixture
async def generous(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """One that lets an account try often."""
    limits = settings.limits.model_copy(update={"sign_in_account": Quota(100, 60)})
    async with running(settings.model_copy(update={"limits": limits})) as gateway:
        yield gateway


async def test_one_time_codes(generous: Gateway) -> None:
    gateway = generous
    user_id, tokens = await _ready(gateway)
    access = tokens["access"]
    assert (await gateway.post("/v1/session/totp", {"password": FIRST}, key=access))[0] == 401
    assert (await gateway.post("/v1/session/totp", {"password": SECOND}))[0] == 401  # a key is nobody's session
    _, offered = await gateway.post("/v1/session/totp", {"password": SECOND}, key=access)
    assert f"secret={offered['secret']}" in offered["uri"]
    secret = totp.secret_of(offered["secret"])

    def code(step: int = 0) -> str:
        now = gateway.app.state.services.clock.now().timestamp()
        return totp.hotp(secret, int(now) // totp.PERIOD_S + step)

    assert (await _sign_in(gateway, password=SECOND))[0] == 200  # not in force before a code has come back
    assert (await gateway.post("/v1/session/totp/confirm", {"code": "00000"}, key=access))[0] == 401
    used = code(-1)
    status, confirmed = await gateway.post("/v1/session/totp/confirm", {"code": used}, key=access)
    assert (status, len(confirmed["recovery_codes"])) == (200, 10)
    assert (await gateway.post("/v1/session/totp", {"password": SECOND}, key=access))[0] == 409

    status, problem = await _sign_in(gateway, password=SECOND)
    assert (status, problem["code"]) == (401, "code_required")
    assert (await _sign_in(gateway, password=FIRST))[1]["code"] == "unauthenticated"  # says nothing of the code
    assert (await _sign_in(gateway, password=SECOND, code=used))[0] == 401
    fresh = code(1)
    assert (await _sign_in(gateway, password=SECOND, code=fresh))[0] == 200
    assert (await _sign_in(gateway, password=SECOND, code=fresh))[0] == 401
    spare = confirmed["recovery_codes"][0]
    assert (await _sign_in(gateway, password=SECOND, code=spare))[0] == 200
    assert (await _sign_in(gateway, password=SECOND, code=spare))[0] == 401
    assert (await _patch(gateway, user_id, totp="off"))[1]["totp"] is False
    assert (await _sign_in(gateway, password=SECOND))[0] == 200


async def test_a_person_may_be_the_last_administrator(gateway: Gateway) -> None:
    user_id = await _add(gateway, role="administrator")
    key = f"{gateway.url}/v1/keys/{gateway.admin_key.split('_')[1]}"
    tokens = await _signed_in(gateway, password=FIRST, new_password=SECOND)
    async with gateway.http.delete(key, headers=gateway.headers()) as response:
        assert response.status == 204
    gateway.admin_key = tokens["access"]
    for change in ({"active": False}, {"role": "viewer"}, {"areas": [[0, 0, 1, 1]]}):
        assert (await _patch(gateway, user_id, **change))[0] == 409, change
    url = f"{gateway.url}/v1/users/{user_id}"
    async with gateway.http.delete(url, headers=gateway.headers()) as response:
        assert response.status == 409


async def test_two_administrators_who_change_somebody_at_once_both_have_their_way(gateway: Gateway) -> None:
    """A new password takes long to hash; who was deactivated meanwhile stays so."""
    user_id = await _add(gateway)
    (slow, _), (quick, _) = await asyncio.gather(
        _patch(gateway, user_id, password=SECOND), _patch(gateway, user_id, active=False)
    )
    _, people = await gateway.get("/v1/users")
    ann = next(one for one in people["items"] if one["id"] == user_id)
    assert (slow, quick, ann["active"], ann["must_change"]) == (200, 200, False, True)
    status, _ = await _sign_in(gateway, password=SECOND, new_password=FIRST)
    assert status == 401
