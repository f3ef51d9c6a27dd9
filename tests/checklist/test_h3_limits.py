"""H3: limits that protect and do not lock out, attacked at a running gateway, with a real Redis killed and frozen."""

import asyncio
import re
from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
from checklist_limits import LIMITED_S, ask, breaches, guesses_at_sign_in, held_up, limited, opened, three_streams
from gateway_harness import Gateway, free_port
from pydantic import SecretStr
from summit_core.http import middleware
from summit_core.http.limits import limiter, shared
from summit_core.http.limits.quota import Policy, Verdict
from summit_core.http.limits.seats import Seats
from summit_core.observability.metrics import HTTP_REQUESTS
from summit_gateway.access import ACCESS
from summit_gateway.limits import rules
from summit_gateway.limits.rules import NEVER_THROTTLED
from summit_gateway.limits.service import Limiting
from summit_gateway.settings import GatewaySettings

ALERTS = "/v1/alerts"


async def test_one_more_than_allowed_is_told_when_to_come_again(settings: GatewaySettings) -> None:
    async with limited(settings, public="7/60") as gateway:
        viewer = await gateway.key("viewer")
        answers = [await ask(gateway, "/v1/entities", viewer) for _ in range(10)]
        assert breaches(answers, 7) == []
        assert breaches(answers, 8), "the check sees no limit that is off by one"
        last = answers[-1]
        problem = await last.json(content_type=None)
        assert (problem["code"], problem["retriable"]) == ("rate_limited", True)
        assert 1 <= int(last.headers["Retry-After"]) <= 120
        assert last.headers["RateLimit-Policy"] == '"public";q=7;w=60'
        assert (await gateway.get("/v1/entities"))[0] == 200, "an administrator pays for a viewer"


def routes_of_429(page: str) -> set[str]:
    return set(re.findall(r'http_requests_total\{[^}]*route="([^"]+)"[^}]*status="429"', page))


