"""X1: the time of a wrong key tells nothing of its id, nor of how much of its secret is right.

Processor time of this thread, because a busy machine makes everything else late; medians of alternating samples.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from summit_core.errors import UnauthenticatedError
from summit_core.security.token import digest, id_of, is_right, new_token

ROUNDS, TIMES, TRIES = 100, 50, 4
SAME = 0.12
"""Medians of what costs the same differed by 0.12 once beside ten busy programs; noise comes and goes, but what depends
on the key is seen in every try."""
Compare = Callable[[str, bytes | None], bool]
Verify = Callable[[str], Awaitable[Any]]


def apart(samples: list[list[float]]) -> float:
    """By how much the slowest kind is slower than the quickest."""
    medians = [statistics.median(each) for each in samples]
    return max(medians) / min(medians) - 1.0


def wrong_keys(token: str) -> list[str]:
    """Wholly wrong; the right id with another secret; the right id with a secret that is right but for its end."""
    other = new_token()[1]
    head, _, secret = token.rpartition("_")
    end = "0" if secret[-1] != "0" else "1"
    return [other, f"{head}_{other.rpartition('_')[2]}", f"{head}_{secret[:-1]}{end}"]


def compared(compare: Compare) -> float:
    """The least of some tries: noise comes and goes."""
    return min(_compared(compare) for _ in range(TRIES))


def _compared(compare: Compare) -> float:
    token = new_token()[1]
    stored = [None, digest(token), digest(token)]
    kinds = list(zip(wrong_keys(token), stored, strict=True))
    samples: list[list[float]] = [[] for _ in kinds]
    for _ in range(ROUNDS):
        for (wrong, known), spent in zip(kinds, samples, strict=True):
            began = time.thread_time_ns()
            for _ in range(TIMES):
                assert not compare(wrong, known)
            spent.append(time.thread_time_ns() - began)
    return apart(samples)


def early_exit(token: str, stored: bytes | None) -> bool:
    """Planted: nothing is hashed for nobody, and bytes are compared until the first that differs."""
    return stored is not None and all(a == b for a, b in zip(digest(token), stored, strict=True))


def test_the_comparison_takes_the_same_time_whatever_is_right() -> None:
    assert compared(is_right) < SAME
    assert compared(early_exit) > 3 * SAME, "the check does not see a comparison that ends early"


async def verified(verify: Verify, token: str) -> float:
    """With the look-up in the database. The first try that shows no difference decides, else the least."""
    least = await _verified(verify, token)
    for _ in range(TRIES - 1):
        if least >= SAME:
            least = min(least, await _verified(verify, token))
    return least


async def _verified(verify: Verify, token: str) -> float:
    kinds = wrong_keys(token)
    samples: list[list[float]] = [[] for _ in kinds]
    for number in range(ROUNDS):
        for kind in range(len(kinds)):
            at = (kind + number) % len(kinds)  # each is first as often as last
            began = time.thread_time_ns()
            with pytest.raises(UnauthenticatedError):
                await verify(kinds[at])
            samples[at].append(time.thread_time_ns() - began)
    return apart(samples)


@pytest.mark.parametrize("known", [False, True])
async def test_a_wrong_key_costs_the_same_whether_its_id_exists(gateway: Any, known: bool) -> None:
    keys = gateway.app.state.services.keys
    token = await gateway.key("viewer")
    if known:
        assert (await gateway.get("/v1/entities", key=token))[0] == 200
    assert (id_of(token) in keys._known) is known
    assert await verified(keys.verify, token) < SAME

    async def planted(wrong: str) -> Any:
        """What looks up only an id that it knows, and takes all of its row."""
        stored = await keys._find(id_of(wrong) or "") if id_of(wrong) == id_of(token) else None
        if stored is None or not is_right(wrong, stored.hash):
            raise UnauthenticatedError("wrong")
        return stored

    assert await verified(planted, token) > 3 * SAME, "the check does not see that unknown ids cost less"
