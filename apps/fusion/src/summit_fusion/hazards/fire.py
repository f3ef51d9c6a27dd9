"""A fire that cameras see: its smokes, where it is, and the entity that says so."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace
from summit_core.ids import derived_id
from summit_core.model import BearingEvidence, Entity, Hypothesis, Location

from summit_fusion.cameras import Bias, Biases, Persistence, Sighting, Smoke
from summit_fusion.cameras.persistence import STATES, State
from summit_fusion.locate import Fix, SightLine
from summit_fusion.picture import organisation_in, picture_of, recording_in

OWNER = "fusion"
MAX_CAUSES = 48
ONE_CAMERA = "one_camera"
ASSOCIATION = "association"


class Fire(msgspec.Struct):
    """``members``: the smoke of each camera that sees it; ``left_out``: smokes that should be this fire and are not.

    ``settled``: three lines or more agree without doubt; new smokes join it. Until then all its smokes are sorted anew
    with every bearing. ``recording`` is the name of its picture.
    """

    key: str
    recording: str | None
    label: str
    members: dict[str, str]
    left_out: dict[str, str] = {}
    location: Location | None = None
    bearings: list[BearingEvidence] = []
    ambiguity: str | None = ONE_CAMERA
    hypotheses: tuple[Hypothesis, ...] = ()
    certainty: float = 1.0
    """Probability of its place among all ways to sort the lines."""
    alternatives: tuple[Hypothesis, ...] = ()
    causes: list[str] = []
    updates: int = 0
    counted: dict[str, datetime] = {}
    """Of each smoke, up to when its sightings are among ``causes`` and ``updates``."""
    observed_at: datetime | None = None
    heard_at: datetime | None = None
    learnt_at: datetime | None = None
    lessons: int = 0
    believed: bool = False
    """More than single frames of two cameras; otherwise it leaves with them."""
    due: bool = True
    published: Entity | None = None

    @property
    def settled(self) -> bool:
        return self.ambiguity is None and sum(bearing.used for bearing in self.bearings) >= 3

    def take_in(self, smokes: Iterable[Smoke]) -> None:
        """Count what its smokes have shown since the last time."""
        fresh: list[tuple[datetime, str]] = []
        for smoke in smokes:
            before = self.counted.get(smoke.id)
            fresh += [(seen.at, seen.observation) for seen in smoke.seen if before is None or seen.at > before]
            self.counted[smoke.id] = smoke.latest.at
            self.observed_at = max(filter(None, (self.observed_at, smoke.latest.at)))
            self.heard_at = max(filter(None, (self.heard_at, smoke.heard_at)), default=None)
        known = set(self.causes)
        self.causes = [*self.causes, *(id_ for _, id_ in sorted(fresh) if id_ not in known)][-MAX_CAUSES:]
        self.updates += len(fresh)

    def place(self, fix: Fix, bearings: Sequence[BearingEvidence]) -> None:
        """Where the fix puts it; the sorting of the lines may have its own doubt."""
        best = fix.hypotheses[0]
        self.location = Location(lat=best.lat, lon=best.lon, cov_m2=best.cov_m2)
        self.bearings = [
            replace(bearing, used=used, residual_sigma=residual)
            for bearing, used, residual in zip(bearings, best.used, best.residuals_sigma, strict=True)
        ]
        places = tuple(Hypothesis(lat=h.lat, lon=h.lon, cov_m2=h.cov_m2, weight=h.weight) for h in fix.hypotheses)
        self.ambiguity, self.hypotheses = (fix.reason, places) if fix.ambiguous else (None, ())
        if self.ambiguity is None and self.alternatives:
            first = Hypothesis(lat=best.lat, lon=best.lon, cov_m2=best.cov_m2, weight=self.certainty)
            total = self.certainty + sum(other.weight for other in self.alternatives)
            self.ambiguity = ASSOCIATION
            self.hypotheses = tuple(replace(h, weight=h.weight / total) for h in (first, *self.alternatives))


def new_fire(recording: str | None, smokes: Sequence[Smoke]) -> Fire:
    """A fire that these smokes show; its id is that of the first sighting of all."""
    first = min(smokes, key=lambda smoke: (smoke.seen[0].at, smoke.id))
    key = "haz-" + derived_id(first.seen[0].at, first.source, first.seen[0].observation)[-12:]
    return Fire(key, recording, first.label, {smoke.source: smoke.id for smoke in smokes})


def entity_of(fire: Fire, smokes: Mapping[str, Smoke], now: datetime) -> Entity:
    """What is published: place, doubt, and of each camera its direction, its state and the bias that was used."""
    id_of = {**fire.left_out, **fire.members}
    evidence = tuple(_as_it_is(bearing, smokes.get(id_of.get(bearing.source, ""))) for bearing in fire.bearings)
    count = sum(bearing.used for bearing in evidence)
    return Entity(
        id=fire.key,
        kind="hazard",
        owner=OWNER,
        class_=fire.label,
        label=f"{fire.label} seen by {count} cameras" if count != 1 else f"{fire.label} seen by one camera",
        observed_at=fire.observed_at or now,
        heard_at=fire.heard_at or now,
        updated_at=now,
        location=fire.location,
        sources=tuple(bearing.source for bearing in evidence),
        bearings=evidence,
        ambiguous=fire.ambiguity is not None,
        ambiguity=fire.ambiguity,
        hypotheses=fire.hypotheses,
        updates=fire.updates,
        recording=recording_in(fire.recording),
        organisation=organisation_in(fire.recording),
        causes=tuple(fire.causes),
    )


def fire_of(entity: Entity, biases: Biases) -> tuple[Fire, list[Smoke]]:
    """The fire and its smokes as they were published; what is known of a camera's bias comes back with them."""
    smokes = [_smoke(evidence, entity.class_ or "smoke") for evidence in entity.bearings]
    for bearing in entity.bearings:
        if bearing.bias_deg is not None and bearing.bias_sigma_deg is not None:
            biases.recall(bearing.source, bearing.bias_deg, bearing.bias_sigma_deg)
    pairs = list(zip(entity.bearings, smokes, strict=True))
    fire = Fire(
        entity.id,
        picture_of(entity),
        entity.class_ or "smoke",
        {bearing.source: smoke.id for bearing, smoke in pairs if bearing.used},
        left_out={bearing.source: smoke.id for bearing, smoke in pairs if not bearing.used},
        location=entity.location,
        bearings=list(entity.bearings),
        ambiguity=entity.ambiguity,
        hypotheses=entity.hypotheses,
        causes=list(entity.causes),
        updates=entity.updates,
        counted={smoke.id: smoke.latest.at for smoke in smokes},
        observed_at=entity.observed_at,
        heard_at=entity.heard_at,
        believed=len(pairs) > 2 or any(bearing.state != "candidate" for bearing in entity.bearings),
        due=False,
        published=entity,
    )
    return fire, smokes


