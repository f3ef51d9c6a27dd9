"""CSV with a header line. Columns have the names of the wire (``source, observed_at, kind, lat, lon, …``).

``time`` is short for ``observed_at`` (RFC 3339); without ``kind`` a row is a position, without ``source`` it comes from
``csv``. An empty cell means that the field is absent.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec
from summit_core.model import AnyObservation

from summit_cli.replay.recording import Recording, Reject


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    text = io.StringIO(recording.content.decode("utf-8-sig", errors="replace"), newline="")
    rows, record = csv.DictReader(text, strict=False), 0
    while True:
        record += 1
        try:
            yield _one(recording, record, next(rows))
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(record, "malformed_row", str(error))


def _one(recording: Recording, record: int, row: dict[str | Any, str | Any]) -> AnyObservation | Reject:
    if None in row:
        return Reject(record, "too_many_columns", "the row has more cells than the header")
    fields: dict[str, Any] = {name.strip(): value.strip() for name, value in row.items() if value and value.strip()}
    if "time" in fields:
        fields["observed_at"] = fields.pop("time")
    fields = {"kind": "position", "source": "csv"} | fields
    try:
        observation = msgspec.convert(fields, AnyObservation, strict=False)
    except msgspec.ValidationError as error:
        return Reject(record, "invalid_field", str(error))
    return recording.identify(observation, record)
