"""What is stored of the past: once each, no copies, in partitions that come and go; and how the old table became it."""

import asyncio
import io
import os
import resource
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from alembic import command
from history_harness import Kept, after, bodies, moved, version, with_past
from msgspec.structs import replace
from summit_core import wire
from summit_core.errors import InputError, NotFoundError
from summit_core.ids import new_id
from summit_core.model import WORLD_TYPES, Principal, Role
from summit_core.store.migrate import config
from summit_fabric.history import export
from summit_fabric.history.bundle import AROUND, Manifest
from summit_fabric.history.gather import Gatherer
from summit_fabric.history.past import Moment
from summit_fabric.history.recorded import _ENTITIES
from summit_fabric.history.version import ENTITY_LIVES, Version, quarter
from summit_fabric.world.worker import EXPIRED_SHOWN, UNWRITTEN_FOR

ANN = Principal(id="a", name="Ann", role=Role.ADMINISTRATOR)


def test_an_entity_lives_a_little_longer_here_than_in_the_picture() -> None:
    assert UNWRITTEN_FOR + EXPIRED_SHOWN < ENTITY_LIVES < UNWRITTEN_FOR + timedelta(minutes=15)


def test_copies_and_repeats_change_nothing(database_url: str) -> None:
    async def work(past: Kept) -> None:
        incident, mine = version("incidents", "i", 1), version("entities", "e", 2, owner="operator")
        await past.store.remember([incident, mine])
        await past.store.remember([incident, mine])
        later = after(9000)
        copies = [replace(one, seq=one.seq + 100, stored_at=later) for one in (incident, mine)]
        await past.store.remember(copies)
        assert await past.rows("world_events") == 2
        before = await past.service.moment(past.recorded, after(8000).isoformat(), imported=False)
        moment = await past.service.moment(past.recorded, "102", imported=False)
        for at in (before, moment):
            assert [one.seq async for seen in past.service.shown(past.recorded, "incidents", at) for one in seen] == [1]
        changed = version("incidents", "i", 200, at=after(9500), state="confirmed")
        again = replace(incident, seq=201, stored_at=after(9600))
        await past.store.remember([changed, again])  # said anew after a change: that is a version
        assert await past.rows("world_events") == 4

    with_past(database_url, work)


def test_days_are_made_ahead_and_dropped_past_retention(database_url: str) -> None:
    async def work(past: Kept) -> None:
        old = version("entities", "e", 1, at=datetime(2025, 1, 2, tzinfo=UTC))
        lasting = version("entities", "mine", 2, at=datetime(2025, 1, 2, tzinfo=UTC), owner="operator")
        await past.store.remember([old, lasting, version("entities", "e", 3)])
        assert await past.store.keep_up(after(0), 365) == ["entity_events_20250102"]
        assert await past.store.keep_up(after(0), 365) == []
        assert (await past.rows("entity_events"), await past.rows("entity_keys")) == (1, 1)
        assert await past.rows("world_events") == 1
        tables = await past.pool.fetch("SELECT relname FROM pg_class WHERE relname LIKE 'entity_events_2026____'")
        assert {row["relname"] for row in tables} == {f"entity_events_2026080{day}" for day in (1, 2, 3)}
        await past.store.remember([replace(old, seq=4)])  # a day that was dropped is made again
        assert await past.rows("entity_events") == 2

    with_past(database_url, work)


OLD = "INSERT INTO world_events (seq, id, type, key, op, source, at, causes, body) VALUES ($1,$2,$3,$4,$5,'t',$6,$7,$8)"


