"""Real recordings through the public door: stored + rejected = records, and a second run stores nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = {
    "autoferry": "autoferry/scenario2_detections.json",
    "adsb": "adsb/calfire.json.gz",
    "ais": "ais/nmea_data_sample.txt",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("format_", RECORDINGS)
def test_a_recording_adds_up_and_is_stored_once(system: Any, shared_data: Path, format_: str) -> None:
    file = shared_data / RECORDINGS[format_]
    arguments = (
        "replay",
        str(file),
        "--format",
        format_,
        "--endpoints",
        str(system.state_dir / "endpoints.json"),
        "--json",
    )
    first, second = (system.run(*arguments) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    one, two = (json.loads(run.stdout.splitlines()[-1]) for run in (first, second))
    assert one["records"] > 0
    assert one["stored"] + one["rejected"] == one["records"]
    assert sum(one["rejected_by"].values()) == one["rejected"]
    assert two["stored"] == 0
    assert two["records"] == one["records"]
    print(json.dumps({"format": format_, **one}))
