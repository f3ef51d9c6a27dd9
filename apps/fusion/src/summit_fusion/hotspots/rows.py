"""FIRMS active-fire rows (VIIRS and MODIS CSV) as columns.

The variants that exist: VIIRS (``bright_ti4``) and MODIS (``brightness``), near real time without ``type`` and archive
with it, seven-day files without ``instrument``; confidence as l/n/h, as words or as 0 to 100; times without leading
zeros (112 is 01:12). An error comes as plain text, with status 200.
"""

import csv
import io
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from summit_core.errors import InputError, MalformedError

Floats = NDArray[np.float64]

NEEDED: Final = ("latitude", "longitude", "acq_date", "acq_time", "confidence")
CONFIDENCE: Final = {"l": 0.3, "low": 0.3, "n": 0.6, "nominal": 0.6, "h": 0.9, "high": 0.9}
PIXEL_KM: Final = {"VIIRS": 0.375, "MODIS": 1.0}
"""At nadir; taken where a file leaves ``scan`` and ``track`` out."""
LARGEST_PIXEL_KM: Final = 10.0
EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was left out, and why; lines count from 1."""

    line: int
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class Hotspots:
    """One entry a row. ``at``: seconds since 1970 UTC; ``scan_m``, ``track_m``: size of the pixel on the ground;
    ``frp_mw`` and ``brightness_k`` may be NaN; ``confidence`` 0 to 1."""

    lat: Floats
    lon: Floats
    at: Floats
    scan_m: Floats
    track_m: Floats
    frp_mw: Floats
    brightness_k: Floats
    confidence: Floats
    satellite: list[str]

    def __len__(self) -> int:
        return len(self.lat)


def read(data: bytes) -> tuple[Hotspots, list[Problem]]:
    """All good rows and what was wrong with the others. Raises :class:`InputError` when it is no FIRMS file at all."""
    text = _text(data)
    rows = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(rows, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise _not_a_table(text, missing)
    column = {name: header.index(name) for name in header}
    brightness = next((name for name in ("bright_ti4", "brightness") if name in column), None)
    pixel = PIXEL_KM["MODIS" if brightness == "brightness" else "VIIRS"]
    problems: list[Problem] = []
    kept: list[tuple[float, ...]] = []
    satellites: list[str] = []
    days: dict[str, float] = {}
    for line, row in enumerate(rows, start=2):
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        try:
            kept.append(_row(row, column, brightness, pixel, days))
        except _WrongError as wrong:
            problems.append(Problem(line, wrong.field, wrong.detail))
        else:
            satellites.append(row[column["satellite"]].strip() if "satellite" in column else "")
    table = np.array(kept, float).reshape(-1, 8)
    lat, lon, at, scan, track, frp, brightness_k, confidence = np.ascontiguousarray(table.T)
    return Hotspots(lat, lon, at, scan, track, frp, brightness_k, confidence, satellites), problems


class _WrongError(Exception):
    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedError(f"not UTF-8 at byte {error.start}; is it a CSV file?") from None


def _not_a_table(text: str, missing: list[str]) -> InputError:
    first = text.strip().partition("\n")[0][:200]
    if not first:
        return MalformedError("the file is empty; a FIRMS file has at least its header")
    if "," not in first:
        return MalformedError(f"FIRMS answered with an error instead of data: {first!r}")
    return InputError(f"not a FIRMS file: the header has no {', '.join(missing)}", field=missing[0])


def _row(
    row: list[str], column: dict[str, int], brightness: str | None, pixel: float, days: dict[str, float]
) -> tuple[float, ...]:
    def number(name: str | None, low: float, high: float, default: float | None = None) -> float:
        text = row[column[name]].strip() if name in column and column[name] < len(row) else ""
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise _WrongError(str(name), f"{text!r} is no number") from None
        if not low <= value <= high:
            raise _WrongError(str(name), f"{text} is not in {low:g} to {high:g}")
        return value

    if len(row) < len(column):
        raise _WrongError("row", f"{len(row)} of {len(column)} columns; the line is cut off")
    return (
        number("latitude", -90.0, 90.0),
        number("longitude", -180.0, 180.0),
        _seconds(row[column["acq_date"]].strip(), row[column["acq_time"]].strip(), days),
        1000.0 * number("scan", 0.01, LARGEST_PIXEL_KM, pixel),
        1000.0 * number("track", 0.01, LARGEST_PIXEL_KM, pixel),
        number("frp", 0.0, 1e6, math.nan),
        number(brightness, 0.0, 5000.0, math.nan),
        _confidence(row[column["confidence"]].strip().lower()),
    )


def _seconds(day: str, time: str, days: dict[str, float]) -> float:
    if day not in days:
        try:
            days[day] = (date.fromisoformat(day) - EPOCH).days * 86_400.0
        except ValueError:
            raise _WrongError("acq_date", f"{day!r} is no date; FIRMS writes 2025-01-31") from None
    clock = time.replace(":", "")
    if not clock.isdecimal() or len(clock) > 4 or int(clock) % 100 > 59 or int(clock) > 2359:
        raise _WrongError("acq_time", f"{time!r} is no time of day; FIRMS writes 112 or 0112 for 01:12")
    return days[day] + 3600.0 * (int(clock) // 100) + 60.0 * (int(clock) % 100)


def _confidence(text: str) -> float:
    if text in CONFIDENCE:
        return CONFIDENCE[text]
    try:
        value = float(text)
    except ValueError:
        raise _WrongError("confidence", f"{text!r}; FIRMS writes l, n, h, low, nominal, high or 0 to 100") from None
    if not 0.0 <= value <= 100.0:
        raise _WrongError("confidence", f"{text} is not in 0 to 100")
    return value / 100.0


def when(seconds: float) -> datetime:
    """The moment of ``at``."""
    return datetime.fromtimestamp(seconds, UTC)