def test_what_was_recorded_before_is_kept(database_url: str) -> None:
    def row(seq: int, type_: str, key: str, body: Any, minutes: int) -> tuple[Any, ...]:
        at = datetime(2026, 7, 1, 23, 50, tzinfo=UTC) + timedelta(minutes=minutes)
        return (seq, new_id(), type_, key, "delete" if body is None else "upsert", at, ["c"], body)

    async def fill() -> None:
        connection = await asyncpg.connect(database_url)
        await connection.executemany(
            OLD,
            [
                row(1, "entities", "e", '{"owner": "fusion", "n": 1}', 0),
                row(2, "incidents", "i", '{"n": 2}', 5),
                row(3, "entities", "e", '{"owner": "fusion", "n": 3}', 3),  # a clock went back: the order stays
                row(4, "entities", "e", None, 20),
                row(5, "entities", "mine", '{"owner": "operator"}', 21),
            ],
        )
        await connection.close()

    command.downgrade(config(database_url), "0002")
    asyncio.run(fill())
    command.upgrade(config(database_url), "head")

    async def work(past: Kept) -> None:
        stored = await past.recorded.versions(
            "entities", "e", after(-9e6), after(0), after=Moment(after(-9e6), 0), limit=9
        )
        assert [one.seq for one in stored] == [1, 3, 4]
        assert [one.body is None for one in stored] == [False, False, True]
        moment = await past.recorded.latest(seq=3)
        shown = [one async for seen in past.recorded.objects("entities", moment) for one in seen]
        assert {key: body["n"] for key, body in bodies(shown).items()} == {"e": 3}
        assert (await past.rows("world_events"), await past.rows("entity_keys")) == (2, 2)

    with_past(database_url, work)


async def story(past: Kept) -> list[Version]:
    """An incident with everything, and much that is not its business."""
    seen, other = new_id(), new_id()
    versions = [
        moved("d1", 1, 39.0, -121.0, kind="asset", owner="fabric"),
        moved("fire-1", 2, 39.1, -121.0, kind="hazard", causes=(seen,)),
        moved("stranger", 3, 10.0, 10.0),
        version("incidents", "inc-1", 4, entities=["fire-1"], causes=("fire-1",)),
        version("incidents", "inc-2", 5),
        version("alerts", "al-1", 6, incident="inc-1"),
        version("alerts", "al-2", 7, incident="inc-2"),
        version("tasks", "task-1", 8, incident="inc-1", asset="d1"),
        version(
            "overrides", "fire-1", 9, fields={"label": {"value": "Ridge", "by": "Ann", "at": after(9).isoformat()}}
        ),
        version("approvals", "app-1", 10, task="task-1"),
        moved("fire-1", 11, 39.2, -121.0, kind="hazard", causes=(seen,)),
        version("advisories", "adv-1", 12, incident="inc-1"),
        version("incidents", "inc-1", 13, state="closed", entities=["fire-1"]),
        moved("fire-1", 14, 39.3, -121.0, kind="hazard"),
        moved("d1", 15, 39.4, -121.0, kind="asset", owner="fabric"),
        version("zones", "z-1", 16, name="Camp"),
        version("zones", "z-2", 17, name="Elsewhere"),
        version("zones", "z-3", 18, name="Around the drone", anchor="d1"),
        version("zones", "z-4", 19, name="Taken away"),
        version("presences", "prs-1", 20, zone="z-1", entity="d1"),
        version("presences", "prs-2", 21, zone="z-2", entity="stranger"),
        version("presences", "prs-4", 22, zone="z-4", entity="fire-1"),
        version("alerts", "al-3", 23, incident="inc-1", causes=("prs-4",)),
        version("registrations", "d1", 24, label="Our drone"),
        version("registrations", "cam-1", 25, label="Camera on the ridge"),
        version("registrations", "stranger", 26),
        version("zones", "z-4", 27, gone=True),
        version("presences", "prs-4", 28, gone=True),
        version("presences", "prs-1", 29, zone="z-1", entity="d1", state="outside", event="exit"),
    ]
    versions.append(moved("d1", 30, 41.0, -121.0, at=after(90_000), kind="asset", owner="fabric"))
    await past.store.remember(versions)
    observation = {"kind": "report", "source": "cam-1", "observed_at": after(1), "text": "=smoke"}
    for identifier in (seen, other):
        body = wire.encode(observation | {"id": identifier}).decode()
        await past.pool.execute(
            "INSERT INTO observations (id, t, received_at, source, kind, body) VALUES ($1, $2, $2, $3, $4, $5)",
            *(identifier, after(1), "cam-1", "report", body),
        )
    await past.pool.execute("INSERT INTO sources VALUES ('cam-1', $1, $2)", '{"id":"cam-1","received":2}', after(1))
    return versions


