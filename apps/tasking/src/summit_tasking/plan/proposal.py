"""Who should go and look: the nearest capable asset that comes home with its reserve, and why not the others."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from summit_core.geo import distance_m, ellipse
from summit_core.model import Entity, Evidence, Incident, Location, Plan, Task, TaskKind

from summit_tasking.plan.route import LEAST_RESERVE, LOITER_S, Route, out_and_back

RULE: Final = "nearest-feasible/1"
CAPABILITY: Final = "investigate"
MOVED_M: Final = 250.0
"""A target that moves less than this stays in sight of a drone that goes to the old place."""
SIGMA_95: Final = math.sqrt(-2.0 * math.log(0.05))
"""Size of the 95 % ellipse in standard deviations (chi-squared, two degrees of freedom)."""
Risk = Literal["low", "medium", "high"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan for one asset, with the reasons for it and against the others."""

    kind: TaskKind
    asset: str
    title: str
    target: Location
    plan: Plan
    plan_hash: str
    risk: Risk
    rationale: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    asset: Entity
    route: Route | None
    obstacle: str
    """Why it cannot; empty when it can."""


def propose(incident: Incident, assets: Iterable[Entity], unavailable: Mapping[str, str]) -> Proposal | None:
    """The proposal to investigate, or None when no asset can.

    ``unavailable`` names assets that may not be asked now, each with the reason (``busy with tsk-…``).
    """
    target = incident.location
    if target is None:
        return None
    capable = [asset for asset in assets if asset.kind == "asset" and CAPABILITY in asset.capabilities]
    ours = [one for one in capable if one.recording is None and one.organisation == incident.organisation]
    candidates = [_candidate(asset, target, unavailable) for asset in ours]
    able = [c for c in candidates if not c.obstacle and c.route is not None]
    if not able:
        return None
    chosen = min(able, key=lambda c: (c.route.out_m if c.route else 0.0, c.asset.id))
    if chosen.route is None:
        return None
    plan = chosen.route.plan(target)
    others = [c for c in candidates if c is not chosen]
    return Proposal(
        kind="investigate",
        asset=chosen.asset.id,
        title=f"{chosen.asset.id} looks at {incident.title}"[:200],
        target=target,
        plan=plan,
        plan_hash=hash_of(chosen.asset.id, "investigate", plan, incident.id),
        risk="medium",
        rationale=(_choice(chosen.asset, chosen.route), *_rejections(chosen.route, others), _policy()),
    )


def outdated(task: Task, asset: Entity | None, target: Location | None, unavailable: Mapping[str, str]) -> str:
    """Why a proposed task can no longer stand as it was planned; empty when it can.

    A nearer asset alone is no reason, and neither is a late message: the person who reads it needs it to stand still.
    """
    if asset is None:
        return f"{task.asset} is gone"
    if target is None:
        return ""
    obstacle = _candidate(asset, target, unavailable, heard=frozenset({"live", "stale"})).obstacle
    if obstacle:
        return f"of {asset.id}: {obstacle}"
    planned = task.plan.waypoints[0]
    moved = distance_m(planned.lat, planned.lon, target.lat, target.lon)
    return f"the target moved by {length(moved)}" if moved > max(MOVED_M, _sigma_m(target)) else ""


def hash_of(asset: str, kind: TaskKind, plan: Plan, incident: str) -> str:
    """SHA-256 over the canonical JSON (sorted keys, no spaces) of what a person approves."""
    approved = {"asset": asset, "incident": incident, "kind": kind, "plan": plan}
    return hashlib.sha256(msgspec.json.encode(approved, order="sorted")).hexdigest()


def length(metres: float) -> str:
    return f"{metres:.0f} m" if metres < 1000.0 else f"{metres / 1000.0:.1f} km"


def _candidate(
    asset: Entity, target: Location, unavailable: Mapping[str, str], heard: Set[str] = frozenset({"live"})
) -> _Candidate:
    route = out_and_back(asset, target)
    if isinstance(route, str):
        return _Candidate(asset, None, route)
    if asset.freshness not in heard:
        return _Candidate(asset, route, f"it is {asset.freshness}, last heard at {asset.heard_at:%H:%M:%S} UTC")
    if asset.id in unavailable:
        return _Candidate(asset, route, unavailable[asset.id])
    if asset.task is not None:
        return _Candidate(asset, route, f"it says that it flies {asset.task}")
    return _Candidate(asset, route, "" if route.feasible else _shortfall(route))


def _shortfall(route: Route) -> str:
    if route.reserve <= 0.0:
        return f"it would not come home: the way takes {route.duration_s:.0f} s, more than its endurance"
    left = f"it would come home with {route.reserve:.0%} of its endurance"
    return f"{left}: below the {LEAST_RESERVE:.0%} reserve"


def _choice(asset: Entity, route: Route) -> Evidence:
    text = (
        f"{asset.id} is the nearest that can: {length(route.out_m)} away, there in {route.arrive_s:.0f} s, "
        f"looks for {LOITER_S:.0f} s, is home after {route.duration_s:.0f} s with {route.reserve:.0%} "
        f"of its endurance ({RULE})"
    )
    return Evidence(id=asset.id, kind="choice", text=text)


def _rejections(chosen: Route, others: list[_Candidate]) -> list[Evidence]:
    others = sorted(others, key=lambda c: (c.route.out_m if c.route else float("inf"), c.asset.id))
    return [Evidence(id=c.asset.id, kind="rejected", text=_rejection(chosen, c)) for c in others]


def _rejection(chosen: Route, other: _Candidate) -> str:
    if other.route is None:
        return f"{other.asset.id}: {other.obstacle}"
    where = length(other.route.out_m)
    if not other.obstacle:
        return f"{other.asset.id} could go too but is farther ({where})"
    link = f"is nearer ({where}) but" if other.route.out_m < chosen.out_m else f"({where}):"
    return f"{other.asset.id} {link} {other.obstacle}"


def _policy() -> Evidence:
    text = "medium risk: a flight near a fire. A commander or administrator must approve this very plan"
    return Evidence(id="policy", kind="policy", text=text)


def _sigma_m(where: Location) -> float:
    """One standard deviation of a position along its worst direction."""
    return 0.0 if where.cov_m2 is None else ellipse(where.cov_m2)[0] / SIGMA_95
