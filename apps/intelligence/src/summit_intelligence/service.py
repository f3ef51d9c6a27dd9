"""Intelligence: turns hazards and observations into incidents, alerts and advisories.

Every judgement compares what the world stream holds with what the rules say it should hold, and writes the difference.
So a restart, a redelivery or a crash between two writes ends in the same objects.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import structlog
from msgspec.structs import replace
from summit_core.clock import Clock
from summit_core.errors import ConflictError, NotFoundError
from summit_core.ids import derived_id
from summit_core.model import (
    Alert,
    AlertState,
    AnyObservation,
    Detection,
    Entity,
    Hotspot,
    Incident,
    IncidentState,
    Location,
    Measurement,
    Principal,
    Report,
    TimelineEntry,
)
from summit_core.security.decision import require
from summit_core.security.permissions import Permission

from summit_intelligence.rules import advisories, alerts, breaches, incidents, lifecycle
from summit_intelligence.rules.association import ENDED, match, sigma_m
from summit_intelligence.rules.incidents import Sighting
from summit_intelligence.rules.severity import severity, worse
from summit_intelligence.rules.weather import WeatherLog
from summit_intelligence.store import Store

log = structlog.get_logger(__name__)


class Intelligence:
    """One lock around every judgement: people and loops change the same objects."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._weather: defaultdict[str | None, WeatherLog] = defaultdict(WeatherLog)
        """By organisation: nobody decides by what another's station says."""
        self._lock = asyncio.Lock()
        self._settled: set[str] = set()
        """Ended incidents whose alert and advisory are known to have ended too."""

    async def judge(self) -> None:
        """Bring incidents, alerts and advisories in step with the picture."""
        async with self._lock:
            for hazard in list(self._store.hazards.values()):
                if incidents.is_reason(hazard):
                    await self._judge_hazard(hazard)
            for incident in list(self._store.incidents.values()):
                if incident.id not in self._settled:
                    await self._judge_incident(incident)
            for device in list(self._store.devices.values()):
                await self._judge_silence(device)
            await self._judge_breaches()

    async def observe(self, observations: Sequence[AnyObservation]) -> None:
        """Take in what was observed: weather, and sightings of fire."""
        async with self._lock:
            for observation in observations:
                if observation.recording is not None:
                    continue
                if isinstance(observation, Measurement):
                    self._weather[observation.organisation].add(observation)
                elif isinstance(observation, Detection | Hotspot | Report):
                    await self._judge_sighting(observation)

    async def acknowledge(self, key: str, note: str, person: Principal) -> Alert:
        """A person has seen the alert. Again is the same; an alert that has ended cannot be acknowledged."""
        require(person, Permission.OPERATE)
        async with self._lock:
            self._store.check_ready()
            alert = self._store.alert(key)
            if alert is None:
                raise NotFoundError(f"no alert {key}")
            require(person, Permission.OPERATE, alert, called=f"no alert {key}")
            if alert.state is AlertState.ACKNOWLEDGED:
                return alert
            if alert.state is not AlertState.OPEN:
                raise ConflictError(f"the alert is {alert.state}; only an open one can be acknowledged")
            now = self._clock.now()
            return await self._store.put("alerts", alerts.acknowledged(alert, note, person.name, now), at=now)

    async def move(self, key: str, state: IncidentState, reason: str, person: Principal) -> Incident:
        """A person moves the incident to another state of its life."""
        require(person, Permission.OPERATE)
        async with self._lock:
            self._store.check_ready()
            incident = self._store.incidents.get(key)
            if incident is None:
                raise NotFoundError(f"no incident {key}")
            require(person, Permission.OPERATE, incident, called=f"no incident {key}")
            if incident.state is state:
                return incident
            if not lifecycle.allowed(incident.state, state):
                raise ConflictError(
                    f"{incident.state} → {state} is not allowed; allowed: {lifecycle.choices(incident.state)}"
                )
            now = self._clock.now()
            entry = TimelineEntry(at=now, what=f"{incident.state.value} → {state.value}: {reason}", by=person.name)
            timeline = incidents.lengthened(incident, entry)
            moved = await self._put(replace(incident, state=state, updated_at=now, timeline=timeline))
            await self._judge_incident(moved, by=person.name)
            return self._store.incidents[key]

    async def _judge_hazard(self, hazard: Entity) -> None:
        now = self._clock.now()
        known = [i for i in self._store.incidents.values() if hazard.id in i.entities]
        found = next((i for i in known if incidents.is_open(i)), None)
        if known and found is None:
            return  # a person has closed it; the smoke that is left does not open it again
        if found is None and hazard.location is not None:
            found = match(hazard.class_, hazard.location, self._store.open_incidents(hazard.organisation))
        if found is None:
            opened = await self._put(incidents.of_hazard(hazard, now))
            log.info("incident opened", incident=opened.id, hazard=hazard.id, title=opened.title)
        elif self._lead(found, hazard) is hazard and (followed := incidents.follow(found, hazard, now)):
            await self._put(followed)

    async def _judge_sighting(self, sighting: Sighting) -> None:
        where = incidents.where_is(sighting)
        if where is None or sighting.id is None or self._is_known(sighting, where):
            return
        now = self._clock.now()
        found = match(_class_of(sighting), where, self._store.open_incidents(sighting.organisation))
        if found is not None and sighting.id not in found.causes:
            if incidents.confirms(found, sighting, where):
                found = await self._put(incidents.confirmed(found, sighting, where, now), cause=sighting)
                log.info("incident confirmed", incident=found.id, observation=sighting.id)
            elif supported := incidents.supported(found, sighting, now):
                found = await self._put(supported, cause=sighting)
        elif found is None and incidents.is_strong(sighting) and isinstance(sighting, Detection | Hotspot):
            found = await self._put(incidents.of_sighting(sighting, where, now), cause=sighting)
            log.info("incident opened", incident=found.id, observation=sighting.id, title=found.title)
        if found is not None and sighting.id in found.causes:
            await self._judge_incident(found)
            alert = self._store.alert(alerts.id_of(found))
            if alert is not None and (more := alerts.with_sighting(alert, sighting, now)):
                await self._store.put("alerts", more, at=now)

    def _is_known(self, sighting: Sighting, where: Location) -> bool:
        """Belongs to an incident that has ended since it was seen."""
        ours = [one for one in self._store.incidents.values() if one.organisation == sighting.organisation]
        ended = match(_class_of(sighting), where, ours, ENDED)
        return ended is not None and sighting.observed_at <= ended.updated_at

    async def _judge_incident(self, incident: Incident, *, by: str = incidents.BY) -> None:
        now, known = self._clock.now(), self._store.alert(alerts.id_of(incident))
        if not incidents.is_open(incident):
            await self._end(incident, known, by)
            return
        hazard = self._lead(incident)
        weather = None
        if incident.location is not None:
            weather = self._weather[incident.organisation].at(incident.location.lat, incident.location.lon, now)
        worst = worse(incident.severity, severity(incident.class_, incident.state, weather)[0])
        if worst is not incident.severity:
            incident = await self._put(replace(incident, severity=worst, updated_at=now))
        wanted = alerts.of_incident(incident, hazard, weather, known, now)
        news = alerts.refreshed(known, wanted, now) if known else wanted
        if news is not None:
            await self._store.put("alerts", news, at=now)
        advisory = self._store.advisory(incidents.short_id("adv", incident.id))
        assets = [
            device
            for device in self._store.devices.values()
            if device.kind == "asset" and device.organisation == incident.organisation
        ]
        wanted_advice = advisories.of_incident(incident, hazard, weather, assets, now)
        advice = advisories.rewritten(advisory, wanted_advice, now) if advisory else wanted_advice
        if advice is not None:
            await self._store.put("advisories", advice, at=now)

    async def _end(self, incident: Incident, alert: Alert | None, by: str) -> None:
        """The incident is closed or a false alarm: so are its alert and its advisory."""
        now = self._clock.now()
        ended = alerts.resolved(alert, f"the incident is {incident.state.value}", by, now) if alert else None
        if ended is not None:
            await self._store.put("alerts", ended, at=now)
        advisory = self._store.advisory(incidents.short_id("adv", incident.id))
        wanted = advisories.of_incident(incident, None, None, (), now)
        if advisory is not None and advisory.title != wanted.title:
            await self._store.put("advisories", wanted, at=now)
        self._settled.add(incident.id)

    async def _judge_silence(self, device: Entity) -> None:
        now, known = self._clock.now(), self._store.silence(device.id)
        if device.freshness == "live" and known is not None:
            heard = alerts.resolved(known, "it is heard again", incidents.BY, now)
            if heard is not None:
                await self._store.put("alerts", heard, at=now)
        elif device.freshness == "lost" and known is None and device.recording is None:
            alert = alerts.of_silence(device, now)
            if self._store.alert(alert.id) is None:
                await self._store.put("alerts", alert, at=now)
                log.info("alert raised", alert=alert.id, title=alert.title)

    async def _judge_breaches(self) -> None:
        """Raise an alert for each breach of a zone that has none, and end those whose breach is over."""
        now, store = self._clock.now(), self._store
        for presence in list(store.presences.values()):
            zone = store.zone(presence.zone)
            if zone is None or not breaches.is_breach(presence, zone) or store.breach(presence) is not None:
                continue
            entity = store.entity(presence.entity)
            if entity is not None and entity.kind == "hazard":
                continue  # a fire keeps to no zone; it is an incident
            alert = breaches.of_breach(presence, zone, entity, now)
            if store.alert(alert.id) is None:
                await store.put("alerts", alert, at=now)
                log.info("alert raised", alert=alert.id, title=alert.title)
        for key in [key for key in store.active if key.startswith(breaches.BREACH)]:
            over = store.presences.get(key.removeprefix(breaches.BREACH))
            if over is None or not breaches.is_breach(over, store.zone(over.zone)):
                known = store.alert(store.active[key])
                ended = alerts.resolved(known, breaches.why_over(over), incidents.BY, now) if known else None
                if ended is not None:
                    await store.put("alerts", ended, at=now)

    async def _put(self, incident: Incident, *, cause: Sighting | None = None) -> Incident:
        event_id = None
        if cause is not None:
            event_id = derived_id(cause.observed_at, "incident", incident.id, cause.id or "")
        return await self._store.put("incidents", incident, at=incident.updated_at, event_id=event_id)

    def _lead(self, incident: Incident, candidate: Entity | None = None) -> Entity | None:
        """The present hazard of the incident with the best fix."""
        ids = {*incident.entities, *((candidate.id,) if candidate else ())}
        present = [h for id_ in ids if (h := self._store.hazards.get(id_)) is not None and h.location is not None]
        return min(present, key=lambda h: (sigma_m(h.location.cov_m2 if h.location else None), h.id), default=None)


def _class_of(sighting: Sighting) -> str | None:
    """Satellites measure fires, and a person's report belongs to the fire that is near."""
    return sighting.class_ or (None if isinstance(sighting, Detection) else "fire")
