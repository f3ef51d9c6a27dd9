"""`summit user` and `summit key` as programs, against the real gateway."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from gateway_harness import Gateway
from summit_cli import endpoints_file
from summit_cli.endpoints_file import Endpoints

WORDS = "first words of the tests"
MINE = "other words of the tests"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Summit:
    """The command line of one installation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, *arguments: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from summit_cli.main import main; main()", *arguments),
            env=os.environ | {"SUMMIT_STATE_DIR": str(self._folder), "SUMMIT_NEW_PASSWORD": WORDS},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
def summit(gateway: Gateway, tmp_path: Path) -> Summit:
    key_file = str(gateway.settings.admin_key_file)
    found = Endpoints(gateway=gateway.url, nats="", postgres="", services={}, admin_key_file=key_file, pid=os.getpid())
    endpoints_file.write(tmp_path / "endpoints.json", found)
    return Summit(tmp_path)


async def _sign_in(gateway: Gateway, **fields: str) -> tuple[int, Any]:
    body = {"user": "ann", "tokens": True} | fields
    async with gateway.http.post(gateway.url + "/v1/session", json=body) as response:
        return response.status, await response.json()


async def test_a_person_from_the_first_day_to_the_last(gateway: Gateway, summit: Summit) -> None:
    assert (await summit("user", "add", "ann", "--role", "viewer", "--json")).json["role"] == "viewer"
    assert (await _sign_in(gateway, password=WORDS, new_password=MINE))[0] == 200
    assert (await summit("user", "role", "ann", "operator")).out == "ann is operator from now on\n"
    assert (await summit("user", "disable", "ann")).code == 0
    assert (await _sign_in(gateway, password=MINE))[0] == 401
    assert "off" in (await summit("user", "list")).out
    assert (await summit("user", "enable", "ann", "--json")).json["active"] is True
    assert (await _sign_in(gateway, password=MINE))[1]["role"] == "operator"
    assert (await summit("user", "reset", "ann")).code == 0
    assert (await _sign_in(gateway, password=MINE))[0] == 401
    assert (await _sign_in(gateway, password=WORDS))[1]["code"] == "password_change_required"
    (listed,) = (await summit("user", "list", "--json")).json["items"]
    assert (listed["name"], listed["must_change"]) == ("ann", True)


async def test_a_key_from_the_first_day_to_the_last(gateway: Gateway, summit: Summit) -> None:
    made = (await summit("key", "create", "feed", "--role", "operator", "--json")).json
    assert (await gateway.get("/v1/session", key=made["key"]))[0] == 200
    rotated = (await summit("key", "rotate", made["id"], "--json")).json
    assert (await gateway.get("/v1/session", key=made["key"]))[0] == 200  # both, for the overlap
    assert (await summit("key", "revoke", made["id"])).code == 0
    assert (await gateway.get("/v1/session", key=made["key"]))[0] == 401
    assert (await gateway.get("/v1/session", key=rotated["key"]))[0] == 200
    listed = (await summit("key", "list")).out
    states = {line.split()[0]: line.split()[3] for line in listed.splitlines()}
    assert (states[made["id"]], states[rotated["id"]]) == ("revoked", "holds")
    assert rotated["key"] not in listed
    assert made["id"] in {one["id"] for one in (await summit("key", "list", "--json")).json["items"]}


REFUSED = (
    (("user", "enable", "nobody"), 1, "summit user list"),
    (("user", "role", "nobody", "king"), 2, "'king' is not one of"),
    (("user", "reset"), 2, "NAME"),
    (("key", "revoke", "000000000000"), 1, "summit key list"),
    (("key", "revoke", "no-id"), 1, "summit key list"),
)


async def test_what_does_not_go_says_what_to_do(gateway: Gateway, summit: Summit) -> None:
    for arguments, code, says in REFUSED:
        done = await summit(*arguments)
        assert (done.code, done.out) == (code, ""), arguments
        assert says in done.err, (arguments, done.err)
    _, who = await gateway.get("/v1/session")
    refused = await summit("key", "revoke", who["id"])
    assert (refused.code, "last administrator" in refused.err) == (1, True)
