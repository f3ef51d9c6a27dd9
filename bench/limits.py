"""What the limits cost a request: the middleware around an application that does nothing, beside none, in turns.

    python bench/limits.py [--rounds 15] [--requests 4000]

CPU time of one process, in alternating rounds; memory store; 1 and 20,000 callers.
"""

import argparse
import asyncio
import statistics
import time
from typing import Any

from report import Bar, finish, machine
from summit_core.http.limits.address import TrustedProxies
from summit_core.http.limits.limiter import Limiter
from summit_core.http.limits.middleware import LimitsMiddleware
from summit_core.model import Principal, Role
from summit_gateway.limits.service import Limiting
from summit_gateway.limits.settings import Limits

BARS = (Bar("one_caller.added_us", 0, 40), Bar("callers_20000.added_us", 0, 50))
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    await send(dict(START))
    await send(BODY)


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_: Any) -> None:
    return None


async def _round(app: Any, callers: list[Principal], requests: int) -> float:
    """Microseconds of CPU a request."""
    headers = [(b"host", b"x"), (b"authorization", b"Bearer x"), (b"accept", b"*/*")]
    base = {"type": "http", "method": "GET", "path": "/v1/entities", "query_string": b"", "client": ("203.0.113.9", 1)}
    started = time.process_time()
    for number in range(requests):
        state = {"principal": callers[number % len(callers)]}
        await app(base | {"headers": headers, "state": state}, _receive, _send)
    return (time.process_time() - started) / requests * 1e6


async def _measure(rounds: int, requests: int, count: int) -> dict[str, float]:
    callers = [Principal(id=f"key-{number}", name="x", role=Role.OPERATOR) for number in range(count)]
    limiting = Limiting(Limits.model_validate({"operator": "1000000000/60"}), TrustedProxies(), Limiter())
    app = LimitsMiddleware(_nothing, rules=limiting.rules)
    bare, limited = [], []
    for _ in range(rounds):
        bare.append(await _round(_nothing, callers, requests))
        limited.append(await _round(app, callers, requests))
    without, with_ = statistics.median(bare), statistics.median(limited)
    return {"bare_us": round(without, 2), "limited_us": round(with_, 2), "added_us": round(with_ - without, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=4_000)
    asked = parser.parse_args()
    one = asyncio.run(_measure(asked.rounds, asked.requests, 1))
    many = asyncio.run(_measure(asked.rounds, asked.requests, 20_000))
    return finish("limits", {"machine": machine(), "one_caller": one, "callers_20000": many}, BARS)


if __name__ == "__main__":
    raise SystemExit(main())
