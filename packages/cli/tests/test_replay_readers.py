"""One reader a format: each record becomes an observation or a rejection with its reason; nothing vanishes."""

import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from summit_cli.replay.formats import READERS, detect
from summit_cli.replay.recording import Recording, Reject, load
from summit_core.geo import LocalFrame, initial_bearing_deg, wrap_angle
from summit_core.model import AnyObservation, Bearing, Position
from summit_core.wire import admit, encode

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def data(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"the data folder {DATA} is not there")
    return path


def read(content: str | bytes, format_: str) -> tuple[list[AnyObservation], list[Reject]]:
    raw = content.encode() if isinstance(content, str) else content
    return split(Recording("test-00000000", raw), format_)


def split(recording: Recording, format_: str) -> tuple[list[AnyObservation], list[Reject]]:
    made, rejected = [], []
    for record in READERS[format_](recording):
        if isinstance(record, Reject):
            rejected.append(record)
        else:
            made.append(record)
    return made, rejected


@pytest.mark.parametrize(
    ("name", "format_", "records", "reasons", "notes"),
    [
        ("autoferry/scenario2_detections.json", "autoferry", 4239, {}, {"empty_scans": 134}),
        ("autoferry/scenario5_detections.json", "autoferry", 5672, {}, {"empty_scans": 94}),
        ("adsb/calfire.json.gz", "adsb", 9955, {}, {}),
        ("adsb/readsb_trace_full_ac671b.json", "readsb", 2500, {}, {}),
        (
            "ais/nmea_data_sample.txt",
            "ais",
            898,
            {"no_payload": 100, "incomplete_multipart": 20, "no_position": 14},
            {"lines": 898},
        ),
    ],
)
def test_real_recordings(name: str, format_: str, records: int, reasons: dict[str, int], notes: dict[str, int]) -> None:
    recording = load(data(name))
    assert detect(recording) == format_
    made, rejected = split(recording, format_)
    assert len(made) + len(rejected) == records
    assert Counter(reject.reason for reject in rejected) == reasons
    assert recording.notes == notes
    assert len({observation.id for observation in made}) == len(made)
    for observation in made:
        admit(observation, encode(observation), now=NOW)  # the door would take each of them
    again, _ = split(load(data(name)), format_)
    assert [observation.id for observation in again] == [observation.id for observation in made]


