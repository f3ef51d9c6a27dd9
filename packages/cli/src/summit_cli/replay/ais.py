"""AIS sentences (NMEA 0183 ``!AIVDM``), decoded by pyais.

A record is an assembled message or a sentence that cannot be one; ``lines`` counts the sentences. The file has no
times, so message n counts as observed at ``start`` + (n - 1) seconds (``--start``): the same file, the same times.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from pyais.exceptions import AISBaseException, MissingPayloadException
from pyais.messages import AISSentence, NMEASentenceFactory
from summit_core.model import AnyObservation, Position

from summit_cli.replay.recording import KNOT_MPS, Recording, Reject, scaled

SOURCE: Final = "ais"
SIGMA_M: Final = {True: 5.0, False: 15.0}
"""By the position accuracy flag: better than 10 m, or not (ITU-R M.1371, table 47)."""
NO_LATITUDE, NO_LONGITUDE, NO_SPEED_KT, NO_COURSE_DEG = 91.0, 181.0, 102.3, 360.0
CLASSES: Final = {4: "base-station", 9: "aircraft", 11: "base-station", 21: "aid-to-navigation"}

Parts = dict[int, AISSentence]
Assembled = tuple[AISSentence | None, str, str]
"""A whole message, or None with the reason and the detail of a sentence that is none."""


def read(recording: Recording) -> Iterator[AnyObservation | Reject]:
    lines = [line.strip() for line in recording.content.splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"#")]
    recording.notes["lines"] = len(lines)
    for record, (message, reason, detail) in enumerate(_assemble(lines), 1):
        yield _decode(recording, record, message) if message else Reject(record, reason, detail)


def _assemble(lines: list[bytes]) -> Iterator[Assembled]:
    waiting: dict[tuple[int | None, str], Parts] = {}
    for line in lines:
        try:
            sentence = NMEASentenceFactory.produce(line)
        except (AISBaseException, ValueError, IndexError) as error:
            yield None, "undecodable", f"{type(error).__name__}: {line[:80]!r}"
            continue
        if not isinstance(sentence, AISSentence):
            yield None, "not_ais", repr(line[:80])
        elif not sentence.is_valid:
            yield None, "bad_checksum", repr(line[:80])
        elif sentence.frag_cnt == 1:
            yield sentence, "", ""
        else:
            yield from _add_part(waiting, sentence)
    for parts in waiting.values():
        yield _incomplete(parts)


def _add_part(waiting: dict[tuple[int | None, str], Parts], sentence: AISSentence) -> Iterator[Assembled]:
    """A part that is there already, or of another length, belongs to a new message: the old one stays incomplete."""
    key = (sentence.seq_id, sentence.channel)
    parts = waiting.setdefault(key, {})
    if sentence.frag_num in parts or any(part.frag_cnt != sentence.frag_cnt for part in parts.values()):
        yield _incomplete(parts)
        parts = waiting[key] = {}
    parts[sentence.frag_num] = sentence
    if len(parts) == sentence.frag_cnt:
        del waiting[key]
        yield AISSentence.assemble_from_iterable([parts[number] for number in sorted(parts)]), "", ""


def _incomplete(parts: Parts) -> Assembled:
    part = next(iter(parts.values()))
    return None, "incomplete_multipart", f"{len(parts)} of {part.frag_cnt} parts: {part.raw[:80]!r}"


def _decode(recording: Recording, record: int, sentence: AISSentence) -> AnyObservation | Reject:
    try:
        fields: dict[str, Any] = sentence.decode().asdict(enum_as_int=True)
    except MissingPayloadException:
        return Reject(record, "no_payload", repr(sentence.raw[:80]))
    except (AISBaseException, ValueError, IndexError, KeyError) as error:
        return Reject(record, "undecodable", f"{type(error).__name__}: {error}"[:200])
    lat, lon = fields.get("lat"), fields.get("lon")
    if lat is None or lon is None or lat == NO_LATITUDE or lon == NO_LONGITUDE:
        return Reject(record, "no_position", f"message type {fields['msg_type']} of {fields['mmsi']}")
    return recording.identify(_position(recording, record, fields), record)


def _position(recording: Recording, record: int, fields: dict[str, Any]) -> Position:
    speed, course = fields.get("speed"), fields.get("course")
    return Position(
        source=SOURCE,
        observed_at=recording.start + timedelta(seconds=record - 1),
        lat=fields["lat"],
        lon=fields["lon"],
        alt_ref="msl",
        sigma_m=SIGMA_M[bool(fields.get("accuracy"))],
        course_deg=None if course is None or course >= NO_COURSE_DEG else course,
        speed_mps=None if speed is None or speed >= NO_SPEED_KT else scaled(speed, KNOT_MPS),
        identity=f"mmsi:{int(fields['mmsi']):09d}",
        label=str(fields.get("shipname") or fields.get("name") or "").strip() or None,
        class_=CLASSES.get(fields["msg_type"], "vessel"),
    )
