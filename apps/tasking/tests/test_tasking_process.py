"""The service as a process: its door, its refusals, and kill -9 between approval and dispatch."""

from typing import TYPE_CHECKING

from summit_core import wire
from summit_core.model import Principal, Role, TaskState

if TYPE_CHECKING:
    from conftest import ServiceProcess

    from .conftest import Make, World

CAROL = Principal(id="carol", name="Carol", role=Role.COMMANDER)
ANN = Principal(id="ann", name="Ann", role=Role.OPERATOR)


async def test_decisions_over_http_survive_a_kill(world: "World", server: "ServiceProcess", make: "Make") -> None:
    asset = await world.asset()
    await world.process.only_watch()
    await server.start()
    await world.put(make.drone(), make.alert(), make.incident())
    await world.until(lambda: world.store.tasks)
    task = world.task
    path, right = f"/v1/tasks/{task.id}", wire.encode({"plan_hash": task.plan_hash})
    assert (await server.post(f"{path}/approve", right, CAROL, key="wrong"))[0] == 401
    assert (await server.post(f"{path}/approve", right, ANN))[1]["code"] == "forbidden"
    assert (await server.post("/v1/tasks/tsk-0/approve", right, CAROL))[0] == 404
    assert (await server.post(f"{path}/reject", right, CAROL))[1]["field"] == "reason"
    status, problem = await server.post(f"{path}/approve", wire.encode({"plan_hash": "another"}), CAROL)
    assert (status, problem["code"]) == (409, "plan_changed")
    status, approved = await server.post(f"{path}/approve", right, CAROL)
    assert (status, approved["state"], len(approved["approvals"])) == (200, "approved", 1)
    await world.until(lambda: asset.inbox)
    await server.kill()
    await asset.say(task.id, "received")
    await asset.say(task.id, "accepted")
    await server.start()
    await world.until(lambda: world.task.state is TaskState.ACCEPTED)
    status, again = await server.post(f"{path}/approve", right, CAROL)
    assert status == 200 and again["approvals"] == approved["approvals"]
    assert len(world.store.tasks) == 1 and {sent.id for sent in asset.inbox} == {task.id}
    status, cancelled = await server.post(f"{path}/cancel", b'{"reason": "lightning"}', ANN)
    assert (status, cancelled["state"]) == (200, "cancelled")