def shown(smoke: Smoke, line: SightLine, bias: Bias) -> BearingEvidence:
    """What the camera sees, as it takes part in a fix: ``line`` is corrected by ``bias``."""
    latest = smoke.latest
    return BearingEvidence(
        observation=latest.observation,
        source=smoke.source,
        lat=latest.lat,
        lon=latest.lon,
        azimuth_deg=line.azimuth_deg,
        sigma_deg=line.sigma_deg,
        observed_at=latest.at,
        state=smoke.persistence.state,
        reason=smoke.persistence.reason,
        bias_deg=bias.deg,
        bias_sigma_deg=bias.sigma_deg,
        bias_note=bias.note,
    )


def _as_it_is(evidence: BearingEvidence, smoke: Smoke | None) -> BearingEvidence:
    """With the state that the smoke has now."""
    if smoke is None:
        return replace(evidence, state="ended", reason="not seen for long")
    return replace(evidence, state=smoke.persistence.state, reason=smoke.persistence.reason)


def _smoke(bearing: BearingEvidence, label: str) -> Smoke:
    """One sighting stands for all that the direction was averaged over."""
    noise = bearing.sigma_deg**2 - (bearing.bias_sigma_deg or 0.0) ** 2
    sighting = Sighting(
        observation=bearing.observation,
        at=bearing.observed_at,
        lat=bearing.lat,
        lon=bearing.lon,
        azimuth_deg=(bearing.azimuth_deg + (bearing.bias_deg or 0.0)) % 360.0,
        sigma_deg=max(noise, 1e-6) ** 0.5,
    )
    state: State = next((state for state in STATES if state == bearing.state), "candidate")
    persistence = Persistence(state, bearing.reason, bearing.observed_at, bearing.observed_at)
    return Smoke(f"{bearing.source}/{bearing.observation}", bearing.source, label, [sighting], persistence)