def test_autoferry_agrees_with_its_ground_truth() -> None:
    """Positions relative to the own ship, bearings clockwise from north: the conventions that the truth confirms."""
    recording = load(data("autoferry/scenario4_detections.json"))
    truth = json.loads(data("autoferry/scenario4_groundTruth.json").read_text())
    times = [scan["time"] for scan in json.loads(recording.content)]
    origin = LocalFrame(63.4389029083, 10.39908278)
    targets = {
        datetime.fromtimestamp(at, UTC): [origin.to_geodetic(t["position"][1], t["position"][0]) for t in present]
        for at, present in zip(times, truth, strict=True)
    }
    distances, residuals = [], []
    for made in split(recording, "autoferry")[0]:
        here = targets[made.observed_at]
        if isinstance(made, Position) and made.source == "autoferry-lidar":
            east_north = [LocalFrame(*target).to_enu(made.lat, made.lon) for target in here]
            distances.append(min(math.hypot(*offset) for offset in east_north))
        elif isinstance(made, Bearing) and made.source == "autoferry-eo":
            directions = [initial_bearing_deg(made.lat, made.lon, *target) for target in here]
            residuals.append(min(abs(wrap_angle(made.azimuth_deg - direction)) for direction in directions))
    assert sorted(distances)[len(distances) // 4] < 6.0
    assert sorted(residuals)[len(residuals) // 2] < 1.5


def test_autoferry_shapes() -> None:
    def scan(sensor: int, measurement: object) -> dict[str, object]:
        return {"sensorID": sensor, "ownshipPosition": [0, 0], "time": 1.62e9, "measurement": measurement}

    scans = [
        scan(1, [10.0, 20.0]),
        scan(2, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        scan(3, -1.0),
        scan(4, [0.5, 1.5]),
        scan(1, []),
        scan(2, [[1.0, 2.0], [3.0]]),
        scan(9, 1.0),
    ]
    made, rejected = read(json.dumps(scans), "autoferry")
    assert [type(observation).__name__ for observation in made] == ["Position"] * 4 + ["Bearing"] * 3
    assert [(reject.record, reject.reason) for reject in rejected] == [(8, "invalid_field"), (9, "unknown_sensor")]
    first = made[0]
    assert isinstance(first, Position)
    assert LocalFrame(63.4389029083, 10.39908278).to_enu(first.lat, first.lon) == pytest.approx((20.0, 10.0))


def test_adsb_without_a_position_is_rejected() -> None:
    state = '{"timestamp": 1599702342000, "icao24": "a3c6bd", "latitude": %s, "longitude": 1.0, "altitude": 1000}'
    content = f"[{state % 'NaN'}, {state % 'null'}, {state % '2.0'}, {{}}]"
    made, rejected = read(content, "adsb")
    assert [reject.reason for reject in rejected] == ["no_position", "no_position", "invalid_field"]
    position = made[0]
    assert isinstance(position, Position)
    assert (position.alt_m, position.alt_ref) == (pytest.approx(304.8), "msl")


def test_readsb_keeps_the_accuracy_of_the_last_details() -> None:
    rows = [
        [0, 1.0, 2.0, "ground", 10, 90, 0, None, {"nac_p": 10}, "adsb_icao", None, None, None, None],
        [5, 1.0, 2.0, 1000, 10, 90, 0, 60, None, "adsb_icao", 1100, None, None, None],
        [6, None, None, 1000],
        [7, 1.0, "x", 1000],
    ]
    made, rejected = read(json.dumps({"icao": "ABCDEF", "timestamp": 1.7e9, "trace": rows}), "readsb")
    first, second = made
    assert isinstance(first, Position)
    assert isinstance(second, Position)
    assert first.alt_m is None
    assert second.alt_m == pytest.approx(1100 * 0.3048)
    assert second.sigma_m == pytest.approx(10.0 / 2.448)
    assert second.identity == "icao:abcdef"
    assert [reject.reason for reject in rejected] == ["no_position", "invalid_field"]


TWO_PARTS = (
    b"!AIVDM,2,1,1,A,55?MbV02;H;s<HtKR20EHE:0@T4@Dn2222222216L961O5Gf0NSQEp6ClRp8,0*1C\n",
    b"!AIVDM,2,2,1,A,88888888880,2*25\n",
)
POSITION = b"!AIVDM,1,1,,A,13RlIW?04F1beOVEFLB9bRvH0L0L,0*6C\n"


def test_ais_parts_are_assembled_and_bad_lines_named() -> None:
    broken = POSITION.replace(b"*6C", b"*6D")
    content = b"# a comment\n" + TWO_PARTS[0] + POSITION + TWO_PARTS[1] + broken + b"!AIVDM,junk\n" + TWO_PARTS[0]
    recording = Recording("test", content)
    made, rejected = split(recording, "ais")
    assert len(made) == 1
    assert [reject.reason for reject in rejected] == [
        "no_position",
        "bad_checksum",
        "undecodable",
        "incomplete_multipart",
    ]
    assert recording.notes["lines"] == 6


def test_ais_times_count_from_the_given_start() -> None:
    start = datetime(2024, 5, 1, tzinfo=UTC)
    made, _ = split(Recording("test", POSITION * 3, start), "ais")
    assert [observation.observed_at - start for observation in made] == [timedelta(seconds=s) for s in (0, 1, 2)]


def test_csv_names_the_wrong_field() -> None:
    text = (
        "time,lat,lon,kind,source,azimuth_deg,sigma_deg\n"
        "2024-01-01T00:00:00Z,1.5,2.5,,ship-1,,\n"
        "2024-01-01T00:00:01Z,1.5,2.5,bearing,cam-1,90,1\n"
        "2024-01-01T00:00:01Z,95,2.5,,ship-1,,\n"
        "yesterday,1,2.5,,ship-1,,\n"
        "2024-01-01T00:00:01Z,1,2.5,,ship-1,,,,surplus\n"
    )
    made, rejected = read(text, "csv")
    assert [type(observation) for observation in made] == [Position, Bearing]
    assert [reject.reason for reject in rejected] == ["invalid_field", "invalid_field", "too_many_columns"]
    assert "lat" in rejected[0].detail


def test_csv_goes_on_after_a_row_that_cannot_be_read() -> None:
    row = "2024-01-01T00:00:01Z,1.5,2.5,"
    made, rejected = read(f"time,lat,lon,label\n{row}{'x' * 200_000}\n{row}boat\n", "csv")
    assert [observation.label for observation in made] == ["boat"]
    assert [reject.reason for reject in rejected] == ["malformed_row"]


def test_ndjson_keeps_ids_and_gives_the_reason_of_the_door() -> None:
    given = "0179365f-6449-7917-9040-aaf9a88f513e"
    good = {"kind": "report", "source": "p-1", "observed_at": "2024-01-01T00:00:00Z", "text": "smoke"}
    lines = [json.dumps(good), json.dumps(good | {"id": given}), json.dumps(good | {"kind": "rumour"}), "{"]
    made, rejected = read("\n".join(lines), "ndjson")
    assert made[1].id == given
    assert made[0].id != made[1].id
    assert made[0].received_at is None
    assert [reject.reason for reject in rejected] == ["unknown_kind", "malformed_json"]


def test_an_unknown_file_is_a_usage_error() -> None:
    with pytest.raises(click.UsageError, match="--format"):
        detect(Recording("x", b"hello"))
