"""Passkeys, by an authenticator in software: what signs in, and every way in which it must not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from gateway_harness import Gateway, free_port, running
from passkey_harness import ORIGIN, PRESENT, VERIFIED, Passkey, bytes_of, text_of
from summit_core.bus import Bus
from summit_core.bus.streams import AUDIT
from summit_gateway.settings import GatewaySettings
from waiting import eventually

FIRST = "first words of mine"
SECOND = "other words of mine"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
async def door(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Without quotas on signing in: every attack is tried."""
    limits = settings.limits.model_validate(
        dict.fromkeys(("sign_in", "sign_in_account", "sign_in_account_anywhere"), "10000/60")
    )
    async with running(settings.model_copy(update={"passkey_origins": ORIGIN, "limits": limits})) as started:
        yield started


async def _user(gateway: Gateway, name: str) -> str:
    """His access token, just signed in."""
    status, made = await gateway.post("/v1/users", {"name": name, "role": "operator", "password": FIRST})
    assert status == 201, made
    body = {"user": name, "password": FIRST, "new_password": SECOND, "tokens": True}
    async with gateway.http.post(gateway.url + "/v1/session", json=body) as response:
        assert response.status == 200, await response.text()
        return str((await response.json())["tokens"]["access"])


async def _options(gateway: Gateway, access: str) -> dict[str, Any]:
    status, options = await gateway.get("/v1/passkeys/options", key=access)
    assert status == 200, options
    return dict(options)


async def _add(gateway: Gateway, access: str, passkey: Passkey, name: str = "my key") -> dict[str, Any]:
    credential = passkey.make(await _options(gateway, access))
    status, made = await gateway.post("/v1/passkeys", {"name": name, "credential": credential}, key=access)
    assert status == 201, made
    return dict(made)


async def _ask(gateway: Gateway) -> dict[str, Any]:
    async with gateway.http.get(gateway.url + "/v1/session/passkey") as response:
        assert response.status == 200
        assert response.headers["cache-control"] == "no-store"
        return dict(await response.json())


async def _show(gateway: Gateway, credential: dict[str, Any], *, tokens: bool = True) -> tuple[int, Any]:
    body = {"credential": credential, "tokens": tokens}
    async with gateway.http.post(gateway.url + "/v1/session/passkey", json=body) as response:
        return response.status, await response.json()


async def _signed_in(gateway: Gateway, passkey: Passkey) -> dict[str, Any]:
    status, answer = await _show(gateway, passkey.show(await _ask(gateway)))
    assert status == 200, answer
    return dict(answer)


async def test_a_passkey_signs_in_as_a_password_does(door: Gateway) -> None:
    access = await _user(door, "ann")
    options = await _options(door, access)
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    passkey, uncounted = Passkey(), Passkey(private=ed25519.Ed25519PrivateKey.generate(), step=0)
    for one in (passkey, uncounted):
        await _add(door, access, one)
    for one in (passkey, uncounted, passkey, uncounted):
        who = await _signed_in(door, one)
        assert (who["name"], who["role"]) == ("ann", "operator")
        assert (await door.get("/v1/session", key=who["tokens"]["access"]))[0] == 200
    status, renewed = await door.post("/v1/session/refresh", {"refresh": who["tokens"]["refresh"]})
    assert (status, renewed["name"]) == (200, "ann")
    assert (await _show(door, passkey.show(await _ask(door)), tokens=False))[0] == 200  # a browser
    assert {cookie.key for cookie in door.http.cookie_jar} == {"summit_session", "summit_refresh"}


async def test_list_name_and_remove(door: Gateway) -> None:
    ann, bob = await _user(door, "ann"), await _user(door, "bob")
    passkey = Passkey()
    made = await _add(door, ann, passkey, name="phone")
    url = f"{door.url}/v1/passkeys/{made['id']}"
    known = (await _options(door, ann))["excludeCredentials"]
    assert [bytes_of(one["id"]) for one in known] == [passkey.id]
    for who, status in ((bob, 404), (ann, 200)):
        async with door.http.patch(url, json={"name": "old phone"}, headers=door.headers(who)) as response:
            assert response.status == status
    _, listed = await door.get("/v1/passkeys", key=ann)
    assert [(one["name"], "last_used_at" in one) for one in listed["items"]] == [("old phone", True)]
    assert (await door.get("/v1/passkeys", key=bob))[1]["items"] == []
    assert text_of(passkey.id) not in str(listed)
    for who, status in ((bob, 404), (ann, 204), (ann, 404)):
        async with door.http.delete(url, headers=door.headers(who)) as response:
            assert response.status == status
    assert (await _show(door, passkey.show(await _ask(door))))[0] == 401
    for name in ("", " ", "a\nb", "x" * 65):
        credential = Passkey().make(await _options(door, ann))
        status, problem = await door.post("/v1/passkeys", {"name": name, "credential": credential}, key=ann)
        assert (status, problem["field"]) == (422, "name"), name


def _of(field: str, value: Any) -> Change:
    return lambda credential: credential["response"].update({field: value})


