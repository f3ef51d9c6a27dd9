"""``ridge-fire``: smoke on a ridge in Butte County, California, and everyone who is near.

Four camera towers see the smoke after five seconds, one of them in a wrong direction. ``drone-2`` is the nearest to the
fire and has not the battery to go there and return; ``drone-1`` has. ``gas-1`` falls silent after forty seconds.
"""

from datetime import datetime

from summit_core.geo import LocalFrame

from summit_sim.actor import Actor, Run
from summit_sim.actors import Camera, Crew, Drone, GasSensor, Surveillance, Target, WeatherStation
from summit_sim.scenario import Scenario
from summit_sim.world import Fire, Patrol, Racetrack, World

RIDGE = LocalFrame(39.80, -121.40)
FIRE = Fire(east=600.0, north=-400.0, smoke_at_s=5.0)


def build(*, seed: int, speed: float, start: datetime) -> Scenario:
    """The scenario that begins at ``start``."""
    run = Run(World(RIDGE, FIRE), seed, speed, start)
    return Scenario(run, (*_sensors(run), *_drones(run), *_ground(run), _aircraft(run), _radar(run)))


def _sensors(run: Run) -> tuple[Actor, ...]:
    return (
        Camera("cam-1", run, label="Bald Peak", place=(-6500.0, 4200.0), alt_m=1210.0, sigma_deg=0.6),
        Camera("cam-2", run, label="Sawmill", place=(7800.0, 2500.0), alt_m=1130.0, sigma_deg=0.8, first_s=0.5),
        Camera("cam-3", run, label="Flea Ridge", place=(1500.0, -8200.0), alt_m=980.0, sigma_deg=0.7, first_s=1.0),
        Camera(
            "cam-4",
            run,
            label="Camp Creek",
            place=(-4800.0, -5600.0),
            alt_m=905.0,
            sigma_deg=0.8,
            offset_deg=20.0,
            first_s=1.5,
        ),
        WeatherStation("wx-1", run, label="Ridge weather", place=(-900.0, 1300.0), alt_m=1015.0),
        GasSensor("gas-1", run, label="Powerhouse gas", place=(2100.0, 900.0), alt_m=870.0, silent_from_s=40.0),
    )


def _drones(run: Run) -> tuple[Actor, ...]:
    return (
        Drone("drone-1", run, label="Scout 1", home=(-1900.0, 2200.0), home_alt_m=940.0, battery=0.92),
        Drone("drone-2", run, label="Scout 2", home=(1900.0, -1150.0), home_alt_m=890.0, battery=0.025),
    )


def _ground(run: Run) -> tuple[Actor, ...]:
    line = ((-300.0, 250.0), (150.0, 420.0), (500.0, 350.0), (120.0, 180.0))
    crews = tuple(
        Crew(
            f"crew-{number}",
            run,
            label=label,
            motion=Patrol(tuple((east + dx, north + dy) for east, north in line), speed_mps=1.3, start_s=number * 97.0),
        )
        for number, label, dx, dy in (
            (1, "Crew Almanor", -1500.0, 1700.0),
            (2, "Crew Feather", 2300.0, 600.0),
            (3, "Crew Lassen", -2600.0, -1200.0),
            (4, "Crew Concow", 900.0, -2900.0),
        )
    )
    road = Patrol(((-4200.0, 900.0), (-1700.0, 300.0), (-400.0, -1500.0), (-2900.0, -2400.0)), speed_mps=12.0)
    return (*crews, Crew("engine-1", run, label="Engine 41", motion=road, category="engine", activity="road patrol"))


def _aircraft(run: Run) -> Actor:
    def plane(icao: str, label: str, motion: Racetrack, alt_m: float) -> Target:
        return Target(motion, class_="aircraft", identity=f"icao:{icao}", label=label, alt_m=alt_m)

    return Surveillance(
        "adsb-1",
        run,
        sigma_m=12.0,
        targets=(
            plane("a1f001", "N431CF", Racetrack((600.0, -400.0), 0.0, 4200.0, 0.0, 62.0), 2400.0),
            plane("a1f002", "N482DF", Racetrack((-3000.0, 5000.0), 3000.0, 1500.0, 70.0, 70.0, 40.0), 2100.0),
            plane("a4b103", "SKW3411", Racetrack((0.0, 9000.0), 60000.0, 9000.0, 330.0, 118.0, 180.0), 7300.0),
            plane("a77c04", "ASA1182", Racetrack((8000.0, 0.0), 70000.0, 12000.0, 350.0, 120.0, 420.0), 9700.0),
            plane("a90d05", "N77TR", Racetrack((-6000.0, -6000.0), 15000.0, 1800.0, 115.0, 55.0, 90.0), 1900.0),
            plane("ad2e06", "N9204K", Racetrack((9000.0, -7000.0), 8000.0, 1400.0, 20.0, 48.0), 1700.0),
        ),
    )


def _radar(run: Run) -> Actor:
    track = Patrol(((3600.0, -3400.0), (4400.0, -900.0), (5600.0, -2200.0), (5200.0, -4100.0)), speed_mps=8.0)
    return Surveillance("radar-1", run, sigma_m=15.0, targets=(Target(track),))
