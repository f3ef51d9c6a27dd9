"""Fills the real tables with history: what devices would have sent, spread over time, sources and H3 cells.

Each day's partition is filled before it is attached: that builds all its indexes at once, in a third of the time.
"""

import random
from datetime import UTC, datetime, timedelta

import asyncpg
from summit_core.geo import cell

SOURCES = 1_000
STEPS = 200
WEST, SOUTH, SIDE_DEG = -125.0, 35.0, 10.0
"""The area: 10 by 10 degrees."""
DAY = timedelta(days=1)
RANGE = "('{0:%Y-%m-%d} 00:00:00+00') TO ('{1:%Y-%m-%d} 00:00:00+00')"
STAMP = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
IDENTIFIER = (
    "(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7000' || '8000' ||"
    " lpad(to_hex({number}), 12, '0'))::uuid"
)

OBSERVATIONS = f"""
INSERT INTO {{table}} (id, t, received_at, source, kind, seq, h3, recording, body)
SELECT id, at, at, 'unit-' || lpad(source::text, 4, '0'), 'telemetry', number / {SOURCES}, h3, NULL,
    format('{{{{"kind":"telemetry","source":"unit-%s","observed_at":"%s","id":"%s","seq":%s,"received_at":"%s","lat":%s,'
        '"lon":%s,"category":"drone","alt_m":812.5,"speed_mps":14.2,"course_deg":123.4,"battery":0.82}}}}',
        lpad(source::text, 4, '0'), stamp, id, number / {SOURCES}, stamp, lat, lon)
FROM (SELECT *, to_char(at AT TIME ZONE 'UTC', '{STAMP}') AS stamp, {IDENTIFIER.format(at="at", number="number")} AS id
    FROM (SELECT number, $1::timestamptz + number * $2::interval AS at, number % {SOURCES} AS who,
            number / {SOURCES} % {STEPS} AS which
        FROM generate_series($3::bigint, $4::bigint) AS number) AS message
    JOIN places ON source = who AND step = which) AS observation"""

VERSIONS = f"""
INSERT INTO {{table}} (stored_at, seq, key, id, source, at, reason, causes, body)
SELECT at, seq, key, id, 'fabric', at, NULL, ARRAY[id::text],
    format('{{{{"id":"%s","kind":"asset","owner":"fabric","observed_at":"%s","heard_at":"%s","updated_at":"%s",'
        '"schema":"summit.entity/1","class":"drone","label":"Unit","location":{{{{"lat":%s,"lon":%s,"alt_m":812.5}}}},'
        '"kinematics":{{{{"speed_mps":14.2,"course_deg":123.4}}}},"health":{{{{"battery":0.82}}}},"sources":["%s"],'
        '"updates":%s,"causes":["%s"]}}}}', key, stamp, stamp, stamp, lat, lon, key, version, id)
FROM (SELECT *, 'asset-' || lpad(entity::text, 4, '0') AS key, to_char(at AT TIME ZONE 'UTC', '{STAMP}') AS stamp,
        {IDENTIFIER.format(at="at", number="seq")} AS id
    FROM (SELECT version, entity, version * $3::bigint + entity + 1 AS seq,
            $1::timestamptz + version * $2::interval + entity * ($2::interval / $3::bigint) AS at
        FROM generate_series(0, $4::bigint - 1) AS version, generate_series(0, $3::bigint - 1) AS entity) AS moment
    JOIN places ON source = entity % {SOURCES} AND step = (version + entity / {SOURCES} * 7) % {STEPS}) AS version
ORDER BY seq"""
"""Laid down in the order of the stream, as they are written: what one moment asks for lies together or not because of
the times of the versions, not because of how the bench filled the table."""


async def observations(connection: asyncpg.Connection, count: int, since: datetime, until: datetime) -> None:
    """``count`` observations of 1,000 sources, evenly over ``since <= t < until``."""
    await _places(connection)
    interval, first = (until - since) / count, 0
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while first < count:
        last = min(count, -((day + DAY - since) // -interval)) - 1
        table = await _begin_day(connection, "observations", day)
        await connection.execute(OBSERVATIONS.format(table=table), since, interval, first, last)
        await _attach(connection, "observations", table, day)
        day, first = day + DAY, last + 1


async def entities(
    connection: asyncpg.Connection, count: int, since: datetime, until: datetime, every: timedelta
) -> None:
    """A version of each of ``count`` assets every so often through one day, as if the world had been written so."""
    await _places(connection)
    table = await _begin_day(connection, "entity_events", since)
    await connection.execute(VERSIONS.format(table=table), since, every, count, int((until - since) / every))
    await _attach(connection, "entity_events", table, since)
    await connection.execute(
        "INSERT INTO entity_keys SELECT DISTINCT date_bin('6 hours', stored_at, '2000-01-01 00:00:00+00'), key"
        " FROM entity_events ON CONFLICT DO NOTHING"
    )


async def settle(connection: asyncpg.Connection, *tables: str) -> None:
    """What the database would do in its own time: statistics, visibility map, checkpoint."""
    for table in tables:
        await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.execute("CHECKPOINT")


async def _begin_day(connection: asyncpg.Connection, parent: str, day: datetime) -> str:
    """An empty table for the partition of one UTC day, named as fabric names it, in place of the one made ahead."""
    table = f"{parent}_{day:%Y%m%d}"
    if await connection.fetchval("SELECT to_regclass($1)", table) is not None:
        if await connection.fetchval(f"SELECT count(*) FROM {table}"):
            raise RuntimeError(f"{table} is not empty")
        await connection.execute(f"DROP TABLE {table}")
    await connection.execute(f"CREATE TABLE {table} (LIKE {parent} INCLUDING DEFAULTS)")
    return table


async def _attach(connection: asyncpg.Connection, parent: str, table: str, day: datetime) -> None:
    await connection.execute("SET maintenance_work_mem = '512MB'")
    bounds = RANGE.format(day, day + DAY)
    await connection.execute(f"ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM {bounds}")


async def _places(connection: asyncpg.Connection) -> None:
    """Where each source is at each of its steps: it wanders 0.4 degrees north and 0.5 degrees east of its home."""
    await connection.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS places (source int, step int, lat float8, lon float8, h3 bigint)"
    )
    if await connection.fetchval("SELECT count(*) FROM places"):
        return
    dice, rows = random.Random(1), []
    for source in range(SOURCES):
        lat = round(SOUTH + dice.random() * (SIDE_DEG - 0.002 * STEPS), 6)
        lon = round(WEST + dice.random() * (SIDE_DEG - 0.0026 * STEPS), 6)
        for step in range(STEPS):
            there = round(lat + 0.002 * step, 6), round(lon + 0.0026 * step, 6)
            rows.append((source, step, *there, cell(*there)))
    await connection.copy_records_to_table("places", records=rows)
    await connection.execute("ANALYZE places")
