"""What is believed of an entity: what its owner wrote, and over it what operators have said. Pure.

It depends on the two latest versions alone (entity, override of the same id), so that the live picture, a picture after
a restart and the picture of any past moment are one and the same function.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from summit_core import wire
from summit_core.bus.change import Change
from summit_core.model import Merge, Overridden, Override

_decode_override = msgspec.json.Decoder(Override).decode


def effective(entity: Change, override: Change | None) -> Change:
    """The entity as it is shown, under the higher of the two versions; a leave (``merged``) where an operator has
    declared it to be another one. Without an override it is the entity as it was written, byte for byte. Raises
    :class:`msgspec.DecodeError` for a body that is no object."""
    if override is None:
        return entity
    seq = max(entity.seq, override.seq)
    if override.event.op == "delete":
        return Change(seq, entity.event)
    said = _decode_override(override.event.body)
    later = max(entity, override, key=lambda change: change.seq).event
    event = replace(
        entity.event,
        id=later.id,
        source=later.source,
        at=max(entity.event.at, override.event.at),
        causes=(*entity.event.causes, override.event.id),
    )
    if said.merge is not None:
        return Change(seq, replace(event, op="delete", reason="merged", body=Raw(b"null")))
    return Change(seq, replace(event, body=_laid_over(entity.event.body, said)))


def survivor(key: str, merge_of: Callable[[str], Merge | None]) -> str:
    """The entity that ``key`` is now known as: the end of its chain of merges."""
    seen = {key}
    while (merge := merge_of(key)) is not None and merge.into not in seen:
        key = merge.into
        seen.add(key)
    return key


def _laid_over(body: Raw, said: Override) -> Raw:
    """The body with what operators have said, under the names that fields have on the wire."""
    if not said.fields and not said.absorbed:
        return body
    stated = msgspec.json.decode(body, type=dict[str, Any])
    if said.fields:
        stated["overridden"] = {
            name: Overridden(by=one.by, at=one.at, reason=one.reason, automatic=stated.get(name))
            for name, one in said.fields.items()
        }
        stated |= {name: one.value for name, one in said.fields.items()}
    if said.absorbed:
        stated["merged"] = sorted(said.absorbed)
        for merge in said.absorbed.values():
            _add(stated, "aliases", [{"scheme": alias.scheme, "value": alias.value} for alias in merge.aliases])
            _add(stated, "sources", list(merge.sources))
    return Raw(wire.encode(stated))


def _add(stated: dict[str, Any], name: str, more: list[Any]) -> None:
    known = stated.get(name, [])
    union = [*known, *(one for one in more if one not in known)]
    if union:
        stated[name] = union
