"""How the limits of a running gateway are judged; the line itself, and what is planted in it, is test_h3_limits.py."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import aiohttp
from gateway_harness import Gateway, running
from summit_gateway.limits.settings import Limits
from summit_gateway.settings import GatewaySettings

FIELD = re.compile(r'"(?P<name>\w+)";r=(?P<left>\d+);t=(?P<seconds>\d+)')
EXEMPT_S, LIMITED_S = 0.05, 0.5


@asynccontextmanager
async def limited(settings: GatewaySettings, proxies: str = "", **limits: Any) -> AsyncIterator[Gateway]:
    changed = settings.model_copy(update={"limits": Limits(**limits), "trusted_proxies": proxies})
    async with running(changed) as gateway:
        yield gateway


async def ask(gateway: Gateway, path: str, key: str | None = None, **headers: str) -> aiohttp.ClientResponse:
    sent = (gateway.headers(key) if key else {}) | headers
    response = await gateway.http.get(gateway.url + path, headers=sent)
    await response.read()
    return response


def breaches(responses: list[aiohttp.ClientResponse], allowed: int) -> list[str]:
    """What of these answers to equal requests is not as a limit of ``allowed`` must be."""
    found = []
    admitted = sum(one.status != 429 for one in responses)
    if admitted != allowed:
        found.append(f"{admitted} of {len(responses)} let through, not {allowed}")
    for one in responses:
        if one.status == 429 and not one.headers.get("Retry-After", "").isdecimal():
            found.append("429 without Retry-After")
        if FIELD.match(one.headers.get("RateLimit", "")) is None or "RateLimit-Policy" not in one.headers:
            found.append(f"{one.status} without the fields of limits")
    return found


async def held_up(gateway: Gateway) -> list[str]:
    """What is wrong with the answers while the store of the counts is away or hangs."""

    async def timed(path: str, key: str | None) -> tuple[float, int]:
        started = monotonic()
        response = await ask(gateway, path, key)
        return monotonic() - started, response.status

    first = await asyncio.gather(*(timed("/v1/entities", gateway.admin_key) for _ in range(10)))
    exempt = [await timed("/livez", None) for _ in range(5)]
    slowest, slowest_exempt = max(first)[0], sorted(exempt)[-2][0]  # one may meet a busy machine
    found = [f"limited: {slowest:.2f} s"] if slowest >= LIMITED_S else []
    found += [f"exempt: {slowest_exempt:.2f} s"] if slowest_exempt >= EXEMPT_S else []
    statuses = {status for _, status in first}
    return found + ([f"statuses: {sorted(statuses)}"] if statuses != {200} else [])


async def opened(gateway: Gateway) -> aiohttp.ClientResponse:
    return await gateway.http.get(gateway.url + "/v1/stream", headers=gateway.headers())


@asynccontextmanager
async def three_streams(gateway: Gateway) -> AsyncIterator[tuple[list[aiohttp.ClientResponse], int | None]]:
    """Three at once of one caller, and by which code a WebSocket beside them was closed; None when it was let in."""
    streams = [await opened(gateway) for _ in range(3)]
    async with gateway.http.ws_connect(gateway.url + "/v1/stream", headers=gateway.headers()) as socket:
        message = await socket.receive()
        code = socket.close_code if message.type is aiohttp.WSMsgType.CLOSE else None
    yield streams, code
    for stream in streams:
        stream.close()


async def guesses_at_sign_in(gateway: Gateway) -> tuple[list[int], list[int]]:
    """Answers to five guesses at one account, then to one at each of five others."""

    async def sign_in(key: str) -> int:
        async with gateway.http.post(gateway.url + "/v1/session", json={"key": key}) as response:
            return response.status

    wrong = gateway.admin_key[:-4] + "0000"
    account = [await sign_in(wrong) for _ in range(5)]
    return account, [await sign_in(f"smt_{number:012x}_{'0' * 64}") for number in range(5)]
