"""The kinds of actor: each turns a part of the world's truth into what its sensor would say of it."""

from summit_sim.actors.camera import Camera
from summit_sim.actors.crew import Crew
from summit_sim.actors.drone import Drone
from summit_sim.actors.gas import GasSensor
from summit_sim.actors.surveillance import Surveillance, Target
from summit_sim.actors.weather import WeatherStation

__all__ = ["Camera", "Crew", "Drone", "GasSensor", "Surveillance", "Target", "WeatherStation"]
