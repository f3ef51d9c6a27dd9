"""GPX 1.1: a waypoint an item, but a track an entity. Tracks stand behind all waypoints, as the schema demands, so
entities must come last."""

from summit_fabric.history.formats.format import Format, rfc3339
from summit_fabric.history.formats.xml import element, text
from summit_fabric.history.item import Item, facts


class Gpx(Format):
    media = "application/gpx+xml"

    def __init__(self) -> None:
        self._track: str | None = None
        self._segment = False

    def head(self) -> bytes:
        return (
            b'<?xml version="1.0" encoding="UTF-8"?>\n'
            b'<gpx version="1.1" creator="Summit OS" xmlns="http://www.topografix.com/GPX/1/1">\n'
        )

    def item(self, item: Item) -> bytes:
        if item.lat is None or item.lon is None:
            return b""
        said = facts(item)
        place = f'lat="{item.lat}" lon="{item.lon}"'
        height, at = element("ele", said.altitude), element("time", rfc3339(said.observed_at or item.at))
        if item.type != "entities":
            name, words = element("name", said.heading or said.kind or item.key), element("desc", said.text)
            source, kind = element("src", said.said_by), element("type", f"{item.type} {said.kind or ''}".strip())
            return f"<wpt {place}>{height}{at}{name}{words}{source}{kind}</wpt>\n".encode()
        opened = ""
        if self._track != item.key:
            opened = self._closed() + f"<trk><name>{text(said.heading or item.key)}</name><src>{text(item.key)}</src>"
            self._track = item.key
        if not self._segment:
            opened += "<trkseg>\n"
            self._segment = True
        return f"{opened}<trkpt {place}>{height}{at}</trkpt>\n".encode()

    def gap(self) -> bytes:
        ended, self._segment = "</trkseg>" if self._segment else "", False
        return ended.encode()

    def tail(self) -> bytes:
        return f"{self._closed()}</gpx>\n".encode()

    def _closed(self) -> str:
        ended = self.gap().decode() + ("</trk>\n" if self._track is not None else "")
        self._track = None
        return ended