async def packed(past: Kept, incident: str = "inc-1") -> io.BytesIO:
    file = io.BytesIO()
    await Gatherer(past.recorded, incident).pack(file)
    file.seek(0)
    return file


OWN = {"d1", "fire-1", "inc-1", "al-1", "al-3", "task-1", "app-1", "adv-1", "cam-1"}
OWN |= {"z-1", "z-3", "z-4", "prs-1", "prs-4"}


async def pictures(past: Kept, of: Any) -> dict[int, Any]:
    """The whole picture of each moment, of what belongs to the incident."""
    found: dict[int, Any] = {}
    for seq in range(4, 30):
        moment = Moment((await of.latest(seq=seq)).at, seq)
        found[seq] = {
            (name, one.key): (one.seq, msgspec.json.decode(one.body or "null"))
            for name in WORLD_TYPES
            async for seen in past.service.shown(of, name, moment)
            for one in seen
            if one.key in OWN
        }
    return found


def test_an_imported_bundle_shows_the_same_picture_at_every_moment(database_url: str) -> None:
    async def give(past: Kept) -> tuple[io.BytesIO, dict[int, Any]]:
        await story(past)
        with pytest.raises(NotFoundError):
            await packed(past, "inc-9")
        return await packed(past), await pictures(past, past.recorded)

    async def take(past: Kept, file: io.BytesIO, expected: dict[int, Any]) -> None:
        await past.pool.execute("TRUNCATE entity_events, entity_keys, world_events, world_keys, observations, sources")
        bundle = await past.bundles.take_in(file, ANN)
        assert await past.bundles.take_in(file, ANN) == bundle
        imported = await past.bundles.past(bundle.id)
        for seq, picture in (await pictures(past, imported)).items():
            assert picture == expected[seq], seq
        assert (len(expected[13]), len(expected[26]), len(expected[29])) == (8, 16, 14)
        strangers = {"z-2", "prs-2", "stranger"}
        for name in WORLD_TYPES:
            async for seen in imported.objects(name, Moment(after(1000), 2**62)):
                assert not strangers & {one.key for one in seen}
        counts = {part.name: part.count for part in bundle.parts}
        assert (counts["observations"], counts["sources"], counts["incidents"], counts["entities"]) == (1, 1, 2, 5)
        assert await past.rows("world_events") + await past.rows("entity_events") == 0
        await past.bundles.drop(bundle.id, ANN)
        assert await past.rows("bundle_events") + await past.rows("bundle_observations") == 0

    file, expected = with_past(database_url, give, after(100_000))
    with_past(database_url, lambda past: take(past, file, expected))


def test_a_bundle_of_the_first_schema_is_taken_in(database_url: str) -> None:
    """It has no zones, presences and registrations."""

    async def work(past: Kept) -> None:
        await story(past)
        old = io.BytesIO()
        with zipfile.ZipFile(await packed(past)) as new, zipfile.ZipFile(old, "w") as zipped:
            told = msgspec.json.decode(new.read("manifest.json"), type=Manifest)
            kept = tuple(part for part in told.parts if part.name not in AROUND)
            told = msgspec.structs.replace(told, schema="summit.bundle/1", parts=kept).identified()
            zipped.writestr("manifest.json", msgspec.json.encode(told))
            for part in kept:
                zipped.writestr(f"{part.name}.ndjson", new.read(f"{part.name}.ndjson"))
        bundle = await past.bundles.take_in(old, ANN)
        imported = await past.bundles.past(bundle.id)
        assert await imported.one("incidents", "inc-1", Moment(after(1000), 2**62))
        assert await imported.one("zones", "z-1", Moment(after(1000), 2**62)) is None

    with_past(database_url, work, after(100_000))


