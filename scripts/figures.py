"""Writes docs/ops/figures.md: what was measured last, beside the bar it has to keep, from the files in bench/results.

    python scripts/figures.py [--check]

A figure that misses its bar says so. What is measured on one machine says little of another; ratios are of one run.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "bench" / "results"
DOCUMENT: Final = ROOT / "docs" / "ops" / "figures.md"
HEAD: Final = """# Figures

What was measured last, from `bench/results` (`make figures` writes this page; CI holds it to those files). Two shared
cores; each file names the machine, its load and the commit. [bars.md](bars.md) lists every command, tests among them.

"""


class Figure(NamedTuple):
    """``at``: the way through the result file. ``least`` and ``most``: the bar, None where none is on that side."""

    what: str
    at: str
    least: float | None
    most: float | None
    unit: str = ""


def _tracking() -> Iterator[Figure]:
    for size, speed in ((10, 50), (100, 300), (500, 600), (1000, 1000)):
        told = f"{size} targets beside Stone Soup"
        yield Figure(f"{told}: GOSPA, times its", f"n{size}.gospa_ratio", None, 0.92)
        yield Figure(f"{told}: detections a CPU-second, times its", f"n{size}.speed_ratio", speed, None)
        yield Figure(
            f"{size} targets: identity switches in 100 target-minutes", f"n{size}.idsw_per_100_target_min", None, 2.0
        )
        at = f"n{size}.filter_alone.idsw_per_100_target_min"
        yield Figure("the same without what the seconds afterwards tell", at, None, None)
        yield Figure("the same of Stone Soup", f"n{size}.stone_soup.idsw_per_100_target_min", None, None)
    yield Figure("dense scene: GOSPA a target", "dense.gospa_rms_per_target", None, 30, "m")
    yield Figure("dense scene: identity switches", "dense.idsw_per_100_target_min", None, 30)
    yield Figure("10,000 targets: detections a CPU-second", "many.detections_per_cpu_s", 1e6, None)
    yield Figure("10,000 targets: a scan, p99", "many.scan_ms_p99", None, 15, "ms")
    yield Figure("10,000 targets, 5 % late: a scan, p99", "late.scan_ms_p99", None, 30, "ms")
    yield Figure("50,000 targets: detections a CPU-second", "most.detections_per_cpu_s", None, None)


def _localisation() -> Iterator[Figure]:
    for cameras, most in ((3, 1.2), (4, 1.2), (5, 1.1), (6, 1.1), (8, 1.1)):
        yield Figure(
            f"{cameras} cameras: rms, times the Cramér-Rao bound",
            f"figures.{cameras}_cameras.rms_over_bound",
            None,
            most,
        )
    wrong = "figures.6_cameras_15_percent_wrong"
    yield Figure("6 cameras, 15 % wrong: called ambiguous", f"{wrong}.ambiguous", None, 0.1)
    yield Figure("of the others within three bounds", f"{wrong}.within_3_bounds_of_unflagged", 0.97, None)
    yield Figure("p90 of the first place", f"{wrong}.p90_m", None, 360, "m")
    yield Figure("3 cameras, one wrong: flagged", "figures.3_cameras_one_wrong.wrong_flagged", 0.9, None)


def _latency() -> Iterator[Figure]:
    at = "rates.1000"
    yield Figure("1,000 observations a second: device to console, p50", f"{at}.frame_p50_ms", None, 5, "ms")
    yield Figure("the same, p99", f"{at}.frame_p99_ms", None, 40, "ms")
    yield Figure("device to PostgreSQL, p99", f"{at}.recorded_p99_ms", None, 150, "ms")
    yield Figure("raw JetStream publish and acknowledgement, p99", f"{at}.raw_engine_p99_ms", None, None, "ms")


def _gateway() -> Iterator[Figure]:
    for name, told in (("one", "one observation"), ("page", "a page of 100"), ("sources", "sources")):
        yield Figure(f"GET passed on, {told}: times the same call without it", f"passed_on.{name}.ratio", None, 2)
    yield Figure("lists of 200 entities, on one core", "list.still.per_core_s", 1000, None, "a second")
    yield Figure("the same while entities move", "list.moving.per_core_s", 1000, None, "a second")


def _stalls() -> Iterator[Figure]:
    for name, told in (
        ("redis_hangs", "Redis hangs"), ("upstream_hangs", "a service hangs"), ("upstream_dead", "a service is dead"),
        ("deaf_readers", "clients read nothing"), ("slow_headers", "headers come byte by byte"),
        ("idle", "10,000 idle connections"),
    ):  # fmt: skip
        yield Figure(f"other routes while {told}: p99", f"{name}.p99_ms", None, 50, "ms")
    yield Figure("probes of a dead service in a window", "upstream_dead.probes_per_window", None, 1)


FIGURES: Final[dict[str, tuple[str, str, tuple[Figure, ...]]]] = {
    "tracking": ("Tracking", "make bench-tracking", tuple(_tracking())),
    "recordings": (
        "Recordings",
        "make bench-recordings",
        (
            Figure("flights, 30 m noise, a report in 5 s, 10 % lost: IDF1", "aircraft.calfire.usual.idf1", 0.97, None),
            Figure("as a file, 10 m, a report a second, 20 % lost: IDF1", "lines.1s_10m_drop20.idf1", 0.97, None),
            Figure("as a file, 30 m, a report a second: IDF1", "lines.1s_30m.idf1", 0.97, None),
            Figure("as a file, 10 m, a report in 5 s: IDF1", "lines.5s_10m.idf1", 0.97, None),
        ),
    ),
    "localisation": ("Position from bearings", "make bench-localisation", tuple(_localisation())),
    "hotspots": (
        "Satellite hot spots",
        "make bench-hotspots",
        (Figure("100,000 rows parsed and clustered", "parse_and_cluster_s", None, 1, "s"),),
    ),
    "pipeline": (
        "The whole pipeline",
        "make bench-pipeline",
        (
            Figure("throughput, times raw publish and acknowledgement", "doors.nats.ratio", 0.15, None),
            Figure("processor time an observation, all processes", "doors.nats.cpu_us", None, 30, "µs"),
            Figure("observations recorded", "doors.nats.pipeline_per_s", None, None, "a second"),
        ),
    ),
    "latency": ("Latency", "make bench-pipeline", tuple(_latency())),
    "growth": (
        "Growth",
        "make bench-pipeline",
        (Figure("cost of an observation at 10 million, times that at 100,000", "cost_ratio", None, 1.1),),
    ),
    "queries": (
        "Queries over 5 million observations",
        "make bench-queries",
        tuple(
            Figure(f"{told}: p95", f"queries.{name}.p95_ms", None, 100, "ms")
            for name, told in (
                ("box_hour", "box and hour"), ("latest", "latest of a source"), ("trail", "trail of a day"),
                ("picture", "picture as of a moment"),
            )
        ),
    ),
    "gateway": ("The gateway", "make bench-gateway", tuple(_gateway())),
    "stalls": ("Who stalls", "make bench-stalls", tuple(_stalls())),
    "audit": (
        "Audit",
        "make bench-audit",
        (Figure("records to the committed, chained, signed row", "per_s", 10_000, None, "a second"),),
    ),
}  # fmt: skip


@cache
def _result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def value(name: str, at: str) -> float:
    """Raises ``KeyError`` for what the file does not hold."""
    found = _result(name)
    for part in at.split("."):
        found = found[part]
    return float(found)


def row(name: str, figure: Figure) -> str:
    found = value(name, figure.at)
    bar = "" if figure.most is None else f"at most {_number(figure.most)}"
    bar = bar if figure.least is None else f"at least {_number(figure.least)}"
    kept = (figure.least is None or found >= figure.least) and (figure.most is None or found <= figure.most)
    told = f"{_number(found)} {figure.unit}".strip()
    return f"| {figure.what} | {told if kept else f'**{told}, missed**'} | {bar} |"


def document() -> str:
    parts = [HEAD]
    for name, (title, command, figures) in FIGURES.items():
        at = str(_result(name).get("measured_at") or "")[:10]
        lines = [
            f"## {title}",
            f"`{command}`" + (f", {at}" if at else ""),
            "",
            "| what | figure | bar |",
            "|---|---|---|",
        ]
        parts.append("\n".join([*lines, *(row(name, one) for one in figures)]) + "\n\n")
    return "".join(parts).rstrip("\n") + "\n"


def _number(found: float) -> str:
    return f"{found:,.0f}" if abs(found) >= 1000 or found == int(found) else f"{found:.3g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Write nothing; exit 1 where the page is another.")
    asked = parser.parse_args()
    wanted = document()
    if not asked.check:
        DOCUMENT.write_text(wanted, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != wanted:
        print(f"{DOCUMENT.relative_to(ROOT)} is not what bench/results says: run `make figures`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
