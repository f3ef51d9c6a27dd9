"""What was known at any moment equals a plain fold over what had been stored by then, whatever was written and however
often it came."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from history_harness import Kept, after, version, with_past
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from summit_core.ids import derived_id
from summit_core.model import WorldType
from summit_fabric.history.past import Moment
from summit_fabric.history.version import ENTITY_LIVES, Version

KEYS = ("a", "b", "c")
WRITES = st.lists(
    st.tuples(
        st.sampled_from(["entities", "entities", "mine", "alerts", "overrides", "leave", "copy"]),
        st.sampled_from(KEYS),
        st.sampled_from([0.0, 0.5, 60.0, 3600.0, 5 * 3600.0, 7 * 3600.0]),
    ),
    min_size=1,
    max_size=25,
)


def written(writes: list[tuple[str, str, float]]) -> tuple[list[Version], list[Version]]:
    """The events of the stream, and those of them that say something new."""
    every: list[Version] = []
    new: list[Version] = []
    last: dict[tuple[str, str], Version] = {}
    lasting: dict[str, bool] = {}
    seconds = 0.0
    for seq, (what, key, gap) in enumerate(writes, start=1):
        seconds += gap
        at = after(seconds)
        name: Any = what if what in {"alerts", "overrides"} else "entities"
        if what == "copy":
            old = last.get((name, key))
            if old is None or (at - old.at).total_seconds() <= 2.0:
                continue
            every.append(replace(old, seq=seq, stored_at=at))
            if old.stored_at + ENTITY_LIVES > at or lasting[key]:
                continue
            new.append(every[-1])  # it had ended: now it is here again
            what = "mine" if lasting[key] else "entities"
        else:
            more: dict[str, Any] = {"owner": "operator"} if what == "mine" else {}
            if what == "overrides":
                more = {"fields": {"label": {"value": f"L{seq}", "by": "Ann", "at": at.isoformat()}}}
            elif what == "entities":
                more = {"updates": seq}
            every.append(
                replace(version(name, key, seq, at=at, gone=what == "leave", **more), id=derived_id(at, str(seq)))
            )
            new.append(every[-1])
        last[name, key] = every[-1]
        lasting[key] = what == "mine" if name == "entities" else lasting.get(key, False)
    return every, new


def folded(versions: list[Version], type_: WorldType, moment: Moment) -> dict[str, tuple[int, Any]]:
    """The reference: the last version of each key that was stored by then, if it had not ended."""
    passing: dict[str, Version] = {}
    lasting: dict[str, Version] = {}
    for one in versions:
        if one.type != type_ or one.stored_at > moment.at or one.seq > moment.seq:
            continue
        owner = msgspec.json.decode(one.body)["owner"] if one.body is not None and type_ == "entities" else None
        if type_ != "entities" or owner == "operator":
            lasting[one.key] = one
            passing.pop(one.key, None)
        elif one.body is None:
            lasting.pop(one.key, None)
            passing.pop(one.key, None)
        else:
            passing[one.key] = one
    alive = {key: one for key, one in passing.items() if one.stored_at > moment.at - ENTITY_LIVES}
    shown = {key: one for key, one in (lasting | alive).items() if one.body is not None}
    return {key: (one.seq, msgspec.json.decode(one.body or b"null")) for key, one in shown.items()}


def laid_over(
    entities: dict[str, tuple[int, Any]], overrides: dict[str, tuple[int, Any]]
) -> dict[str, tuple[int, Any]]:
    shown = {}
    for key, (seq, body) in entities.items():
        over = overrides.get(key)
        if over is None:
            shown[key] = (seq, body.get("label"))
        else:
            shown[key] = (max(seq, over[0]), over[1]["fields"]["label"]["value"])
    return shown


async def check(
    past: Kept, every: list[Version], new: list[Version], cuts: list[int], moments: list[datetime | int]
) -> None:
    await past.pool.execute("TRUNCATE entity_events, entity_keys, world_events, world_keys")
    past.store._known.clear()
    start = 0
    for cut in sorted({*(cut % (len(every) + 1) for cut in cuts), len(every)}):
        batch = every[max(0, start - 2) : cut]  # the last two of the batch before come again
        if batch:
            await past.store.remember(batch)
        start = cut
    for wanted in moments:
        moment = await past.service.moment(
            past.recorded, str(wanted) if isinstance(wanted, int) else wanted.isoformat(), imported=False
        )
        expected = {type_: folded(new, type_, moment) for type_ in ("entities", "alerts", "overrides")}
        shown = [one async for seen in past.service.shown(past.recorded, "entities", moment, chunk=2) for one in seen]
        assert {one.key: (one.seq, msgspec.json.decode(one.body or "").get("label")) for one in shown} == laid_over(
            expected["entities"], expected["overrides"]
        ), wanted
        alerts = [one async for seen in past.service.shown(past.recorded, "alerts", moment) for one in seen]
        assert {one.key: one.seq for one in alerts} == {key: seq for key, (seq, _) in expected["alerts"].items()}
        for key in KEYS:
            one = await past.recorded.one("alerts", key, moment)
            assert (one.seq if one and one.body else None) == expected["alerts"].get(key, (None,))[0]


def test_a_merged_entity_is_found_as_the_one_that_it_became(database_url: str) -> None:
    async def work(past: Kept) -> None:
        merge = {"into": "b", "by": "Ann", "at": after(3)}
        await past.store.remember(
            [version("entities", "a", 1), version("entities", "b", 2), version("overrides", "a", 3, merge=merge)]
        )
        before, later = Moment(after(2), 2), Moment(after(3), 3)
        assert (await past.service.one(past.recorded, "entities", "a", {}, before)).key == "a"
        assert (await past.service.one(past.recorded, "entities", "a", {}, later)).key == "b"
        keys = [one.key async for seen in past.service.shown(past.recorded, "entities", later) for one in seen]
        assert keys == ["b"]

    with_past(database_url, work)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_any_moment_equals_the_fold(database_url: str, writes: list[tuple[str, str, float]], cuts: list[int]) -> None:
    every, new = written(writes)
    if not every:
        return
    moments: list[datetime | int] = [one.seq for one in every]
    for one in every:
        moments += [one.stored_at, one.stored_at + timedelta(hours=3), one.stored_at + ENTITY_LIVES]
    assert with_past(database_url, lambda past: check(past, every, new, cuts, moments)) is None