def test_a_damaged_bundle_names_the_part_and_leaves_nothing(database_url: str) -> None:
    async def work(past: Kept) -> None:
        await story(past)
        whole = await packed(past)
        with zipfile.ZipFile(whole) as zipped:
            parts = {name: zipped.read(name) for name in zipped.namelist()}
        spoiled: list[tuple[str, bytes | None, str]] = [
            ("alerts.ndjson", parts["alerts.ndjson"].replace(b"Look", b"Lock"), "alerts"),
            ("observations.ndjson", parts["observations.ndjson"] * 2, "observations"),
            ("tasks.ndjson", None, "tasks"),
            ("entities.ndjson", b"", "entities"),
            ("manifest.json", parts["manifest.json"].replace(b"inc-1", b"inc-2"), "manifest.json"),
            ("manifest.json", b"{}", "manifest.json"),
            ("manifest.json", None, "manifest.json"),
        ]
        for name, content, field in spoiled:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as zipped:
                for one, data in (parts | {name: content}).items():
                    if data is not None:
                        zipped.writestr(one, data)
            file.seek(0)
            with pytest.raises(InputError) as refused:
                await past.bundles.take_in(file, ANN)
            assert refused.value.field == field
        for cut in (b"", b"no zip", whole.getvalue()[:-50], os.urandom(500)):
            with pytest.raises(InputError):
                await past.bundles.take_in(io.BytesIO(cut), ANN)
        assert await past.rows("bundles") + await past.rows("bundle_events") == 0

    with_past(database_url, work, after(100_000))


def test_an_export_of_much_needs_little_memory(database_url: str) -> None:
    """60 MB of versions; a page of them is 1 MB."""

    async def work(past: Kept) -> None:
        for start in range(0, 60_000, 2_000):
            note = "x" * 700
            await past.store.remember(
                [
                    moved(f"trk-{n % 20}", n + 1, 39.0, -121.0, at=after(n / 10), note=note)
                    for n in range(start, start + 2_000)
                ]
            )
        wanted = export.checked(after(-1), after(7_000), "entities", "ndjson", None)
        size, base = 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async for part in export.document(past.recorded, wanted):
            size += len(part)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024
        assert size > 60e6
        assert grown < 25.0

    with_past(database_url, work)


def test_the_picture_of_a_moment_is_read_by_its_indexes(database_url: str) -> None:
    async def work(past: Kept) -> None:
        for start in range(0, 20_000, 5_000):
            many = range(start, start + 5_000)
            await past.store.remember([moved(f"trk-{n % 500}", n + 1, 39.0, -121.0, at=after(n)) for n in many])
        await past.pool.execute("ANALYZE entity_events")
        at = after(15_000)
        window = (at, at - ENTITY_LIVES, 2**62, quarter(at), quarter(at) - timedelta(hours=6), "")
        for chunk, recent in ((100, 0), (5000, 10_000)):
            rows = await past.pool.fetch("EXPLAIN " + _ENTITIES, *window, chunk, recent)
            plan = "\n".join(row[0] for row in rows)
            assert "Seq Scan" not in plan
            assert "entity_events_20260801_key_stored_at_seq_idx" in plan
            assert "entity_events_20260801_pkey" in plan
            assert "entity_events_20260802" not in plan

    with_past(database_url, work)


def test_a_long_trail_is_thinned_by_probes(database_url: str) -> None:
    async def work(past: Kept) -> None:
        await past.store.remember([moved("trk", n + 1, 39.0, -121.0, at=after(n)) for n in range(3_000)])
        trail = await past.service.trail(past.recorded, "trk", after(0), after(3_000), every_s=None, limit=100)
        assert (len(trail.points), trail.every_s) == (100, 30.0)
        assert [one.seq for one in trail.points[:3]] == [1, 31, 61]
        assert trail.points[0].radius_m == pytest.approx(12.24, abs=0.01)
        whole = await past.service.trail(past.recorded, "trk", after(0), after(50), every_s=None, limit=100)
        assert (len(whole.points), whole.every_s) == (50, 0.0)
        asked = await past.service.trail(past.recorded, "trk", after(0), after(50), every_s=10.0, limit=100)
        assert [one.seq for one in asked.points] == [1, 11, 21, 31, 41]

    with_past(database_url, work)
