"""Reads of the picture, calls passed on, the console's files, the OpenAPI page."""

import json
from typing import Any

import jsonschema
from gateway_harness import INLINE, SERVICE_KEY, Gateway, Upstream, World, free_port
from summit_core.http.keyset import cursor_behind
from summit_gateway.access import ACCESS
from summit_gateway.console.csp import inline_scripts, policy
from waiting import eventually


async def test_lists_and_objects(gateway: Gateway, world: World) -> None:
    versions = {key: await world.put(key, kind="track" if key == "t" else "asset") for key in ("b", "a", "t")}

    async def is_there() -> bool:
        return bool((await gateway.get("/v1/entities"))[1]["seq"] == versions["t"])

    await eventually(is_there)
    _, listed = await gateway.get("/v1/entities")
    assert [item["id"] for item in listed["items"]] == ["a", "b", "t"]
    assert (listed["next"], listed["seq"]) == (None, versions["t"])
    _, first = await gateway.get("/v1/entities?limit=2")
    assert ([item["id"] for item in first["items"]], first["next"]) == (["a", "b"], cursor_behind("entities", "b"))
    _, second = await gateway.get(f"/v1/entities?limit=2&cursor={first['next']}")
    assert ([item["id"] for item in second["items"]], second["next"]) == (["t"], None)
    for query in ("/v1/tracks", "/v1/entities?kind=track", "/v1/entities?kind=track&owner=test&freshness=live"):
        assert [item["id"] for item in (await gateway.get(query))[1]["items"]] == ["t"]
    assert (await gateway.get("/v1/entities?class=fire"))[1]["items"] == []
    assert (await gateway.get("/v1/alerts?state=open"))[1]["items"] == []
    for path in ("entities?cursor=b", "alerts?cursor=" + first["next"], "entities?cursor="):
        status, problem = await gateway.get(f"/v1/{path}")
        assert (status, problem["field"]) == (422, "cursor"), path
    for wrong in ("limit=0", "limit=1001", "kind=ghost"):
        assert (await gateway.get(f"/v1/entities?{wrong}"))[0] == 422
    assert (await gateway.get("/v1/advisories?state=open"))[0] == 422

    async with gateway.http.get(gateway.url + "/v1/entities/a", headers=gateway.headers()) as response:
        tag = response.headers["ETag"]
        assert (tag, (await response.json())["id"]) == (f'"{versions["a"]}"', "a")
    headers = gateway.headers() | {"If-None-Match": tag}
    async with gateway.http.get(gateway.url + "/v1/entities/a", headers=headers) as response:
        assert (response.status, await response.read()) == (304, b"")
    assert (await gateway.get("/v1/entities/ghost"))[0] == 404
    assert (await gateway.get("/v1/tracks/a"))[0] == 404

    status, collection = await gateway.get("/v1/tracks", Accept="application/geo+json")
    (feature,) = collection["features"]
    assert (status, collection["type"], feature["id"]) == (200, "FeatureCollection", "t")
    assert feature["geometry"] == {"type": "Point", "coordinates": [-84.2, 36.5]}


async def test_calls_are_passed_on(gateway: Gateway, upstream: Upstream) -> None:
    key = await gateway.key("commander", name="Zoë")
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert await gateway.get("/v1/observations?source=cam-1&limit=5", key=key, traceparent=trace) == (200, {"ok": True})
    (asked,) = upstream.asked
    assert (asked["method"], asked["target"]) == ("GET", "/v1/observations?source=cam-1&limit=5")
    assert asked["headers"]["authorization"] == f"Bearer {SERVICE_KEY}"
    assert asked["headers"]["traceparent"].split("-")[1] == "a" * 32, "the trace goes on"
    assert asked["headers"]["traceparent"] != trace, "under a span of the gateway"
    assert 0 < int(asked["headers"]["x-summit-deadline-ms"]) < 5000, "less than the caller has"
    principal = json.loads(asked["headers"]["x-summit-principal"])
    assert (principal["name"], principal["role"], principal["id"]) == ("Zoë", "commander", key.split("_")[1])

    upstream.status, upstream.body = 409, {"code": "plan_changed", "detail": "another plan"}
    status, problem = await gateway.post("/v1/tasks/t-1/approve", {"plan_hash": "x"}, key=key)
    assert (status, problem) == (409, {"code": "plan_changed", "detail": "another plan"})
    assert json.loads(upstream.asked[-1]["body"]) == {"plan_hash": "x"}

    upstream.status = 401  # our own key was refused: that is not the caller's fault
    assert (await gateway.get("/v1/sources", key=key))[0] == 503
    before = len(upstream.asked)
    assert (await gateway.post("/v1/alerts/a-1/ack", b"x" * 70_000, key=key))[0] == 413
    assert (await gateway.get("/v1/lineage/..%2f..%2fkeys", key=key))[0] in {404, 422}
    assert len(upstream.asked) == before


