"""The simulated commander approves what is proposed, once, with the hash of the plan that it saw."""

import asyncio
import json
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace
from summit_core.model import Task, TaskState
from summit_core.wire import encode
from summit_sdk import Backoff, SummitClient
from summit_sim import commander


async def test_only_proposed_tasks_are_approved_and_an_outage_only_delays(
    investigate: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commander, "LOOKS_EVERY_S", 0.01)
    tasks = {
        "task-1": replace(investigate(), state=TaskState.PROPOSED, plan_hash="seen"),
        "task-2": investigate(id_="task-2"),
    }
    approvals: list[tuple[str, dict[str, str]]] = []
    approved = asyncio.Event()
    looked_again = asyncio.Event()
    outage = iter([503])

    async def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            if approved.is_set():
                looked_again.set()
            items = [json.loads(encode(task)) for task in tasks.values()]
            return web.json_response({"items": items, "next": None, "seq": 1})
        status = next(outage, 200)
        if status == 200:
            id_ = request.match_info["id"]
            approvals.append((id_, await request.json()))
            tasks[id_] = replace(tasks[id_], state=TaskState.APPROVED)
            approved.set()
        return web.json_response({}, status=status)

    app = web.Application()
    app.router.add_get("/v1/tasks", answer)
    app.router.add_post("/v1/tasks/{id}/approve", answer)
    async with (
        TestServer(app) as server,
        SummitClient(str(server.make_url("")), "key", backoff=Backoff(0.001)) as summit,
    ):
        approving = asyncio.create_task(commander.approve_all(summit))
        async with asyncio.timeout(5.0):
            await looked_again.wait()
        approving.cancel()
    assert approvals == [("task-1", {"plan_hash": "seen", "reason": commander.REASON})]
