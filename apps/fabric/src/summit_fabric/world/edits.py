"""What people may say of an entity, and what follows from it. Pure: bodies in, the new object out.

A change is a JSON merge patch (RFC 7396) over what the person saw. On an entity of their own it makes the next version;
on one that an automatic owns, each field becomes an override, and null takes the override back.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import replace
from summit_core import wire
from summit_core.errors import ConflictError, InputError
from summit_core.model import Alias, Entity, EntityDraft, Merge, OverriddenField, Override, TimelineEntry
from summit_core.model.override import OverridableField

OPERATOR: Final = "operator"
"""The owner of entities that people made."""
OVERRIDABLE: Final[tuple[OverridableField, ...]] = get_args(OverridableField)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TIMELINE_KEPT: Final = 50
CLOCK_AHEAD: Final = timedelta(minutes=5)
_COPIED: Final = ("kind", "label", "class_", "location", "labels", "aliases", "relations", "note", "expires_at")
_NAMES: Final = {name: "class" if name == "class_" else name for name in _COPIED}
_BESIDES: Final = frozenset({"reason", "observed_at"})

Stated = dict[str, Any]


def drafted(key: str, draft: EntityDraft, who: str, now: datetime) -> Entity:
    """The first version of an entity that a person makes."""
    entity = Entity(id=key, kind=draft.kind, owner=OPERATOR, observed_at=now, heard_at=now, updated_at=now)
    return _with(entity, draft, TimelineEntry(at=now, what=_because("Made", draft.reason), by=who), now)


def changed(entity: Entity, patch: Stated, who: str, now: datetime) -> Entity:
    """The next version of an entity that a person made; raises :class:`ConflictError` for what is older than it."""
    draft = _patched(wire.encode(entity), patch, frozenset(_NAMES.values()) | _BESIDES)
    if draft.observed_at is not None and draft.observed_at < entity.observed_at:
        older = (entity.observed_at - draft.observed_at).total_seconds()
        raise ConflictError(
            f"observed_at: {older:.3f} s older than what is known of {entity.id} ({entity.observed_at.isoformat()}); "
            "it was not taken",
            field="observed_at",
        )
    what = _because("Changed " + ", ".join(sorted(patch.keys() - _BESIDES) or ["nothing"]), draft.reason)
    return _with(entity, draft, TimelineEntry(at=now, what=what, by=who), now)


def ended(entity: Entity, reason: str, who: str, now: datetime) -> Entity:
    """The last version before it leaves, which says who took it out."""
    entry = TimelineEntry(at=now, what=_because("Taken out", reason), by=who)
    return replace(entity, updated_at=now, timeline=_noted(entity.timeline, entry))


def overridden(override: Override, shown: bytes, patch: Stated, who: str, now: datetime) -> Override:
    """The override after a person changed fields of an automatic entity, of which they saw ``shown``."""
    draft = _patched(shown, patch, frozenset(OVERRIDABLE) | {"reason"})
    values: Stated = msgspec.json.decode(wire.encode(draft))
    fields = dict(override.fields)
    for name in OVERRIDABLE:
        if name in patch and patch[name] is None:
            fields.pop(name, None)
        elif name in patch:
            fields[name] = OverriddenField(value=values.get(name, patch[name]), by=who, at=now, reason=draft.reason)
    what = _because("Changed " + ", ".join(sorted(patch.keys() - _BESIDES)), draft.reason)
    return noted(replace(override, fields=fields), what, who, now)


def taken_back(override: Override, name: str, reason: str, who: str, now: datetime) -> Override:
    """The override without one of its fields."""
    fields = {key: value for key, value in override.fields.items() if key != name}
    return noted(replace(override, fields=fields), _because(f"Took back {name}", reason), who, now)


def merged(override: Override, entity: Entity, into: str, reason: str, who: str, now: datetime) -> Override:
    """The override by which ``entity`` is the same thing as ``into``. It lends what is its own, not what it absorbed:
    so each entity of a chain can be split off again by itself."""
    said = override.fields.get("aliases")
    aliases = entity.aliases if said is None else msgspec.convert(said.value, tuple[Alias, ...])
    merge = Merge(into=into, by=who, at=now, reason=reason, aliases=aliases, sources=entity.sources)
    return noted(replace(override, merge=merge), _because(f"Merged into {into}", reason), who, now)


def split(override: Override, reason: str, who: str, now: datetime) -> Override:
    """The override by which the entity is a thing of its own again."""
    return noted(replace(override, merge=None), _because("Split off", reason), who, now)


def redirected(override: Override, merge: Merge, into: str, who: str, now: datetime) -> Override:
    """The override after the entity that it was merged into has left, which was merged into another one itself."""
    what = f"Merged into {into}, because {merge.into} has left the picture"
    return noted(replace(override, merge=replace(merge, into=into)), what, who, now)


def absorbing(override: Override, absorbed: dict[str, Merge], what: str, who: str, now: datetime) -> Override:
    """The override of an entity that shows others as itself."""
    return noted(replace(override, absorbed=absorbed), what, who, now)


def noted(override: Override, what: str, who: str, now: datetime) -> Override:
    """The next version of an override, with a line of its timeline."""
    entry = TimelineEntry(at=now, what=what, by=who)
    return replace(override, updated_at=now, timeline=_noted(override.timeline, entry))


def absorptions(overrides: Mapping[str, Override]) -> dict[str, dict[str, Merge]]:
    """What each entity has absorbed, directly or through others: the one truth are the merges themselves."""
    found: dict[str, dict[str, Merge]] = defaultdict(dict)
    for key, override in overrides.items():
        merge, seen = override.merge, {key}
        own = merge
        while merge is not None and own is not None and merge.into not in seen:
            seen.add(merge.into)
            found[merge.into][key] = own
            following = overrides.get(merge.into)
            merge = following.merge if following else None
    return found


def patch_of(data: bytes) -> Stated:
    """The body of a PATCH; raises :class:`InputError`."""
    patch = wire.decode_body(data, dict[str, Any])
    if not patch.keys() - {"reason"}:
        raise InputError("nothing to change; name the fields and their new values")
    return patch


def _patched(shown: bytes, patch: Stated, allowed: frozenset[str]) -> EntityDraft:
    """What the entity says after the patch, checked field by field."""
    for name in sorted(patch.keys() - allowed):
        raise InputError(f"{name}: not for people to change here; use {', '.join(sorted(allowed))}", field=name)
    stated: Stated = msgspec.json.decode(shown)
    known = {name: stated[name] for name in _NAMES.values() if name in stated}
    kind = {} if "kind" in allowed else {"kind": "asset"}  # a track is no kind that people make, nor asked for here
    return wire.decode(wire.encode(merge_patch(known, patch) | kind), EntityDraft)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2: members are replaced one by one, and null takes a member away."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def _with(entity: Entity, draft: EntityDraft, entry: TimelineEntry, now: datetime) -> Entity:
    observed_at = draft.observed_at or now
    if observed_at > now + CLOCK_AHEAD:
        raise InputError("observed_at: in the future; set the clock", field="observed_at")
    if draft.expires_at is not None and draft.expires_at <= now:
        raise InputError("expires_at: already over; name a time to come, or take the entity out", field="expires_at")
    said = {name: getattr(draft, name) for name in _COPIED}
    clocks = {"observed_at": observed_at, "heard_at": now, "updated_at": now}
    return replace(
        entity, **said, **clocks, freshness="live", updates=entity.updates + 1, timeline=_noted(entity.timeline, entry)
    )


def _noted(timeline: tuple[TimelineEntry, ...], entry: TimelineEntry) -> tuple[TimelineEntry, ...]:
    return (*timeline, entry)[-TIMELINE_KEPT:]


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