def _flipped(field: str, at: int) -> Change:
    """One bit of a signed part, or of its signature, is another."""

    def change(credential: dict[str, Any]) -> None:
        data = bytearray(bytes_of(credential["response"][field]))
        data[at] ^= 1
        credential["response"][field] = text_of(bytes(data))

    return change


def _nothing(_: dict[str, Any]) -> None:
    """What the authenticator says stays as it is."""


FORGED: dict[str, tuple[dict[str, Any], dict[str, Any], Change]] = {
    # what the passkey is like, what the browser says, what is changed behind both
    "another page": ({"origin": "https://evil.example"}, {}, _nothing),
    "a page below ours": ({"origin": "http://a.localhost:8000"}, {}, _nothing),
    "our page on another port": ({"origin": "http://localhost:8001"}, {}, _nothing),
    "within a page of others": ({"cross_origin": True}, {}, _nothing),
    "of another party": ({"rp_id": "evil.example"}, {}, _nothing),
    "nobody verified": ({"flags": PRESENT}, {}, _nothing),
    "nobody present": ({"flags": VERIFIED}, {}, _nothing),
    "another ceremony": ({}, {"type": "webauthn.create"}, _nothing),
    "a challenge of his own": ({}, {"challenge": text_of(bytes(56))}, _nothing),
    "an empty challenge": ({}, {"challenge": ""}, _nothing),
    "a challenge that is a number": ({}, {"challenge": 7}, _nothing),
    "an origin that is a list": ({}, {"origin": [ORIGIN]}, _nothing),
    "verified set by hand": ({"flags": PRESENT}, {}, _flipped("authenticatorData", 32)),
    "a count set by hand": ({}, {}, _flipped("authenticatorData", 36)),
    "data cut off": ({}, {}, _of("authenticatorData", text_of(bytes(36)))),
    "data of one letter": ({}, {}, _of("authenticatorData", "A")),
    "client data changed": ({}, {}, _flipped("clientDataJSON", -3)),
    "client data no JSON": ({}, {}, _of("clientDataJSON", text_of(b"\xff{"))),
    "client data of brackets": ({}, {}, _of("clientDataJSON", text_of(b"[" * 20_000))),
    "signature changed": ({}, {}, _flipped("signature", -1)),
    "signature empty": ({}, {}, _of("signature", "AA")),
    "another user's handle": ({"handle": b"user-000000000000"}, {}, _nothing),
    "another passkey's key": ({"private": Passkey().private}, {}, _nothing),
    "two ids": ({}, {}, lambda credential: credential.update(rawId=text_of(bytes(32)))),
}


async def test_every_forgery_is_refused(door: Gateway) -> None:
    """Each by a passkey that signs in before and after; told the same as an unknown one, but for the challenge."""
    access = await _user(door, "ann")
    good = Passkey()
    await _add(door, access, good)
    told = set()
    for name, (alike, client, change) in FORGED.items():
        forged = Passkey(**{**vars(good), **alike})
        credential = forged.show(await _ask(door), **client)
        change(credential)
        status, problem = await _show(door, credential)
        assert (status, problem["code"]) == (401, "unauthenticated"), (name, problem)
        told.add(problem["detail"])
        await _signed_in(door, good)
    told.add((await _show(door, Passkey(handle=good.handle).show(await _ask(door))))[1]["detail"])
    assert len(told) == 2, told


async def test_a_challenge_counts_once_soon_and_for_its_purpose(door: Gateway, settings: GatewaySettings) -> None:
    ann, bob = await _user(door, "ann"), await _user(door, "bob")
    passkey = Passkey()
    await _add(door, ann, passkey)
    shown = passkey.show(await _ask(door))
    at_once = await asyncio.gather(*(_show(door, deepcopy(shown)) for _ in range(5)))
    assert sorted(status for status, _ in at_once) == [200, 401, 401, 401, 401]
    options = await _ask(door)
    assert (await _show(door, passkey.show(options)))[0] == 200
    assert (await _show(door, passkey.show(options)))[0] == 401  # signed anew, the challenge is spent
    assert (await _show(door, passkey.show(await _options(door, ann))))[0] == 401  # one for registering
    for options in (await _options(door, ann), await _ask(door)):  # of somebody else, and one for signing in
        credential = Passkey().make(options | {"user": {"id": text_of(b"user-1")}})
        assert (await door.post("/v1/passkeys", {"name": "x", "credential": credential}, key=bob))[0] == 401
    async with running(settings.model_copy(update={"passkey_origins": ORIGIN, "port": free_port()})) as other:
        shown = passkey.show(await _ask(door))
        assert (await _show(other, shown))[0] == 200
        assert (await _show(door, shown))[0] == 401
    late = passkey.show(await _ask(door))
    door.app.state.services.passkeys._challenges._clock = _Later(timedelta(minutes=2, seconds=1))
    assert (await _show(door, late))[0] == 401


class _Later:
    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by


