"""GeoJSON (RFC 7946): a FeatureCollection, a feature an item. What has no place has no geometry."""

from typing import Any

import msgspec
from msgspec import Struct

from summit_fabric.history.formats.format import Format
from summit_fabric.history.item import Item, facts


class _Drawn(Struct, frozen=True):
    polygon: tuple[tuple[tuple[float, float], ...], ...] = ()


class GeoJson(Format):
    media = "application/geo+json"

    def __init__(self) -> None:
        self._between = b"\n"

    def head(self) -> bytes:
        return b'{"type":"FeatureCollection","features":['

    def item(self, item: Item) -> bytes:
        properties = {"type": item.type, "seq": item.seq, "at": item.at, "stored_at": item.stored_at, "body": item.body}
        feature = {"type": "Feature", "id": item.key, "geometry": _geometry(item), "properties": properties}
        between, self._between = self._between, b",\n"
        return between + msgspec.json.encode(feature)

    def tail(self) -> bytes:
        return b"\n]}\n"


def _geometry(item: Item) -> dict[str, Any] | None:
    if item.lat is None or item.lon is None:
        return None
    if item.type == "zones" and (rings := msgspec.json.decode(item.body, type=_Drawn).polygon):
        return {"type": "Polygon", "coordinates": rings}
    altitude = facts(item).altitude
    return {"type": "Point", "coordinates": [item.lon, item.lat, *([] if altitude is None else [altitude])]}
