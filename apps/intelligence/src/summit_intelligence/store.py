"""The world as intelligence sees it, and its own part of it: incidents, alerts, advisories. All of it lives in the
world stream; here is only the mirror of it and an index. What was written is read back at once."""

from datetime import datetime
from typing import Final, Literal, TypeVar

import msgspec
from summit_core.bus import Change, Mirror, WorldWriter
from summit_core.model import Advisory, Alert, Entity, Incident, Presence, WorldEvent, WorldType, Zone

from summit_intelligence.rules.alerts import ACTIVE, silence_key
from summit_intelligence.rules.breaches import BREACH, breach_key
from summit_intelligence.rules.incidents import is_open

TYPES: Final[tuple[WorldType, ...]] = (
    "entities",
    "incidents",
    "alerts",
    "advisories",
    "zones",
    "presences",
)
OwnType = Literal["incidents", "alerts", "advisories"]
T = TypeVar("T", Incident, Alert, Advisory)


class _Kind(msgspec.Struct):
    kind: str


_kind_of = msgspec.json.Decoder(_Kind).decode
_entity_of = msgspec.json.Decoder(Entity).decode


class Store:
    """Reads from the mirror; writes one object at a time, each under the version that it replaces."""

    def __init__(self, mirror: Mirror, writer: WorldWriter) -> None:
        self._mirror, self._writer = mirror, writer
        self.hazards: dict[str, Entity] = {}
        self.devices: dict[str, Entity] = {}
        """Assets and sensors."""
        self.incidents: dict[str, Incident] = {}
        self.presences: dict[str, Presence] = {}
        """Those of the present, not of recordings."""
        self.active: dict[str, str] = {}
        """The active alert of each dedupe key of a silence or a breach."""
        mirror.listen(self._take_in)

    def check_ready(self) -> None:
        """Raise :class:`UnavailableError` until the mirror has read the world stream to its end."""
        self._mirror.check_ready()

    def open_incidents(self, organisation: str | None) -> list[Incident]:
        """Of one organisation: nothing of another's ever belongs to them."""
        return [one for one in self.incidents.values() if one.organisation == organisation and is_open(one)]

    def alert(self, key: str) -> Alert | None:
        return self._mirror.find("alerts", key, Alert)

    def advisory(self, key: str) -> Advisory | None:
        return self._mirror.find("advisories", key, Advisory)

    def silence(self, entity_id: str) -> Alert | None:
        """The active alert about the silence of an entity."""
        return self._active(silence_key(entity_id))

    def breach(self, presence: Presence) -> Alert | None:
        """The active alert about a breach of a zone."""
        return self._active(breach_key(presence))

    def zone(self, key: str) -> Zone | None:
        return self._mirror.find("zones", key, Zone)

    def entity(self, key: str) -> Entity | None:
        return self._mirror.find("entities", key, Entity)

    def version(self, type_: OwnType, key: str) -> int:
        """The version of an object; 0 where there is none."""
        change = self._mirror.changes(type_).get(key)
        return change.seq if change else 0

    async def put(self, type_: OwnType, body: T, *, at: datetime, event_id: str | None = None) -> T:
        """Write the object, if it is still the one that we read; ``event_id`` names a cause that may come again."""
        expected, causes = self.version(type_, body.id), body.causes
        change = await self._writer.put(
            type_, body.id, body, at=at, causes=causes, expected=expected, event_id=event_id
        )
        self._mirror.apply(change)
        return body

    def _active(self, dedupe_key: str) -> Alert | None:
        key = self.active.get(dedupe_key)
        return self.alert(key) if key else None

    def _take_in(self, change: Change) -> None:
        event = change.event
        if event.type == "entities":
            self._take_entity(event)
        elif event.type == "presences":
            self._take_presence(event)
        elif event.op == "delete":
            self.incidents.pop(event.key, None)
        elif event.type == "incidents":
            self.incidents[event.key] = msgspec.json.decode(event.body, type=Incident)
        elif event.type == "alerts":
            self._take_alert(msgspec.json.decode(event.body, type=Alert))

    def _take_entity(self, event: WorldEvent) -> None:
        """Tracks are many and none of our business, so only the kind of each is looked at."""
        if event.op == "delete":
            self.hazards.pop(event.key, None)
            self.devices.pop(event.key, None)
            return
        kind = _kind_of(event.body).kind
        if kind == "hazard":
            self.hazards[event.key] = _entity_of(event.body)
        elif kind in {"asset", "sensor"}:
            self.devices[event.key] = _entity_of(event.body)

    def _take_presence(self, event: WorldEvent) -> None:
        self.presences.pop(event.key, None)
        if event.op == "upsert":
            presence = msgspec.json.decode(event.body, type=Presence)
            if presence.recording is None:
                self.presences[event.key] = presence

    def _take_alert(self, alert: Alert) -> None:
        if not alert.dedupe_key.startswith((silence_key(""), BREACH)):
            return
        if alert.state in ACTIVE:
            self.active[alert.dedupe_key] = alert.id
        elif self.active.get(alert.dedupe_key) == alert.id:
            del self.active[alert.dedupe_key]
