"""A fleet in flight: many devices at a steady rate, each on a connection of its own, in a process of their own."""

import multiprocessing
import selectors
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from devices import Fleet, Link


class Flight:
    """Starts the process and waits until all devices are connected. They send nothing before ``begin``."""

    def __init__(self, broker: dict[str, Any], fleet: Fleet, rate: float, seconds: float, probes_a_s: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        """Gives ``(observed_at, id)`` of every probe as it is sent, and at the end the list of all messages that were
        acknowledged: ``(device, observed_at)``."""
        arguments = (broker, fleet, rate, seconds, probes_a_s, theirs)
        self._process = context.Process(target=_fly, args=arguments, daemon=True)
        self._process.start()
        theirs.close()  # so that its end is noticed
        self.pipe.recv()

    def begin(self) -> None:
        self.pipe.send("begin")

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def paced(rate: float, seconds: float, send: Callable[[], None], receive: dict[Any, Callable[[], None]]) -> None:
    """Call ``send`` ``rate`` times a second, each at its own moment, and ``receive`` whenever its socket has data."""
    start, sent, total = time.monotonic(), 0, int(rate * seconds)
    with selectors.EpollSelector() as selector:
        for socket, act in receive.items():
            selector.register(socket, selectors.EVENT_READ, act)
        while sent < total:
            ahead = start + sent / rate - time.monotonic()
            if ahead <= 0:
                send()
                sent += 1
            for key, _ in selector.select(max(0.0, ahead)):
                key.data()


def _fly(
    broker: dict[str, Any], fleet: Fleet, rate: float, seconds: float, probes_a_s: float, pipe: Connection
) -> None:
    links = [Link(broker, device) for device in fleet.devices]
    sent: list[tuple[str, str]] = []
    every = max(1, round(rate / probes_a_s)) if probes_a_s else 0
    pipe.send("connected")
    pipe.recv()

    def send() -> None:
        message = fleet.next()
        links[len(sent) % len(links)].send([message])
        if every and len(sent) % every == 0:
            pipe.send((message.at, message.id))
        sent.append((message.device, message.at))

    paced(rate, seconds, send, {link.socket: link.receive for link in links})
    for link in links:
        while link.acknowledged < link.sent:
            link.receive()
    pipe.send(sent)
