"""The formats that `summit replay` reads, and how to tell them apart."""

from typing import Final

import click

from summit_cli.replay import adsb, ais, autoferry, ndjson, readsb, table
from summit_cli.replay.recording import Reader, Recording

READERS: Final[dict[str, Reader]] = {
    "autoferry": autoferry.read,
    "adsb": adsb.read,
    "readsb": readsb.read,
    "ais": ais.read,
    "csv": table.read,
    "ndjson": ndjson.read,
}


def detect(recording: Recording) -> str:
    """The format by the first bytes. Raises ``UsageError`` when it could be anything."""
    head = recording.content[:4096].lstrip()
    first_line = head.split(b"\n", 1)[0]
    if head.startswith(b"[") and b'"sensorID"' in head:
        return "autoferry"
    if head.startswith(b"[") and b'"icao24"' in head:
        return "adsb"
    if head.startswith(b"{") and b'"icao"' in head and b'"trace"' in recording.content[:65_536]:
        return "readsb"
    if head.startswith((b"!", b"\\", b"#")) and b"VD" in head:
        return "ais"
    if head.startswith(b"{") and b'"source"' in first_line:
        return "ndjson"
    if b"lat" in first_line and b"," in first_line:
        return "csv"
    raise click.UsageError(f"cannot tell the format; give --format, one of {', '.join(READERS)}")
