"""X6: nothing is made of an observation that validation refused; of the same ones, mended, it is."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

CAMERAS = (("x6-west", -3.10, 90.0), ("x6-south", -3.05, 0.0))
"""Name, longitude and azimuth of two cameras that look at one place."""


def bearings(confidence: float) -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    lats = {"x6-west": 10.05, "x6-south": 10.0}
    return [
        {"kind": "bearing", "source": name, "observed_at": now, "lat": lats[name], "lon": lon, "azimuth_deg": azimuth}
        | {"sigma_deg": 1.0, "class": "smoke", "confidence": confidence}
        for name, lon, azimuth in CAMERAS
    ]


def made_of_them(stack: Any) -> list[Any]:
    """The hazards around the place, and what was judged of any."""
    _, _, body = stack.ask("GET", "/v1/entities?kind=hazard&bbox=-3.3,9.8,-2.9,10.3")
    return list(json.loads(body)["items"])


@pytest.mark.planted("the same two bearings, let through: then there is a hazard, and the check sees it")
def test_refused_bearings_make_no_hazard_and_good_ones_do(stack: Any) -> None:
    status, _, body = stack.ask("POST", "/v1/observations", bearings(5.0))
    refused = json.loads(body)["rejected"]
    assert (status, [one["field"] for one in refused]) == (422, ["confidence", "confidence"])

    def letters() -> list[Any]:
        return list(json.loads(stack.ask("GET", "/v1/dead-letters?source=x6-west")[2])["items"])

    (letter,) = stack.until(letters, within_s=10, what="the dead letter")
    assert letter["code"] == "invalid_field"
    # what comes after them has been through all services: so would they have been
    status, _, _ = stack.ask("POST", "/v1/observations", bearings(0.9))
    assert status == 202
    (hazard,) = stack.until(lambda: made_of_them(stack), within_s=10, what="the hazard of the good bearings")

    def recorded() -> bool:
        return json.loads(stack.ask("GET", "/v1/observations/count?source=x6-west")[2]) == {"count": 1}

    assert stack.until(recorded, within_s=10, what="the good bearing and no other")
    assert (hazard["updates"], len(hazard["causes"])) == (2, 2), "only the two good bearings are in it"
