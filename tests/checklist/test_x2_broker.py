"""X2: what each role may publish and hear on the real broker, of its own things and of another organisation's, against
the table of decisions; a right that is taken from the table is gone at the broker, one that is too wide is found."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiomqtt
import nats
import pytest
from summit_core.ids import new_id
from summit_core.model import Principal, Role
from summit_core.security import broker as table
from summit_core.security import decision
from summit_core.security.broker import PUBLISH, SUBSCRIBE, rights_of
from summit_core.security.decision import Thing, decide
from summit_core.security.permissions import GRANTS, Permission
from summit_core.security.token import digest, new_token
from summit_core.store import create_pool

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "apps" / "fabric" / "tests"))  # as in checklist_gateway

from registry_harness import Broker, Registry, registry_of

ORGANISATIONS: Final = ("default", "north")
NEVER: Final = ("observations/batch", "world/entities/x", "validated/none/position", "audit/x", "deadletters/mqtt")
"""Topics of services, which no table gives to a device."""
REFUSED: Final = 0x80


class Tried:
    """A device of each organisation and, under its name, a key of each role of its organisation and of the other."""

    def __init__(self, registry: Registry, url: str) -> None:
        self.registry = registry
        self.url = url
        self.keys: dict[tuple[str, Role, str], str] = {}

    async def make(self, database_url: str) -> None:
        pool = await create_pool(database_url, name="x2")
        for device in ORGANISATIONS:
            who = Principal(id="a", name="ada", role=Role.ADMINISTRATOR, organisation=device)
            body = {"id": f"cam-{device}", "credential": False}
            status, answer, _ = await self.registry.call("POST", "", body, who=who)
            assert status == 201, answer
            for role in Role:
                for organisation in ORGANISATIONS:
                    identifier, token = new_token()
                    await pool.execute(
                        "INSERT INTO api_keys (id, name, role, hash, created_at, created_by, organisation)"
                        " VALUES ($1, $2, $3, $4, $5, 'ada', $6)",
                        *(identifier, f"cam-{device}", str(role), digest(token), datetime.now(UTC), organisation),
                    )
                    self.keys[device, role, organisation] = token
            kept = {"overlap_s": 86_400}  # fabric reads again what there is for a device when it issues something
            assert (await self.registry.call("POST", f"/cam-{device}/rotate", kept, who=who))[0] == 201
        await pool.close()

    async def wrong(self) -> tuple[int, list[str]]:
        """How many subjects were tried, and where the broker and the table differ."""
        service = await nats.connect(self.url)
        found: list[str] = []
        tried = 0
        for (device, role, organisation), key in self.keys.items():
            expected = declared(device, role, organisation)
            actual = await self._granted(service, f"cam-{device}", key)
            tried += len(topics())
            found += [f"{role} of {organisation} as cam-{device}: {one}" for one in sorted(expected ^ actual)]
        await service.close()
        return tried, found

    async def _granted(self, service: Any, device: str, key: str) -> set[str]:
        """What a client may really do."""
        heard: set[str] = set()
        mark, last = new_id(), asyncio.Event()

        async def note(message: Any) -> None:
            if message.data == mark.encode():
                heard.add("publish " + message.subject.replace(".", "/"))
            elif message.data == b"end" + mark.encode():
                last.set()

        try:
            async with self.registry.broker.mqtt(device, key) as client:
                subscription = await service.subscribe(">", cb=note)
                await service.jetstream().account_info()  # flush would ask before the subscription is written
                for way, topic in topics():
                    if way == "publish":
                        await client.publish(topic, mark, qos=0)
                    else:
                        (code,) = await client.subscribe(topic, qos=0)
                        if getattr(code, "value", code) != REFUSED:
                            heard.add(f"subscribe {topic}")
                            await client.unsubscribe(topic)  # answered after all that was published before
                await service.publish("x2.end", b"end" + mark.encode())
                async with asyncio.timeout(5):
                    await last.wait()
                await subscription.unsubscribe()
        except aiomqtt.MqttError:
            return heard
        return heard


def topics() -> list[tuple[str, str]]:
    """Every kind of subject of the tables, for a device of each organisation, what only services use, and wildcards."""
    found = [
        (way, subject.format(id=f"cam-{device}").replace("*", "position").replace(".", "/"))
        for way, subjects in (("publish", PUBLISH), ("subscribe", SUBSCRIBE))
        for _, subject in subjects
        for device in ORGANISATIONS
    ]
    found += [("publish", topic) for topic in NEVER]
    return found + [("subscribe", topic) for topic in (*NEVER, "#", "tasks/#", "tasks/+/dispatch", "observations/+/+")]


def declared(device: str, role: Role, organisation: str) -> set[str]:
    """By the tables as they are written, each subject by itself; only devices have a connection at all."""
    who = Principal(id="c", name=f"cam-{device}", role=role, organisation=organisation)
    thing = Thing(None if device == "default" else device, None, (who.name,))
    return {
        f"{way} {subject.format(id=who.name).replace('*', 'position').replace('.', '/')}"
        for way, subjects in (("publish", DECLARED[0]), ("subscribe", DECLARED[1]))
        for permission, subject in subjects
        if decide(who, Permission.CONNECT, thing).allowed and decide(who, permission, thing).allowed
    }


DECLARED: Final = (PUBLISH, SUBSCRIBE)


@asynccontextmanager
async def tried(folder: Path, database_url: str) -> AsyncIterator[Tried]:
    broker = Broker(folder / "state")
    await broker.start()
    try:
        async with registry_of(broker, database_url) as registry:
            both = Tried(registry, broker.url)
            await both.make(database_url)
            yield both
    finally:
        await broker.stop()


async def test_every_subject_for_every_role(
    tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tried(tmp_path, database_url) as both:
        number, wrong = await both.wrong()
        assert wrong == []
        assert any(declared(device, Role.DEVICE, device) for device in ORGANISATIONS), "somebody may do something"
        with capsys.disabled():
            print(
                f"\n{len(topics())} subjects of the broker, {len(Role)} roles, two organisations, {number} tries: 100 %"
            )

        wider = (*PUBLISH, (Permission.OBSERVE, "devices.*.telemetry"))
        monkeypatch.setattr(table, "PUBLISH", wider)
        assert "device of north as cam-north: publish devices/cam-default/telemetry" in (await both.wrong())[1]
        monkeypatch.setattr(table, "PUBLISH", PUBLISH)

        less = GRANTS | {Role.DEVICE: frozenset({Permission.CONNECT})}
        monkeypatch.setattr(decision, "GRANTS", less)
        assert "publish observations/position/cam-north" not in declared("north", Role.DEVICE, "north")
        assert (await both.wrong())[1] == [], "a right that is taken from the table is gone at the broker"


def test_without_a_right_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list of what is allowed would be no limit to the broker."""
    who, things = Principal(id="c", name="cam", role=Role.DEVICE), {"cam": Thing(voices=("cam",))}
    assert rights_of(who, things).publish
    monkeypatch.setattr(decision, "GRANTS", GRANTS | {Role.DEVICE: frozenset({Permission.OBSERVE})})
    assert rights_of(who, things) == ((), ())
