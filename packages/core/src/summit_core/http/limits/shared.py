"""Counts that all replicas share, in Redis: one script, one round trip, the same arithmetic as in memory."""

import asyncio
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from summit_core.errors import UnavailableError
from summit_core.http.limits.quota import Policy, Verdict, Window, judge

PATIENCE_S: Final = 0.2
"""For all of it: a free connection, connecting, the answer. A request waits for a limit at most so long."""
CONNECTIONS: Final = 32

# The clock is the store's, so that replicas need not agree on theirs. One hash for each key: in a cluster, one slot.
_TAKE: Final = """
local time, length, cost = redis.call('TIME'), tonumber(ARGV[1]), tonumber(ARGV[2])
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local index = math.floor(now / length)
local kept = redis.call('HMGET', KEYS[1], 'index', 'current', 'previous')
local at, current, previous = tonumber(kept[1]) or index, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if at ~= index then
  previous = at == index - 1 and current or 0
  current = 0
end
local elapsed = now - index * length
if current + previous * (1 - elapsed / length) + cost <= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'index', index, 'current', current + cost, 'previous', previous)
  redis.call('PEXPIRE', KEYS[1], length * 2000)
end
return {current, previous, tostring(elapsed)}
"""


class SharedCounts:
    """Raises :class:`UnavailableError` when the store is away, hangs, or answers nonsense."""

    def __init__(self, url: str) -> None:
        """``url``: ``redis://[user:password@]host:port/number``, or ``rediss://`` by TLS. Nothing connects yet."""
        pool = BlockingConnectionPool.from_url(
            url,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
            retry=Retry(NoBackoff(), 0),  # by itself it tries three times, and each costs a timeout
            max_connections=CONNECTIONS,
            timeout=PATIENCE_S,
        )
        self._redis = Redis.from_pool(pool)
        self._take = self._redis.register_script(_TAKE)

    async def take(self, policy: Policy, key: str, cost: int = 1) -> Verdict:
        amount, length_s = policy.quota
        name = f"summit:limits:{policy.name}:{key}"
        try:
            async with asyncio.timeout(PATIENCE_S):
                current, previous, elapsed = await self._take(keys=[name], args=[length_s, cost, amount])
            return judge(policy, Window(int(current), int(previous), float(elapsed)), cost)
        except (RedisError, OSError, ValueError, TypeError) as error:
            raise UnavailableError(f"the shared counts are away: {type(error).__name__}") from error

    async def close(self) -> None:
        await self._redis.aclose()
