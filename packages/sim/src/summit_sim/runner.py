"""Plays a scenario on the public interfaces: one MQTT connection an actor, and the commander over HTTP."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from summit_core.model import Detection, TaskStatus
from summit_sdk import Device, Endpoints, SummitClient

from summit_sim.actor import Actor, Message
from summit_sim.commander import approve_all
from summit_sim.scenario import Scenario

log = logging.getLogger("summit_sim")

SHORTEST_PAUSE_S = 0.05
ACCOUNT_EVERY_S = 10.0


@dataclass(slots=True)
class Account:
    """What became of the messages: ``sent`` were acknowledged by the broker."""

    sent: int = 0
    pending: int = 0
    dropped: int = 0


async def play(scenario: Scenario, endpoints: Path, *, auto_approve: bool, stop: asyncio.Event) -> Account:
    """Runs until ``stop`` is set. Messages wait while the broker is away; see :class:`summit_sdk.Device`."""
    broker = Endpoints.read(endpoints).broker()
    summit = SummitClient.from_endpoints(endpoints) if auto_approve else None
    began = asyncio.get_running_loop().time()
    devices = [Device(broker, actor.id) for actor in scenario.actors]
    log.info("scenario begins", extra={"actors": len(devices), "seed": scenario.run.seed, "speed": scenario.run.speed})
    async with asyncio.TaskGroup() as group:
        lives = [
            group.create_task(_live(actor, device, began, stop))
            for actor, device in zip(scenario.actors, devices, strict=True)
        ]
        others = [group.create_task(_account_often(devices))]
        if summit is not None:
            others.append(group.create_task(_command(summit)))
        await asyncio.wait(lives, return_when=asyncio.FIRST_EXCEPTION)
        for other in others:
            other.cancel()
    account = account_of(devices)
    log.info("scenario ends", extra=_fields(account))
    return account


def account_of(devices: list[Device]) -> Account:
    return Account(
        sent=sum(device.sent for device in devices),
        pending=sum(device.pending for device in devices),
        dropped=sum(device.dropped for device in devices),
    )


async def _live(actor: Actor, device: Device, began: float, stop: asyncio.Event) -> None:
    loop, speed = asyncio.get_running_loop(), actor.run.speed
    async with device:
        listener = asyncio.create_task(_listen(actor, device))
        while not stop.is_set():
            for message in actor.step((loop.time() - began) * speed):
                _tell(device, message)
            until_due = actor.due / speed - (loop.time() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(SHORTEST_PAUSE_S, until_due))
        listener.cancel()


async def _listen(actor: Actor, device: Device) -> None:
    async for task in device.tasks():
        log.info("task received", extra={"device": actor.id, "task": task.id, "title": task.title})
        actor.take(task)


def _tell(device: Device, message: Message) -> None:
    if isinstance(message, TaskStatus):
        device.answer(message.task, message.state, message.progress, message.note)
        fields = {"device": device.id, "task": message.task, "state": message.state, "progress": message.progress}
        log.info("task answered", extra={**fields, "note": message.note})
        return
    device.send(message)
    if isinstance(message, Detection):
        seen = {"class": message.class_, "confidence": message.confidence, "lat": message.lat, "lon": message.lon}
        log.info("detection sent", extra={"device": device.id, **seen})


async def _command(summit: SummitClient) -> None:
    async with summit:
        await approve_all(summit)


async def _account_often(devices: list[Device]) -> None:
    while True:
        await asyncio.sleep(ACCOUNT_EVERY_S)
        connected = sum(device.connected.is_set() for device in devices)
        log.info("account", extra={"connected": connected, **_fields(account_of(devices))})


def _fields(account: Account) -> dict[str, int]:
    return {"sent": account.sent, "pending": account.pending, "dropped": account.dropped}
