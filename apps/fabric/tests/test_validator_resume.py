"""A validator that dies in the middle of a batch publishes each observation once, however the batch comes again."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from fabric_harness import good
from summit_core import wire
from summit_core.bus import Bus, Delivery, Picture
from summit_core.bus.owners import Owners
from summit_core.bus.streams import DEADLETTERS, INGEST, OBSERVATIONS
from summit_core.errors import UnavailableError
from summit_core.ids import new_id
from summit_fabric.decoded import Decoded
from summit_fabric.worker import VALIDATOR, Validator

PLACES = [(39.8, -121.4), (10.0, 20.0), (-33.0, 151.0)]


class Torn(Bus):
    """Stores only some of the messages of a call, and then says that the broker is away."""

    stored: tuple[int, ...] = ()

    async def publish_many(self, messages: Iterable[Any]) -> list[int]:
        listed = list(messages)
        await super().publish_many([listed[index] for index in self.stored])
        raise UnavailableError("the broker is away")


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats_url, name="test")
    await bus.ensure_streams()
    await bus.jetstream.add_consumer(INGEST, durable_name=VALIDATOR, ack_policy="all")
    yield bus
    await bus.close()


async def deliveries(bus: Bus, number: int) -> list[Delivery]:
    """That many observations in INGEST, spread over three places, as a consumer gets them."""
    found = []
    for index in range(number):
        lat, lon = PLACES[index % 3]
        data = json.dumps(good("s", seq=index, lat=lat, lon=lon)).encode()
        seq = await bus.publish("observations.measurement", data)
        reply = f"$JS.ACK.INGEST.{VALIDATOR}.1.{seq}.{seq}.{1_800_000_000_000_000_000 + seq}.0"
        found.append(Delivery("observations.measurement", data, reply))
    return found


async def published(bus: Bus) -> list[int]:
    state = (await bus.jetstream.stream_info(OBSERVATIONS)).state
    seqs: list[int] = []
    for seq in range(1, state.last_seq + 1):
        message = await bus.jetstream.get_msg(OBSERVATIONS, seq)
        seqs += [one.seq for one in wire.decode_batch(message.data or b"") if one.seq is not None]
    return sorted(seqs)


@pytest.mark.parametrize("stored", [(), (0,), (0, 2), (2,), (0, 1, 2)])
async def test_each_observation_is_published_once(bus: Bus, stored: tuple[int, ...]) -> None:
    sent = await deliveries(bus, 9)
    torn = Torn(bus.client, bus.connection)
    for cut, parts in ((6, stored), (8, stored[:1])):  # it dies twice, and each time it gets another batch
        torn.stored = parts
        validator = Validator(torn, Decoded(), Owners(Picture()))
        await validator.resume()
        with pytest.raises((UnavailableError, IndexError)):
            await validator.handle(sent[:cut])
    validator = Validator(bus, Decoded(), Owners(Picture()))
    await validator.resume()
    await validator.handle(sent[:4])
    await validator.handle(sent[4:])
    assert await published(bus) == list(range(9))


@pytest.mark.parametrize("stored", [(), (0,), (1,), (0, 2), (2,), (0, 1, 2)])
async def test_the_same_batch_again_brings_what_is_missing(bus: Bus, stored: tuple[int, ...]) -> None:
    """The broker passes over a message whose id it knows: what is left of a batch may not go by the id of another."""
    sent = await deliveries(bus, 6)
    torn = Torn(bus.client, bus.connection)
    torn.stored = stored
    with pytest.raises((UnavailableError, IndexError)):
        await Validator(torn, Decoded(), Owners(Picture())).handle(sent)
    validator = Validator(bus, Decoded(), Owners(Picture()))
    await validator.resume()
    await validator.handle(sent)
    assert await published(bus) == list(range(6))


async def test_one_id_in_two_kinds_is_two_statements(bus: Bus) -> None:
    """Alone in their batches, they have the same first id, last id and number."""
    identifier, found = new_id(), []
    for kind, fields in (("measurement", {}), ("report", {"text": "smoke"})):
        said = good("s", **fields) | {"id": identifier, "kind": kind}
        if kind == "report":
            said = {name: value for name, value in said.items() if name not in {"quantity", "value", "unit"}}
        data = json.dumps(said).encode()
        seq = await bus.publish(f"observations.{kind}", data)
        reply = f"$JS.ACK.INGEST.{VALIDATOR}.1.{seq}.{seq}.{1_800_000_000_000_000_000 + seq}.0"
        found.append(Delivery(f"observations.{kind}", data, reply))
    await Validator(bus, Decoded(), Owners(Picture())).handle(found)
    assert (await bus.jetstream.stream_info(OBSERVATIONS)).state.messages == 2
    assert not (await bus.jetstream.stream_info(DEADLETTERS)).state.messages
