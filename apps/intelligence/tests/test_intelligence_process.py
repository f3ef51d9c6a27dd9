"""The service as a process: its door, its refusals, and kill -9."""

from typing import TYPE_CHECKING

from summit_core.model import Principal, Role
from summit_intelligence.rules import alerts

if TYPE_CHECKING:
    from conftest import ServiceProcess

    from .conftest import Make, World

ANN = Principal(id="ann", name="Ann", role=Role.OPERATOR)
VIC = Principal(id="vic", name="Vic", role=Role.VIEWER)


async def test_the_same_picture_after_a_kill(world: "World", server: "ServiceProcess", make: "Make") -> None:
    await world.process.service._lock.acquire()  # the one in this process only watches
    await server.start()
    await world.entity(make.hazard())
    incident = make.incident().id
    key = alerts.id_of(make.incident())
    await world.until(lambda: len(world.process.mirror.changes("advisories")) == 1)
    before = await world.written()
    await server.kill()
    await server.start()
    await world.entity(make.hazard())
    ack, move = f"/v1/alerts/{key}/ack", f"/v1/incidents/{incident}/state"
    assert (await server.post(ack, b"", ANN, key="wrong"))[0] == 401
    assert (await server.post(ack, b"", VIC))[1]["code"] == "forbidden"
    assert (await server.post("/v1/alerts/alr-0/ack", b"", ANN))[0] == 404
    assert await world.written() == before
    status, alert = await server.post(ack, b'{"note": "seen"}', ANN)
    assert (status, alert["state"], alert["acknowledged_by"]) == (200, "acknowledged", "Ann")
    assert await server.post(ack, b"", ANN) == (200, alert)
    status, problem = await server.post(move, b'{"state": "contained", "reason": "x"}', ANN)
    assert (status, problem["code"]) == (409, "conflict") and "allowed: closed" in problem["detail"]
    assert (await server.post(move, b'{"state": "burning", "reason": "x"}', ANN))[1]["field"] == "state"
    assert (await server.post(move, b'{"state": "closed", "reason": "dust"}', ANN))[1]["state"] == "closed"
