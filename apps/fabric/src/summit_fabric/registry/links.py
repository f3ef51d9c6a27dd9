"""Is a registered thing there? From what it sends, its heartbeats and its last will, and from the node that it speaks
through. Written to the world only when the answer changes."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace
from prometheus_client import Gauge
from summit_core.bus import Delivery, Mirror
from summit_core.clock import Clock
from summit_core.model import Freshness, Link, Registration
from summit_core.observability.health import HealthMonitor

from summit_fabric.judge import LinkStatus
from summit_fabric.registry.behind import Behind
from summit_fabric.registry.writer import RegistrationWriter
from summit_fabric.rhythm import DEFAULT_INTERVAL_S, GAPS_KEPT, freshness_after, learned_interval_s

LOOP: Final = "fabric-registry-links"
LOOK_S: Final = 1.0
HEARTBEAT_S: Final = 20.0
"""How often a device says that it is online, until its own rhythm is known."""
LINKS = Gauge("summit_registrations", "Registered sources, nodes and assets by the state of their link", ["link"])
_LINK: Final[dict[Freshness, Link]] = {
    "live": Link.ONLINE,
    "stale": Link.STALE,
    "lost": Link.OFFLINE,
    "expired": Link.OFFLINE,
}
_BEST: Final = (Link.ONLINE, Link.STALE, Link.OFFLINE, Link.NEVER)


class Sign(NamedTuple):
    """One way in which a thing shows that it is there: the last time, and how often it is expected (seconds)."""

    at: datetime | None
    interval_s: float


class Judgement(NamedTuple):
    link: Link
    reason: str = ""


class Heard(NamedTuple):
    """What was observed by a source: the last time, and how often it speaks; None while that is not known."""

    at: datetime | None
    interval_s: float | None


def judge_link(
    signs: Iterable[Sign], ended_at: datetime | None, known: Judgement, *, since: datetime, now: datetime
) -> Judgement:
    """By the best sign. ``ended_at``: its last will, or its own goodbye. ``since``: when we began to listen; a silence
    before that may be our own, so what was ``known`` holds until a sign or a silence of which we are sure."""
    signs = list(signs)
    last = max((sign.at for sign in signs if sign.at is not None), default=None)
    if ended_at is not None and (last is None or ended_at >= last):
        return Judgement(Link.OFFLINE, f"said goodbye, or its last will came, at {_clock(ended_at)}")
    if last is None and known.link in {Link.NEVER, Link.OFFLINE}:
        return known
    best = Judgement(Link.NEVER)
    for sign in signs:
        heard_at = max(sign.at or since, since)
        link = _LINK[freshness_after(now - heard_at, sign.interval_s)]
        if _BEST.index(link) < _BEST.index(best.link):
            reason = f"nothing heard since {_clock(heard_at)}, expected every {sign.interval_s:g} s"
            best = Judgement(link, "" if link is Link.ONLINE else reason)
    return best


def through(node: str, above: Judgement, own: Judgement) -> Judgement:
    """What speaks through a node is at most as well connected as the node."""
    if above.link is Link.NEVER or _BEST.index(own.link) >= _BEST.index(above.link):
        return own
    return Judgement(above.link, f"its node {node} is {above.link}: {above.reason}"[:400])


@dataclass(slots=True)
class _Said:
    """What a device says of its own link."""

    online_at: datetime | None = None
    ended_at: datetime | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=GAPS_KEPT))

    def sign(self) -> Sign:
        return Sign(self.online_at, learned_interval_s(self.gaps) or HEARTBEAT_S)


class Links:
    """``heard`` says what was observed by a source."""

    def __init__(
        self,
        mirror: Mirror,
        behind: Behind,
        writer: RegistrationWriter,
        heard: Callable[[str], Heard],
        clock: Clock,
    ) -> None:
        self._mirror = mirror
        self._behind = behind
        self._writer = writer
        self._heard = heard
        self._clock = clock
        self._since = clock.now()
        self._said: dict[str, _Said] = {}

    async def statuses(self, deliveries: list[Delivery]) -> None:
        """Heartbeats, goodbyes and last wills (``devices.<id>.status``)."""
        await self._mirror.ready.wait()
        for delivery in deliveries:
            self._take(delivery.subject.split(".")[1], delivery)

    async def watch(self, health: HealthMonitor) -> None:
        """Each second, and no more often, however often a device comes and goes: who is there?"""
        await self._mirror.ready.wait()
        self._since = self._clock.now()
        while True:
            await self.judge()
            health.beat(LOOP)
            await asyncio.sleep(LOOK_S)

    async def judge(self) -> None:
        """Write every link that is another than before."""
        registrations = {one.id: one for one in self._mirror.all("registrations", Registration)}
        self._said = {key: said for key, said in self._said.items() if key in registrations}
        found = {key: self._own(one) for key, one in registrations.items()}
        for key, one in registrations.items():
            if one.node in registrations and one.node is not None:
                found[key] = through(one.node, found[one.node], found[key])
        counts = Counter(judgement.link for judgement in found.values())
        for link in Link:
            LINKS.labels(link=link).set(counts[link])
        changed = [key for key, one in registrations.items() if found[key] != Judgement(one.link, one.link_reason)]
        for key in changed:
            await self._writer.change(key, partial(_linked, to=found[key], now=self._clock.now()))

    def _own(self, one: Registration) -> Judgement:
        """By itself; a node is there also when anything comes through it."""
        said = self._said.get(one.id, _Said())
        signs = [self._sign(one.id, one.expected_interval_s), said.sign()]
        signs += [self._sign(child, self._stated(child)) for child in self._behind.of(one.id)]
        known = Judgement(one.link, one.link_reason)
        return judge_link(signs, said.ended_at, known, since=self._since, now=self._clock.now())

    def _sign(self, key: str, stated_s: float | None) -> Sign:
        heard = self._heard(key)
        return Sign(heard.at, stated_s or heard.interval_s or DEFAULT_INTERVAL_S)

    def _stated(self, key: str) -> float | None:
        known = self._mirror.get("registrations", key, Registration)
        return known[0].expected_interval_s if known else None

    def _take(self, key: str, delivery: Delivery) -> None:
        try:
            status = msgspec.json.decode(delivery.data, type=LinkStatus).status
        except (ValueError, RecursionError):  # not JSON, not UTF-8, too deep
            return  # the validator has made a dead letter of it
        if key not in self._mirror.changes("registrations"):
            return
        said, at = self._said.setdefault(key, _Said()), delivery.timestamp
        if status == "offline":
            said.ended_at = at
            return
        if said.online_at is not None and at > said.online_at:
            said.gaps.append((at - said.online_at).total_seconds())
        said.online_at = at


def _linked(known: Registration, *, to: Judgement, now: datetime) -> Registration:
    since = known.link_since if known.link is to.link else now
    return replace(known, link=to.link, link_reason=to.reason, link_since=since)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
