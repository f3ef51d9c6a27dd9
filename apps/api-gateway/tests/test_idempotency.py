"""Idempotency-Key: whatever is repeated, in whatever order and at once, has one effect and one answer."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from gateway_harness import Gateway, Upstream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from summit_core.errors import ErrorCode, InputError
from summit_core.model import Principal, Role
from summit_core.store import Pool, create_pool
from summit_gateway.idempotency.key import fingerprint, key_of
from summit_gateway.idempotency.middleware import HasIdempotency, IdempotencyMiddleware
from summit_gateway.idempotency.service import Idempotency
from summit_gateway.idempotency.store import IdempotencyStore

ADA = Principal(id="ada", name="Ada", role=Role.OPERATOR)
MAKES, REPEATS = "/v1/keys", "/v1/zones"
"""A route that nothing guards behind the gateway, and one whose service knows the key."""


class CrashError(Exception):
    """The process dies at this place."""


class Door:
    """The middleware around an application that counts its effects."""

    def __init__(self, pool: Pool, lease_s: float = 60.0, kept_s: float = 60.0) -> None:
        services = HasIdempotency()
        self.store = IdempotencyStore(pool, lease_s=lease_s, kept_s=kept_s)
        services.idempotency = Idempotency(self.store)
        self._app = IdempotencyMiddleware(self._effect, services=services)
        self.effects: Counter[str] = Counter()
        self.fate: dict[str, str] = {}
        """By key: what happens the next time."""

    async def _effect(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        key, body = request.headers["idempotency-key"], await request.body()
        fate = self.fate.pop(key, "")
        if fate in {"busy", "limited"}:
            await Response(b"later", 503 if fate == "busy" else 429)(scope, receive, send)
            return
        self.effects[key] += 1
        await asyncio.sleep(0)
        if fate == "crash":
            raise CrashError
        made = f"{key} {body.decode()} {self.effects[key]}"
        headers = {"Cache-Control": "no-store"} if fate == "secret" else {"Location": "/here"}
        await Response(made, 500 if fate == "fault" else 201, headers)(scope, receive, send)

    async def post(self, key: str, body: str, path: str = MAKES, who: Principal = ADA) -> tuple[int, str, bool]:
        """Status, body, and whether it was given again."""
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        headers = [(b"idempotency-key", key.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        await self._app(scope | {"state": {"principal": who}}, receive, send)
        replayed = (b"idempotency-replayed", b"true") in said[0]["headers"]
        return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:]).decode(), replayed


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    made = await create_pool(database_url, name="test")
    yield made
    made.terminate()


async def test_the_same_again_is_answered_and_not_done(pool: Pool) -> None:
    door = Door(pool)
    first = await door.post("k", "1")
    assert first == (201, "k 1 1", False)
    assert await door.post("k", "1") == (201, "k 1 1", True)
    assert await door.post('"k"', "1") == (201, "k 1 1", True)
    status, problem, _ = await door.post("k", "2")
    assert (status, ErrorCode.IDEMPOTENCY_MISMATCH in problem) == (422, True)
    bob = Principal(id="bob", name="Bob", role=Role.OPERATOR)
    assert (await door.post("k", "1", who=bob))[1] == "k 1 2", "a key is known across callers"
    assert door.effects == {"k": 2}


async def test_many_at_once_have_one_effect(pool: Pool) -> None:
    door = Door(pool)
    answers = await asyncio.gather(*(door.post("k", "1") for _ in range(40)))
    assert door.effects == {"k": 1}
    assert {status for status, _, _ in answers} <= {201, 409}
    assert {body for status, body, _ in answers if status == 201} == {"k 1 1"}
    assert all(ErrorCode.IDEMPOTENCY_IN_PROGRESS in body for status, body, _ in answers if status == 409)


async def test_a_refusal_for_now_is_not_kept(pool: Pool) -> None:
    door = Door(pool)
    for fate, status in (("busy", 503), ("limited", 429)):
        door.fate["k"] = fate
        assert (await door.post("k", "1"))[0] == status
    assert await door.post("k", "1") == (201, "k 1 1", False)


async def test_a_crash_between_work_and_answer_is_no_second_effect(pool: Pool) -> None:
    door = Door(pool, lease_s=0.0)
    door.fate = {"k": "crash", "z": "crash"}
    for key, path in (("k", MAKES), ("z", REPEATS)):
        with pytest.raises(CrashError):
            await door.post(key, "1", path)
    status, problem, _ = await door.post("k", "1")
    assert (status, ErrorCode.IDEMPOTENCY_UNKNOWN in problem) == (409, True)
    assert door.effects["k"] == 1
    assert (await door.post("z", "1", REPEATS))[0] == 201, "its service has one effect of many, so it is asked again"
    assert (await door.post("z", "2", REPEATS))[0] == 422


async def test_a_fault_may_have_had_its_effect(pool: Pool) -> None:
    door = Door(pool)
    door.fate["k"] = "fault"
    assert (await door.post("k", "1"))[0] == 500
    status, problem, _ = await door.post("k", "1")
    assert (status, ErrorCode.IDEMPOTENCY_UNKNOWN in problem) == (409, True)
    assert door.effects["k"] == 1


async def test_a_secret_is_not_kept(pool: Pool) -> None:
    door = Door(pool)
    door.fate["k"] = "secret"
    status, secret, _ = await door.post("k", "hush")
    assert (status, secret) == (201, "k hush 1")
    status, problem, _ = await door.post("k", "hush")
    assert (status, ErrorCode.IDEMPOTENCY_SECRET in problem, "hush" in problem) == (409, True, False)
    assert "hush" not in str(await pool.fetch("SELECT * FROM idempotency"))
    assert await pool.fetchval("SELECT body FROM idempotency") is None
    assert door.effects["k"] == 1


async def test_what_has_expired_is_done_again_and_removed(pool: Pool) -> None:
    door = Door(pool, kept_s=0.0)
    assert (await door.post("k", "1"))[1] == "k 1 1"
    assert (await door.post("k", "2"))[1] == "k 2 2"
    assert await door.store.expire() == 1
    assert await pool.fetchval("SELECT count(*) FROM idempotency") == 0


async def test_without_the_database_only_what_is_safe_to_repeat_is_done(database_url: str) -> None:
    pool = await create_pool("postgresql://nobody@127.0.0.1:1/none", name="test")
    door = Door(pool)
    assert (await door.post("k", "1"))[0] == 503
    assert (await door.post("z", "1", "/v1/alerts/a-1/ack"))[0] == 201
    assert door.effects == {"z": 1}
    pool.terminate()


@pytest.mark.parametrize("text", ["", " ", "a b", "é", "x" * 201, '"', 'a"b', "\x00"])
def test_a_key_that_is_none_is_named(text: str) -> None:
    with pytest.raises(InputError) as caught:
        key_of(text)
    assert caught.value.field == "idempotency-key"


def test_the_parts_of_a_request_do_not_run_together() -> None:
    assert fingerprint(b"ab", b"c") != fingerprint(b"a", b"bc")


_steps = st.lists(
    st.lists(
        st.tuples(st.sampled_from("kl"), st.sampled_from("12"), st.sampled_from(["", "", "busy", "crash", "fault"])),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps, lease_s=st.sampled_from([0.0, 60.0]))
def test_any_order_of_repetitions_has_one_effect(
    database_url: str, steps: list[list[tuple[str, str, str]]], lease_s: float
) -> None:
    effects, answers = asyncio.run(_play(database_url, steps, lease_s))
    assert all(count == 1 for count in effects.values()), effects
    assert all(len(told) == 1 for told in answers.values()), answers


async def _play(
    url: str, steps: list[list[tuple[str, str, str]]], lease_s: float
) -> tuple[dict[str, int], dict[str, set[str]]]:
    """How often each key had its effect, and what was answered to it."""
    pool = await create_pool(url, name="test")
    door, run = Door(pool, lease_s), uuid4().hex
    seen: dict[str, set[str]] = {}

    async def once(key: str, body: str, fate: str) -> None:
        if fate:
            door.fate[key] = fate
        try:
            status, answer, _ = await door.post(key, body)
        except CrashError:
            return
        if status == 201:
            seen.setdefault(key, set()).add(answer)
        else:
            assert status in {409, 422, 500, 503}, answer

    for step in steps:
        await asyncio.gather(*(once(f"{run}-{key}", body, fate) for key, body, fate in step))
    pool.terminate()
    return dict(door.effects), seen


async def test_at_the_gateway(gateway: Gateway, upstream: Upstream) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    upstream.status, upstream.body = 201, {"id": "zone-1"}
    answers = [await gateway.post("/v1/zones", {"label": "x"}, **key) for _ in range(3)]
    assert answers == [(201, {"id": "zone-1"})] * 3
    assert len([one for one in upstream.asked if one["method"] == "POST"]) == 1
    status, problem = await gateway.post("/v1/zones", {"label": "y"}, **key)
    assert (status, problem["code"], problem["field"]) == (422, "idempotency_mismatch", "idempotency-key")
    made = {"name": "x", "role": "viewer"}
    assert (await gateway.post("/v1/keys", made, **key))[0] == 201
    status, problem = await gateway.post("/v1/keys", made, **key)
    assert (status, problem["code"], problem["retriable"]) == (409, "idempotency_secret", False)
    assert len((await gateway.get("/v1/keys"))[1]["items"]) == 2
    report = {"kind": "report", "source": "s", "observed_at": "2026-01-01T00:00:00Z", "text": "smoke"}
    first, again = [await gateway.post("/v1/observations", report, **key) for _ in range(2)]
    assert first == again
    assert first[0] == 202


async def test_observations_without_a_key_ask_no_database(gateway: Gateway) -> None:
    asked: list[Any] = []
    store = gateway.app.state.services.idempotency._store
    store.begin = lambda *args, **more: asked.append(args)
    report = {"kind": "report", "source": "s", "observed_at": "2026-01-01T00:00:00Z", "text": "smoke"}
    assert (await gateway.post("/v1/observations", report))[0] == 202
    assert asked == []