@pytest.mark.planted("only the router knows the template, so a 429 is counted at no route")
async def test_a_refusal_is_counted_at_its_route(settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """And under no more names than there are routes, whatever is asked for."""

    async def refused_at() -> set[str]:
        HTTP_REQUESTS.clear()
        async with limited(settings, public="1/60") as gateway:
            viewer = await gateway.key("viewer")
            paths = [f"/v1/entities/thing-{number}" for number in range(4)] + ["/v1/tracks", "/v1/nothing/at/all"]
            answers = [await ask(gateway, path, viewer) for path in paths]
            assert [one.status for one in answers[1:]] == [429] * 5
            return routes_of_429(await (await ask(gateway, "/metrics")).text())

    assert await refused_at() == {"/v1/entities/{id}", "/v1/tracks", "unmatched"}

    def router_only(scope: dict[str, Any]) -> str:
        """Planted: what never comes to the router has no name."""
        return getattr(scope.get("route"), "path", "unmatched")

    monkeypatch.setattr(middleware, "template_of", router_only)
    assert await refused_at() == {"unmatched"}


async def test_the_budgets_of_the_checklist_are_the_defaults(gateway: Gateway) -> None:
    viewer = await gateway.key("viewer")
    assert breaches([await ask(gateway, ALERTS, viewer) for _ in range(25)], 20) == []
    others = [await ask(gateway, "/v1/incidents", viewer) for _ in range(90)]
    assert breaches(others, 100 - 25) == [], (
        "a request that is refused by the list's own limit counts once all the same"
    )


async def test_two_tabs_of_an_operator_in_an_incident_are_never_refused(gateway: Gateway) -> None:
    """Each polled 42 times a minute in the design that locked its operators out; here ten minutes of both at once."""
    operator = await gateway.key("operator")
    paths = [ALERTS, "/v1/entities?limit=1", "/v1/tasks"] * (2 * 42 * 10 // 3)
    statuses = Counter([(await ask(gateway, path, operator)).status for path in paths])
    assert set(statuses) == {200}


async def test_what_must_work_in_an_emergency_is_never_throttled(settings: GatewaySettings, upstream: Any) -> None:
    assert set(NEVER_THROTTLED) <= set(ACCESS)
    async with limited(settings, operator="3/60", public="3/60", writes="1/60", failed_address="1/60") as gateway:
        statuses = Counter[int]()
        for _ in range(40):
            for method, path in NEVER_THROTTLED:
                url = gateway.url + path.replace("{id}", "a-1")
                async with gateway.http.request(method, url, json={}, headers=gateway.headers()) as response:
                    statuses[response.status] += 1
        assert statuses[429] == 0, statuses
        assert (await ask(gateway, "/v1/tasks/t/x", gateway.admin_key)).status == 404  # not a limit's answer
        assert 429 in [(await ask(gateway, "/v1/entities", gateway.admin_key)).status for _ in range(5)]


@pytest.mark.planted("every proxy is trusted, so whoever forges X-Forwarded-For is another client each time")
async def test_a_forged_address_helps_nobody(settings: GatewaySettings) -> None:
    def forged(number: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": f"198.51.100.{number}"}

    async with limited(settings, anonymous="5/60") as gateway:
        answers = [await ask(gateway, "/v1/entities", None, **forged(number)) for number in range(20)]
        assert breaches(answers, 5) == []
    async with limited(settings, "127.0.0.1/32", anonymous="5/60") as gateway:
        behind = {"X-Forwarded-For": "6.6.6.6, 198.51.100.1"}
        rotated = [f"203.0.113.{number}, 198.51.100.1" for number in range(19)]
        answers = [await ask(gateway, "/v1/entities", None, **behind)]
        answers += [await ask(gateway, "/v1/entities", None, **{"X-Forwarded-For": one}) for one in rotated]
        assert breaches(answers, 5) == []
        other = await ask(gateway, "/v1/entities", None, **{"X-Forwarded-For": "198.51.100.2"})
        assert other.status == 401, "clients behind one proxy share a count"
    async with limited(settings, "0.0.0.0/0", anonymous="5/60") as gateway:  # planted: every proxy is trusted
        answers = [await ask(gateway, "/v1/entities", None, **forged(number)) for number in range(20)]
        assert breaches(answers, 5), "the check does not see that forged addresses are believed"


async def test_guessing_is_stopped_before_the_key_is_looked_up(settings: GatewaySettings) -> None:
    async with limited(settings, failed_address="5/60", failed_credential="3/60", anonymous="1000/60") as gateway:
        assert (await gateway.get("/v1/entities"))[0] == 200
        looked_up = Counter[str]()
        store = gateway.app.state.services.keys._store
        find = store.find

        async def counted(ids: Any, *hashes: Any) -> Any:
            looked_up.update(ids)
            return await find(ids, *hashes)

        store.find = counted
        guesses = [f"smt_{number:012x}_{'0' * 64}" for number in range(30)]
        answers = await asyncio.gather(*(ask(gateway, "/v1/entities", guess) for guess in guesses))
        assert Counter(one.status for one in answers) == {401: 5, 429: 25}
        assert len(looked_up) == 5
        assert (await gateway.get("/v1/entities"))[0] == 200, "who was known is locked out by who guesses"
    async with limited(settings, failed_address="5/60", failed_credential="3/60", anonymous="1000/60") as gateway:
        stale = [await ask(gateway, "/v1/entities", guesses[0]) for _ in range(20)]
        assert Counter(one.status for one in stale) == {401: 3, 429: 17}
        fresh = await gateway.key("operator")
        assert (await ask(gateway, "/v1/entities", fresh)).status == 200, "a broken client locks out its neighbours"


async def test_signing_in_is_limited_by_address_and_by_account(settings: GatewaySettings) -> None:
    async with limited(settings, sign_in="8/60", sign_in_account="3/60") as gateway:
        assert await guesses_at_sign_in(gateway) == ([401, 401, 401, 429, 429], [401, 401, 401, 429, 429])


@pytest.mark.planted("nothing counts attempts at an account, so a password can be guessed at leisure")
async def test_accounts_that_nobody_counts_are_noticed(
    settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def uncounted(*_: Any) -> None:
        return None

    monkeypatch.setattr(Limiting, "sign_in", uncounted)
    async with limited(settings, sign_in="8/60", sign_in_account="3/60") as gateway:
        account, others = await guesses_at_sign_in(gateway)
        assert (account.count(429), others.count(429)) == (0, 2), "now the limit of the address alone holds"
    async with limited(settings, sign_in="1000/60") as gateway:
        account, others = await guesses_at_sign_in(gateway)
        assert 429 not in {*account, *others}


async def test_writes_are_limited_and_observations_are_not_by_number_of_requests(settings: GatewaySettings) -> None:
    async with limited(settings, writes="2/60", device="100/60", observation_items="10/60") as gateway:
        device = await gateway.key("device", name="cam-1")
        made = [(await gateway.post("/v1/keys", {"name": "x", "role": "viewer"}))[0] for _ in range(3)]
        assert made == [201, 429, 429]  # with the device's key, made above
        item = {"kind": "report", "source": "cam-1", "observed_at": "2026-01-01T00:00:00Z", "text": "x"}
        assert (await gateway.post("/v1/observations", [item] * 8, key=device))[0] == 202
        status, problem = await gateway.post("/v1/observations", [item] * 3, key=device)
        assert (status, "observation_items" in problem["detail"]) == (429, True)
        assert (await gateway.post("/v1/observations", [item] * 2, key=device))[0] == 202


async def test_streams_are_bounded_for_each_caller(settings: GatewaySettings) -> None:
    async with limited(settings, streams_of_one=2) as gateway, three_streams(gateway) as (streams, closed_with):
        assert ([one.status for one in streams], closed_with) == ([200, 200, 429], 4429)
        streams[0].close()
        async with asyncio.timeout(5.0):
            while (again := await opened(gateway)).status == 429:  # until its end is noticed
                again.close()
        assert again.status == 200
        again.close()


@pytest.mark.planted("streams are counted for nobody: one caller takes as many as he likes")
async def test_streams_without_a_bound_are_noticed(settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seats, "held", lambda *_: nullcontext())
    async with limited(settings, streams_of_one=2) as gateway, three_streams(gateway) as (streams, closed_with):
        assert ([one.status for one in streams], closed_with) == ([200, 200, 200], None)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_a_dead_or_hanging_store_holds_up_nothing(
    settings: GatewaySettings, redis_server: Any, fault: str
) -> None:
    """Then each process counts alone: still a limit, and readiness says so without being unready."""
    with_store = settings.model_copy(update={"limits_url": SecretStr(redis_server.url)})
    async with limited(with_store, operator="40/60", public="6/60") as gateway:
        viewer = await gateway.key("viewer")
        assert (await ask(gateway, "/v1/entities", viewer)).status == 200
        (redis_server.kill if fault == "killed" else redis_server.freeze)()

        assert await held_up(gateway) == []
        assert breaches([await ask(gateway, "/v1/entities", viewer) for _ in range(8)], 5) == []
        ready = await ask(gateway, "/readyz")
        assert ready.status == 200
        assert "counted in this process alone" in (await ready.json())["notes"]["limits"]
        assert "summit_limits_shared_up 0.0" in await (await ask(gateway, "/metrics")).text()
        await asyncio.to_thread(redis_server.start if fault == "killed" else redis_server.thaw)
        async with asyncio.timeout(10.0):
            while "notes" in await (await ask(gateway, "/readyz")).json():
                await ask(gateway, "/metrics")
                await asyncio.sleep(0.05)


@pytest.mark.planted("a client of the store that waits for seconds, and health checks that are counted in it as well")
async def test_a_store_that_holds_up_requests_is_noticed(
    settings: GatewaySettings, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PATIENCE_S", LIMITED_S + 0.05)
    monkeypatch.setattr(limiter, "PAUSE_S", 0.0)
    monkeypatch.setattr(rules, "HEALTH", frozenset())
    with_store = settings.model_copy(update={"limits_url": SecretStr(redis_server.url)})
    async with limited(with_store) as gateway:
        redis_server.freeze()
        assert {what.split(":")[0] for what in await held_up(gateway)} == {"limited", "exempt"}


@pytest.mark.planted("without the store every limited request is refused: one more thing that must not fail")
async def test_a_store_whose_loss_shuts_the_door_is_noticed(
    settings: GatewaySettings, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def shut(self: Any, store: Any, policy: Policy, *_: Any) -> Verdict:
        return Verdict(policy, False, 0, 1.0, 1.0)

    with_store = settings.model_copy(update={"limits_url": SecretStr(redis_server.url)})
    async with limited(with_store) as gateway:
        monkeypatch.setattr(limiter.Limiter, "_ask", shut)
        redis_server.kill()
        assert [what.split(":")[0] for what in await held_up(gateway)] == ["statuses"]


@pytest.mark.planted("limits that are declared and asked by nobody (0 of 150 refused)")
async def test_a_limiter_that_nobody_asks_is_noticed(
    settings: GatewaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules.Rules, "charges", lambda *_: [])
    async with limited(settings, public="7/60") as gateway:
        viewer = await gateway.key("viewer")
        found = breaches([await ask(gateway, "/v1/entities", viewer) for _ in range(20)], 7)
        assert "20 of 20 let through, not 7" in found
        assert "200 without the fields of limits" in found


async def test_replicas_share_one_count(settings: GatewaySettings, redis_server: Any) -> None:
    with_store = settings.model_copy(update={"limits_url": SecretStr(redis_server.url)})
    async with limited(with_store, public="6/60") as one:
        viewer = await one.key("viewer")
        other = with_store.model_copy(update={"port": free_port()})
        async with limited(other, public="6/60") as two:
            doors = [one, two]
            answers = [await ask(doors[number % 2], "/v1/entities", viewer) for number in range(20)]
            assert breaches(answers, 6) == []


@pytest.mark.planted("a count in the memory of each replica: the limit is as many times itself")
async def test_replicas_that_count_alone_are_noticed(settings: GatewaySettings) -> None:
    async with limited(settings, public="6/60") as one:
        viewer = await one.key("viewer")
        async with limited(settings.model_copy(update={"port": free_port()}), public="6/60") as two:
            answers = [await ask([one, two][number % 2], "/v1/entities", viewer) for number in range(20)]
            assert "12 of 20 let through, not 6" in breaches(answers, 6)
