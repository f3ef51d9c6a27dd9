"""Typed client and device for people who connect a sensor, a robot or a feed to Summit OS.

:class:`Device` speaks MQTT for one sensor or robot; :class:`SummitClient` speaks the REST API and the stream.
"""

from summit_sdk.client import Receipt, Rejection, SummitClient
from summit_sdk.device import Device
from summit_sdk.endpoints import Endpoints, MqttEndpoint
from summit_sdk.retry import Backoff
from summit_sdk.stream import Frame

__all__ = ["Backoff", "Device", "Endpoints", "Frame", "MqttEndpoint", "Receipt", "Rejection", "SummitClient"]
