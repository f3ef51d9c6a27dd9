"""Tasking over the real broker: propose, decide, dispatch, follow, time out; whatever is repeated or killed."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from summit_core import wire
from summit_core.errors import ConflictError, ErrorCode, ForbiddenError, NotFoundError
from summit_core.model import DeadLetter, Decision, IncidentState, Location, Principal, Role, Task, TaskState
from summit_tasking.plan import tasks

if TYPE_CHECKING:
    from .conftest import Asset, Make, World

CAROL = Principal(id="carol", name="Carol", role=Role.COMMANDER)
DAVE = Principal(id="dave", name="Dave", role=Role.COMMANDER)


async def propose(world: "World", make: "Make") -> Task:
    await world.put(make.drone(), make.weak_drone(), make.alert(), make.incident())
    await world.until(lambda: world.store.open)
    return world.task


async def approve(world: "World", task: Task) -> Task:
    return await world.service.decide(task.id, Decision.APPROVE, task.plan_hash, "go", CAROL)


async def send(world: "World", make: "Make") -> tuple["Asset", Task]:
    """The scenario up to the dispatch."""
    asset, task = await world.asset(), await propose(world, make)
    await approve(world, task)
    await world.until(lambda: asset.inbox)
    return asset, task


async def test_one_incident_is_one_proposal(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    for _ in range(5):
        await world.put(make.incident(), make.drone())
    assert await world.settle() == {f"world.tasks.{task.id}": 1}
    assert (task.state, task.asset, task.risk) == (TaskState.PROPOSED, "drone-1", "medium")
    assert task.causes == ("inc-1", "alr-1") and task.approve_before is not None
    await world.restart()
    assert await world.settle() == {f"world.tasks.{task.id}": 1}
    await world.until(lambda: not world.process.health.loop_problems())


async def test_the_whole_way(world: "World", make: "Make") -> None:
    asset, task = await send(world, make)
    assert asset.inbox[0].id == task.id and asset.inbox[0].state is TaskState.DISPATCHED
    for state in ("received", "accepted", "executing", "executing", "accepted", "done", "done", "failed"):
        await asset.say(task.id, state, note=state)
    await world.until(lambda: world.task.state is TaskState.DONE)
    done = world.task
    before = await world.settle()
    assert (done.progress, done.note, done.dispatches) == (1.0, "done", 1)
    expected = [
        "Proposed",
        "Approved",
        "Sent",
        "drone-1 says received",
        "drone-1 says accepted",
        "drone-1 says exec",
        "drone-1 says done",
    ]
    assert all(entry.what.startswith(start) for entry, start in zip(done.timeline, expected, strict=True))
    assert done.approvals[0] in done.causes and world.store.approval(done.approvals[0]) is not None
    await world.restart()
    assert await world.settle() == before and world.task == done


async def test_who_proposed_a_task_may_not_approve_it_but_reject_it(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    for same in (replace(CAROL, name=tasks.proposer(task)), replace(CAROL, id=tasks.proposer(task))):
        with pytest.raises(ForbiddenError, match="another commander"):
            await world.service.decide(task.id, Decision.APPROVE, task.plan_hash, "mine", same)
    assert world.task.state is TaskState.PROPOSED
    await world.service.decide(task.id, Decision.REJECT, task.plan_hash, "no longer wanted", same)
    assert world.task.state is TaskState.REJECTED


async def test_the_same_decision_again_is_the_same_answer(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    first = await approve(world, task)
    again = await approve(world, task)
    assert again.approvals == first.approvals and len(again.approvals) == 1
    with pytest.raises(ConflictError, match="only a proposed task") as caught:
        await world.service.decide(task.id, Decision.APPROVE, task.plan_hash, "", DAVE)
    assert caught.value.code is ErrorCode.CONFLICT


async def test_another_hash_is_refused(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    with pytest.raises(ConflictError) as caught:
        await world.service.decide(task.id, Decision.APPROVE, "0" * 64, "", CAROL)
    assert caught.value.code is ErrorCode.PLAN_CHANGED and world.task.state is TaskState.PROPOSED


async def test_who_may_not_and_what_is_not_there(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    operator = Principal(id="ann", name="Ann", role=Role.OPERATOR)
    with pytest.raises(ForbiddenError):
        await world.service.decide(task.id, Decision.APPROVE, task.plan_hash, "", operator)
    with pytest.raises(NotFoundError):
        await world.service.decide("tsk-0", Decision.APPROVE, task.plan_hash, "", CAROL)


async def test_a_rejection_is_not_asked_again_at_once(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    rejected = await world.service.decide(task.id, Decision.REJECT, task.plan_hash, "too windy", CAROL)
    assert rejected.state is TaskState.REJECTED and rejected.note == "Rejected: too windy"
    await world.settle()
    assert len(world.store.tasks) == 1
    world.clock.advance(world.deadlines.again_s + 1)
    await world.until(lambda: len(world.store.tasks) == 2)
    assert world.task.state is TaskState.PROPOSED


async def test_a_lost_asset_changes_the_plan_and_its_hash(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    await world.put(make.drone("drone-3", lat=39.84), make.drone(freshness="lost"))
    await world.until(lambda: world.task.asset == "drone-3")
    assert world.task.id == task.id and world.task.plan_hash != task.plan_hash
    assert any("drone-1" in reason.text and "lost" in reason.text for reason in world.task.rationale)
    with pytest.raises(ConflictError) as caught:
        await approve(world, task)
    assert caught.value.code is ErrorCode.PLAN_CHANGED
    assert (await approve(world, world.task)).state is TaskState.APPROVED


async def test_a_target_that_moves_far_changes_the_plan(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    await world.put(make.incident(location=Location(lat=39.801, lon=-121.4)))
    await world.settle()
    assert world.task.plan_hash == task.plan_hash
    await world.put(make.incident(location=Location(lat=39.81, lon=-121.4)))
    await world.until(lambda: world.task.plan_hash != task.plan_hash)
    assert world.task.plan.waypoints[0].lat == 39.81


async def test_nobody_left_withdraws_and_somebody_new_is_proposed(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    await world.put(make.drone(freshness="lost"))
    await world.until(lambda: world.store.tasks[task.id].state is TaskState.EXPIRED)
    assert "no other asset can go" in world.store.tasks[task.id].note
    await world.put(make.drone())
    await world.until(lambda: len(world.store.tasks) == 2)
    assert world.task.id != task.id and world.task.state is TaskState.PROPOSED


async def test_a_closed_incident_needs_nobody(world: "World", make: "Make") -> None:
    await propose(world, make)
    await world.put(make.incident(state=IncidentState.FALSE_ALARM))
    await world.until(lambda: world.task.state is TaskState.CANCELLED)
    assert world.task.note == "The incident is false_alarm"


async def test_no_answer_repeats_and_times_out(world: "World", make: "Make") -> None:
    asset, task = await world.asset(), await propose(world, make)
    await approve(world, task)
    for sent in range(1, 16):
        await world.until(lambda sent=sent: len(asset.inbox) == sent)
        world.clock.advance(2.0)
    await world.until(lambda: world.task.state is TaskState.TIMED_OUT)
    assert world.task.note == "No answer from drone-1 to 15 dispatches; drone-1 was last heard at 14:00:00 UTC"
    await asset.say(task.id, "accepted")
    await world.settle()
    assert world.task.state is TaskState.TIMED_OUT and len(asset.inbox) == 15


async def test_a_task_that_does_not_end_times_out_after_a_restart(world: "World", make: "Make") -> None:
    asset, task = await send(world, make)
    for state in ("received", "accepted", "executing"):
        await asset.say(task.id, state, note="on my way")
    await world.until(lambda: world.task.state is TaskState.EXECUTING)
    await world.put(make.drone(freshness="lost", task=task.id))
    await world.until(lambda: world.task.note == "drone-1 is silent")
    await world.restart()
    world.clock.advance(task.plan.duration_s * 1.5 + 121.0)
    await world.until(lambda: world.task.state is TaskState.TIMED_OUT)
    assert "its last word: drone-1 is silent" in world.task.note


async def test_killed_between_approval_and_task_it_finishes(world: "World", make: "Make") -> None:
    asset, task = await world.asset(), await propose(world, make)
    await approve(world, task)
    approval = world.store.approval(world.task.approvals[0])
    assert approval is not None
    await world.process.stop()
    await world.bus.jetstream.purge_stream("WORLD", subject=f"world.tasks.{task.id}")
    await world.store._writer.put("tasks", task.id, task, at=make.start)
    await world.restart()
    await world.until(lambda: world.task.state is TaskState.DISPATCHED)
    assert world.task.approvals == (approval.id,) and world.task.timeline[1].by == "Carol"
    await world.until(lambda: asset.inbox)


async def test_killed_before_the_first_dispatch_it_sends(world: "World", make: "Make") -> None:
    asset, task = await world.asset(), await propose(world, make)
    await world.process.stop()
    sent = replace(task, state=TaskState.DISPATCHED, dispatches=1)
    await world.store.put("tasks", sent, at=make.start)
    world.clock.advance(3.0)
    await world.restart()
    await world.until(lambda: asset.inbox)
    assert asset.inbox[0].id == task.id and asset.inbox[0].dispatches == 2


async def test_bad_answers_are_dead_letters_and_the_next_good_one_counts(world: "World", make: "Make") -> None:
    (asset, task), other = await send(world, make), await world.asset("drone-2")
    await other.say(task.id, "done")
    await asset.say("tsk-unknown", "done")
    await asset.say_bytes(b"\xff\xfe")
    await asset.say_bytes(b'{"task": "x", "state": "flying", "at": "2026-08-01T14:00:00Z"}')
    await asset.say(task.id, "accepted")
    await world.until(lambda: world.task.state is TaskState.ACCEPTED)
    letters = []
    for seq in range(1, 5):
        message = await world.bus.jetstream.get_msg("DEADLETTERS", seq=seq)
        letters.append(wire.decode(message.data or b"", DeadLetter))
    assert [letter.code for letter in letters] == ["source_mismatch", "invalid_field", "invalid_utf8", "invalid_field"]
    assert letters[0].source == "drone-2" and letters[2].payload == b"\xff\xfe"


async def test_the_same_nonsense_twice_in_a_millisecond_is_two_dead_letters(world: "World") -> None:
    await world.bus.publish_many([("tasks.drone-1.status", b"\xff", None)] * 60)
    letters = await world.bus.client.jetstream().pull_subscribe("deadletters.>", stream="DEADLETTERS")
    found: set[str] = set()
    async with asyncio.timeout(20.0):
        for _ in range(60):
            (message,) = await letters.fetch(1, timeout=20.0)
            found.add(wire.decode(message.data, DeadLetter).id)
    assert len(found) == 60


async def test_an_asset_that_refuses_is_not_asked_again(world: "World", make: "Make") -> None:
    asset, task = await send(world, make)
    await world.put(make.drone("drone-3", lat=39.84))
    await asset.say(task.id, "refused", note="no GPS")
    await world.until(lambda: len(world.store.tasks) == 2)
    assert world.task.asset == "drone-3"
    assert any(f"it has just ended {task.id} as refused" in reason.text for reason in world.task.rationale)


async def test_a_task_can_be_called_off_until_it_ends(world: "World", make: "Make") -> None:
    asset, task = await send(world, make)
    await asset.say(task.id, "accepted")
    await world.until(lambda: world.task.state is TaskState.ACCEPTED)
    cancelled = await world.service.cancel(task.id, "lightning", CAROL)
    assert cancelled.state is TaskState.CANCELLED and "call its pilot" in cancelled.note
    assert await world.service.cancel(task.id, "lightning", CAROL) == cancelled
    await world.settle()
    assert len(world.store.tasks) == 1


async def test_nobody_decides_and_it_expires(world: "World", make: "Make") -> None:
    task = await propose(world, make)
    world.clock.advance(901.0)
    with pytest.raises(ConflictError, match="expired"):
        await approve(world, task)
    assert world.store.tasks[task.id].state is TaskState.EXPIRED
    await world.settle()
    assert len(world.store.tasks) == 1, "the same question is not asked again at once"
    world.clock.advance(901.0)
    await world.until(lambda: len(world.store.tasks) == 2)