async def test_a_copied_passkey_is_refused_and_in_the_audit(door: Gateway, nats_url: str) -> None:
    access = await _user(door, "ann")
    passkey = Passkey()
    await _add(door, access, passkey)
    copy = Passkey(**vars(passkey))
    await _signed_in(door, passkey)
    for counts in (passkey.count, 0):
        copy.count = counts - copy.step  # what it states is the count after this
        status, problem = await _show(door, copy.show(await _ask(door)))
        assert (status, problem["code"]) == (401, "passkey_copied")
    record = await _copied(nats_url)
    assert (record["action"], record["outcome"]) == ("POST /v1/session/passkey", "denied")
    assert record["principal"]["name"] == "ann"
    await _signed_in(door, passkey)  # the one who has counted on is still let in


async def test_only_a_user_who_has_just_signed_in_adds_one(door: Gateway) -> None:
    status, problem = await door.get("/v1/passkeys/options")  # by key
    assert (status, problem["code"]) == (409, "conflict")
    access = await _user(door, "ann")
    credential = Passkey().make(await _options(door, access))
    door.app.state.services.passkeys._clock = _Later(timedelta(minutes=10, seconds=5))
    for status, problem in (
        await door.get("/v1/passkeys/options", key=access),
        await door.post("/v1/passkeys", {"name": "late", "credential": credential}, key=access),
    ):
        assert (status, problem["code"]) == (403, "sign_in_again")
    assert (await door.get("/v1/passkeys", key=access))[1]["items"] == []


async def test_what_is_not_registered(door: Gateway) -> None:
    """Elsewhere, for another party, unverified; and what is somebody else's already."""
    ann, bob = await _user(door, "ann"), await _user(door, "bob")
    for passkey in (Passkey(origin="https://evil.example"), Passkey(rp_id="evil.example"), Passkey(flags=PRESENT)):
        credential = passkey.make(await _options(door, ann))
        assert (await door.post("/v1/passkeys", {"name": "x", "credential": credential}, key=ann))[0] == 401
    passkey = Passkey()
    await _add(door, ann, passkey)
    credential = Passkey(**vars(passkey)).make(await _options(door, bob))
    status, problem = await door.post("/v1/passkeys", {"name": "x", "credential": credential}, key=bob)
    assert (status, problem["field"]) == (409, "credential.id")
    assert (await _signed_in(door, passkey))["name"] == "ann"


async def test_what_an_administrator_takes_away(door: Gateway) -> None:
    """A new password takes the passkeys too: who had the account may have added one."""
    patches: dict[str, dict[str, Any]] = {
        "ann": {"active": False},
        "bob": {"password": "third words of-the-tests"},
        "eve": {"passkeys": "off"},
    }
    for name, patch in patches.items():
        access = await _user(door, name)
        passkey = Passkey()
        await _add(door, access, passkey)
        user_id = (await door.get("/v1/session", key=access))[1]["id"]
        async with door.http.patch(f"{door.url}/v1/users/{user_id}", json=patch, headers=door.headers()) as response:
            assert response.status == 200, await response.text()
        assert (await _show(door, passkey.show(await _ask(door))))[0] == 401, name


async def test_attempts_are_counted_like_those_with_a_password(settings: GatewaySettings) -> None:
    tight = settings.model_copy(update={"passkey_origins": ORIGIN})
    async with running(tight) as gateway:
        shown = Passkey(handle=b"user-0").show(await _ask(gateway))
        answers = [await _show(gateway, shown) for _ in range(11)]
        assert [status for status, _ in answers] == [401] * 10 + [429]
        assert answers[-1][1]["code"] == "rate_limited"
        others = [(await _show(gateway, Passkey(handle=b"u").show(await _ask(gateway))))[0] for _ in range(9)]
        assert others == [401] * 9  # another passkey is not locked out, until the address has had its thirty
        async with gateway.http.get(gateway.url + "/v1/session/passkey") as response:
            assert response.status == 429


async def test_nobody_reads_them_on_behalf_of_a_caller(door: Gateway, database_url: str) -> None:
    await _add(door, await _user(door, "ann"), Passkey())
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM passkeys") == 1
    await connection.execute("SET ROLE summit_reader")
    for table in ("passkeys", "passkey_challenges"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {table}")
    await connection.close()


async def test_without_a_page_there_are_none(gateway: Gateway) -> None:
    async with gateway.http.get(gateway.url + "/v1/session/passkey") as response:
        assert response.status == 404
        assert "SUMMIT_PASSKEY_ORIGINS" in (await response.json())["detail"]
    assert (await gateway.get("/console-config.json"))[1]["passkeys"] == []


async def _copied(nats_url: str) -> dict[str, Any]:
    """The audit's record of a copy, when it is there."""
    bus = await Bus.connect(nats_url, name="test")
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        state = (await bus.jetstream.stream_info(AUDIT)).state
        for seq in range(max(1, state.first_seq), state.last_seq + 1):
            message = await bus.jetstream.get_msg(AUDIT, seq, direct=True)
            record = msgspec.json.decode(message.data or b"")
            found.extend([record] if record.get("code") == "passkey_copied" else [])
        return bool(found)

    await eventually(there)
    await bus.close()
    return found[0]
