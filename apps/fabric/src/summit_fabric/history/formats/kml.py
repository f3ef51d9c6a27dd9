"""KML 2.2 (OGC 07-147r2): a placemark with a time stamp an item; what has no place is left out."""

from summit_fabric.history.formats.format import Format, rfc3339
from summit_fabric.history.formats.xml import element, text
from summit_fabric.history.item import Item, facts


class Kml(Format):
    media = "application/vnd.google-earth.kml+xml"

    def head(self) -> bytes:
        return (
            b'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
            b"<name>Summit OS export</name>\n"
        )

    def item(self, item: Item) -> bytes:
        if item.lat is None or item.lon is None:
            return b""
        said = facts(item)
        speed, course = said.motion
        data = {
            "type": item.type,
            "key": item.key,
            "seq": item.seq,
            "stored_at": rfc3339(item.stored_at),
            "kind": said.kind,
            "class": said.class_,
            "state": said.state,
            "source": said.said_by,
            "speed_mps": speed,
            "course_deg": course,
            "radius_m": said.radius_m,
        }
        known = "".join(
            f'<Data name="{name}">{element("value", value)}</Data>'
            for name, value in data.items()
            if value is not None and value != ""
        )
        height = said.altitude
        mode, place = ("", "") if height is None else ("<altitudeMode>absolute</altitudeMode>", f",{height}")
        return (
            f"<Placemark><name>{text(said.heading or item.key)}</name>{element('description', said.text)}"
            f"<TimeStamp><when>{rfc3339(said.observed_at or item.at)}</when></TimeStamp>"
            f"<ExtendedData>{known}</ExtendedData>"
            f"<Point>{mode}<coordinates>{item.lon},{item.lat}{place}</coordinates></Point></Placemark>\n"
        ).encode()

    def tail(self) -> bytes:
        return b"</Document></kml>\n"
