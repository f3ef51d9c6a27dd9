"""100,000 FIRMS rows to fires: parsed, clustered and outlined; JSON on stdout, exit 1 when a bar is missed.

A made season: 1,500 fires that grow over ten days with two passes a day, pixels from nadir to the edge of the swath.

    python bench/hotspots.py [--rows 100000] [--seed 1]
"""

import argparse
import sys
import time

import numpy as np
from report import Bar, finish, machine
from summit_fusion.hotspots import cluster, fires_of, read

FIRES = 1500
HEADER = (
    "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,bright_ti5,"
    "frp,daynight"
)


def made(rows: int, seed: int) -> bytes:
    random = np.random.default_rng(seed)
    places = np.stack([random.uniform(-55, 65, FIRES), random.uniform(-179, 179, FIRES)], 1)
    of, turn = random.integers(0, FIRES, rows), random.integers(0, 20, rows)
    spread = (200.0 + 150.0 * turn)[:, None] * random.normal(0, 1, (rows, 2)) / 111_195.0
    lat = places[of, 0] + spread[:, 0]
    lon = places[of, 1] + spread[:, 1] / np.cos(np.radians(lat))
    scan, track = random.uniform(0.37, 0.8, rows), random.uniform(0.36, 0.78, rows)
    hours = 1.2 + 12.0 * (turn % 2)
    lines = [HEADER]
    for k in range(rows):
        clock = int(hours[k]) * 100 + int(random.integers(0, 10))
        lines.append(
            f"{lat[k]:.5f},{lon[k]:.5f},331.5,{scan[k]:.2f},{track[k]:.2f},2025-08-{1 + turn[k] // 2:02d},{clock},N,"
            f"VIIRS,{'lnh'[k % 3]},2.0NRT,290.1,{1 + k % 90}.5,D"
        )
    return "\n".join(lines).encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    data, small = made(options.rows, options.seed), made(100, options.seed)
    warm, _ = read(small)
    cluster(warm)
    began, cpu = time.perf_counter(), time.process_time()
    spots, problems = read(data)
    parsed = time.process_time()
    numbers = cluster(spots)
    clustered = time.process_time()
    fires = list(fires_of(spots, numbers))
    grown = time.process_time()
    corners = sum(len(ring) for fire in fires for polygon in fire.ground.polygons() for ring in polygon)
    result = {
        "machine": machine(),
        "rows": options.rows,
        "rejected": len(problems),
        "fires": len(fires),
        "parse_cpu_s": round(parsed - cpu, 4),
        "cluster_cpu_s": round(clustered - parsed, 4),
        "growth_cpu_s": round(grown - clustered, 4),
        "outline_cpu_s": round(time.process_time() - grown, 4),
        "outline_corners": corners,
        "wall_s": round(time.perf_counter() - began, 4),
    }
    result["parse_and_cluster_s"] = round(clustered - cpu, 4)
    return finish("hotspots", result, [Bar("parse_and_cluster_s", 0, 1.0), Bar("rejected", 0, 0)])


if __name__ == "__main__":
    sys.exit(main())