async def test_dead_letters_are_handled_by_fabric(gateway: Gateway, upstream: Upstream) -> None:
    letters = "/v1/dead-letters"
    assert (await gateway.get(f"{letters}?code=too_large&door=mqtt&since=2026-01-01T00:00:00Z"))[0] == 200
    assert (await gateway.get(f"{letters}/l-1"))[0] == 200
    upstream.status, upstream.body = 202, {"id": "l-1", "subject": "observations.report", "seq": 3}
    assert await gateway.post(f"{letters}/l-1/replay") == (202, upstream.body)
    upstream.status, upstream.body = 409, {"code": "conflict", "detail": "only the beginning was kept"}
    assert await gateway.post(f"{letters}/l-1/replay") == (409, upstream.body)
    upstream.status = 204
    async with gateway.http.delete(f"{gateway.url}{letters}/l-1", headers=gateway.headers()) as response:
        assert (response.status, await response.read()) == (204, b"")
    assert [(asked["method"], asked["target"].removeprefix(letters)) for asked in upstream.asked] == [
        ("GET", "?code=too_large&door=mqtt&since=2026-01-01T00:00:00Z"),
        ("GET", "/l-1"),
        ("POST", "/l-1/replay"),
        ("POST", "/l-1/replay"),
        ("DELETE", "/l-1"),
    ]


async def test_a_service_that_is_away(gateway: Gateway) -> None:
    for behind in gateway.app.state.services.upstreams.services.values():
        behind.url = f"http://127.0.0.1:{free_port()}"
    async with gateway.http.get(gateway.url + "/v1/sources", headers=gateway.headers()) as response:
        text = await response.text()
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
        assert "127.0.0.1" not in text
    assert (await gateway.get("/v1/entities"))[0] == 200


async def test_the_console(gateway: Gateway) -> None:
    async with gateway.http.get(gateway.url + "/") as response:
        assert (response.status, "console" in await response.text()) == (200, True)
        assert response.headers["Content-Security-Policy"] == policy([INLINE])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-cache"
    async with gateway.http.get(gateway.url + "/_next/static/app.js") as response:
        assert "immutable" in response.headers["Cache-Control"]
        assert "javascript" in response.headers["Content-Type"]
    for path in ("/nothing", "/_next/static/nothing.js", "/../settings.py"):
        async with gateway.http.get(gateway.url + path) as response:
            assert (response.status, "nothing here" in await response.text()) == (404, True)
            assert "immutable" not in response.headers["Cache-Control"]
    assert (await gateway.get("/v1/nothing"))[1]["code"] == "not_found"
    async with gateway.http.delete(gateway.url + "/v1/keys", headers=gateway.headers()) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, POST")
    _, config = await gateway.get("/console-config.json")
    assert config.keys() == {"mapStyleUrl", "attribution", "center", "zoom", "passkeys"}


def test_every_inline_script_is_allowed_and_no_other() -> None:
    html = (
        '<script src="a.js"></script><SCRIPT id="x">one\n</SCRIPT><script>two</script><script async="" src=b></script>'
    )
    assert inline_scripts(html) == ["one\n", "two"]
    assert "'unsafe-inline'" not in policy(["one"]).split("style-src")[0]
    assert policy(["one"]) != policy(["two"])


def _references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(_references, node.values()))
    return set().union(*map(_references, node)) if isinstance(node, list) else set()


async def test_the_openapi_page(gateway: Gateway) -> None:
    _, page = await gateway.get("/openapi.json")
    schemas = page["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {"Task", "Alert", "Outcome", "Problem", "Lineage", "Position"} <= set(schemas)
    known = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in page["components"][kind]}
    assert _references(page) <= known
    for method, path in ACCESS:
        if path.startswith("/v1") and method != "WEBSOCKET":
            operation = page["paths"][path][method.lower()]
            assert operation["summary"]
            assert {"401", "403", "429", "503"} <= set(operation["responses"]), "each problem by its status"
            assert "default" not in operation["responses"], "which would allow any"
            bodiless = method != "POST" or path.endswith(("/replay", "/bundles"))
            assert bodiless or operation["requestBody"]["content"]["application/json"]["schema"]
