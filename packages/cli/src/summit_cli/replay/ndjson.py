"""Our own wire format, one observation a line. A line that has an id keeps it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace
from summit_core import wire
from summit_core.errors import InputError
from summit_core.model import AnyObservation

from summit_cli.replay.recording import Recording, Reject


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    now = datetime.now(UTC)
    lines = (line for line in recording.content.split(b"\n") if line.strip())
    for record, line in enumerate(lines, 1):
        try:
            observation = wire.decode_observation(line, now=now)
        except InputError as error:
            yield Reject(record, error.code.value, error.detail)
            continue
        given = msgspec.json.decode(line, type=_Id).id
        yield recording.identify(replace(observation, id=given, received_at=None), record)


class _Id(msgspec.Struct):
    id: str | None = None
