"""CSV (RFC 4180): one table for everything, a row an item. Texts are safe against formulas: what a spreadsheet would
compute gets an apostrophe in front (OWASP, "CSV Injection"); numbers are written as numbers."""

import csv
import io
from typing import Any, Final

from summit_fabric.history.formats.format import Format, rfc3339
from summit_fabric.history.item import Item, facts

COLUMNS: Final = (
    *("type", "key", "seq", "at", "stored_at", "kind", "class", "label", "state", "source", "lat", "lon", "alt_m"),
    *("speed_mps", "course_deg", "radius_m", "quantity", "value", "unit", "text"),
)
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Csv(Format):
    media = "text/csv; charset=utf-8; header=present"

    def head(self) -> bytes:
        return _line(COLUMNS)

    def item(self, item: Item) -> bytes:
        said = facts(item)
        row = (
            *(item.type, item.key, item.seq, rfc3339(item.at), rfc3339(item.stored_at)),
            *(said.kind, said.class_, said.heading, said.state, said.said_by, item.lat, item.lon, said.altitude),
            *(*said.motion, said.radius_m, said.quantity, said.value, said.unit, said.text),
        )
        return _line(tuple(map(_cell, row)))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    said = str(value)
    return f"'{said}" if said.startswith(FORMULAS) else said


def _line(cells: tuple[Any, ...]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode()
