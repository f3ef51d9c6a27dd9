"""Calls generated from an OpenAPI document, sent to the running service, and what is wrong with the answers.

The cases are schemathesis': those of its coverage phase (boundaries, wrong types, missing and doubled parameters, other
methods and media types) and what its strategies draw, data that fits the document and data that does not.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from judge import STREAM, Answer, Judge
from pool import Pool
from schemathesis.generation import GenerationMode

TIMEOUT_S: Final = 30.0
_REQUEST_ID: Final = re.compile(r'"request_id":"[^"]*"?')
NASTY: Final[tuple[Any, ...]] = (
    *("\0", "a\0b", "", " ", "\u202e", "\U0001f525" * 40, "x" * 5_000, "../../etc", "%00", "null", "NaN", "1e999"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"),
    *(2**31, 2**63, -(2**63) - 1, 10**40, -1, 1e308, "nan,nan,nan,nan", ["1", "2"], ["", "\0"]),
)
"""What the document allows in many places, and databases, clocks and parsers do not."""
NASTY_SHARE: Final = 0.2
ROTA: Final = ("administrator", "administrator", "administrator", "viewer", "administrator", "anonymous")


@schemathesis.serializer("application/zip")
def _zip(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


class Service(NamedTuple):
    """``callers``: the headers by which each is known."""

    name: str
    url: str
    document: dict[str, Any]
    callers: dict[str, dict[str, str]]


class Fault(NamedTuple):
    service: str
    operation: str
    status: int
    what: str


class Prober:
    """Sends and judges; the same seed draws the same cases."""

    def __init__(self, services: list[Service], seed: int) -> None:
        self._random, self._seed = Random(seed), seed
        self.pool = Pool(self._random)
        self._session = requests.Session()
        self.sent: Counter[str] = Counter()
        self.statuses: dict[str, Counter[int]] = {service.name: Counter() for service in services}
        self.callers: Counter[str] = Counter()
        self.faults: dict[Fault, tuple[int, str]] = {}
        """How often, and one request that shows it."""
        self._judges = {service.name: Judge(service.document) for service in services}
        self._operations = [(service, one) for service in services for one in operations_of(service)]

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    def run(self, total: int, least: int = 6) -> None:
        """At least ``total`` requests; of few, ``least`` to each of some operations."""
        chosen = self._operations
        if total < least * len(chosen):
            chosen = self._random.sample(chosen, max(1, total // least))
        self._explore(chosen, total, coverage=True)
        while self.total < total:  # some operations have few different cases
            self._seed += 1
            before = self.total
            self._explore(chosen, total - before, coverage=False)
            assert self.total > before, "no operation has any case left"

    def _explore(self, chosen: list[tuple[Service, Any]], total: int, *, coverage: bool) -> None:
        each = -(-total // len(chosen))
        for service, operation in chosen:
            left = each
            if coverage:
                cases = list(_coverage(operation))
                self._random.shuffle(cases)
                for case in cases[: -(-each // 2)]:
                    left -= self.send(service, case)
            for mode, count in ((GenerationMode.POSITIVE, -(-left // 2)), (GenerationMode.NEGATIVE, left // 2)):
                self._draw(service, operation, mode, count)

    def _draw(self, service: Service, operation: Any, mode: GenerationMode, count: int) -> None:
        if count <= 0 or (mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation)):
            return

        @seeded(self._seed)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            self.send(service, case)

        send()

    def send(self, service: Service, case: Any) -> int:
        """One request; returns 1."""
        caller = ROTA[self.total % len(ROTA)]
        if case.path_parameters:
            case.path_parameters = self.pool.fit(case.operation.path, dict(case.path_parameters))
        headers = dict(service.callers[caller])
        if "If-Match" in (case.headers or {}) and self._random.random() < 0.7:
            headers["If-Match"] = "*"
        request = case.as_transport_kwargs(base_url=service.url, headers=headers)
        if self._random.random() < NASTY_SHARE:
            self._poison(case, request)
        self.sent[service.name] += 1
        self.callers[caller] += 1
        began = time.monotonic()
        try:
            response = self._session.request(**request, stream=True, allow_redirects=False, timeout=TIMEOUT_S)
            _read(response)
        except requests.RequestException as error:
            self._note(service, case, 0, f"no answer: {type(error).__name__} {error}"[:200], request)
            return 1
        self.statuses[service.name][response.status_code] += 1
        if response.ok and case.method.upper() == "POST":
            self.pool.learn(case.operation.path, response.content)
        media, sent = response.headers.get("content-type", ""), response.request
        answer = Answer(str(sent.method), urlsplit(str(sent.url)).path, response.status_code, media, response.content)
        for what in self._judges[service.name].faults(case.operation.method, case.operation.path, answer):
            self._note(
                service, case, response.status_code, _REQUEST_ID.sub("", what), request, time.monotonic() - began
            )
        return 1

    def _poison(self, case: Any, request: dict[str, Any]) -> None:
        """One of what the document allows and databases, clocks and parsers do not."""
        names = [one.name for one in case.operation.query]
        if isinstance(request.get("json"), dict):
            name = self._random.choice(list(request["json"]) or ["unknown"])
            request["json"] = request["json"] | {name: self._random.choice(NASTY)}
        elif names and isinstance(request.get("params"), dict | None):
            name, value = self._random.choice(names), self._random.choice(NASTY)
            request["params"] = (request.get("params") or {}) | {name: value}

    def _note(
        self, service: Service, case: Any, status: int, what: str, request: dict[str, Any], seconds: float = 0.0
    ) -> None:
        fault = Fault(service.name, f"{case.method} {case.operation.path}", status, what)
        shown = {name: request.get(name) for name in ("method", "url", "params", "json", "data") if request.get(name)}
        names = {name: value for name, value in request.get("headers", {}).items() if name != "Authorization"}
        times, example = self.faults.get(fault, (0, f"{shown!r} headers={names!r} ({seconds:.2f} s)"[:900]))
        self.faults[fault] = (times + 1, example)

    def report(self) -> Iterator[str]:
        """A line for each service, and one for each fault."""
        yield f"{self.total} requests by {dict(self.callers)}"
        for name, counted in self.statuses.items():
            yield f"  {name}: {self.sent[name]} requests, {dict(sorted(counted.items()))}"
        for fault, (times, example) in sorted(self.faults.items()):
            yield f"FAULT {fault.service} {fault.operation} -> {fault.status}, {times} times: {fault.what}"
            yield f"    {example}"


def operations_of(service: Service) -> list[Any]:
    """The operations of the document; credentials are given by us, not drawn."""
    document = {name: part for name, part in service.document.items() if name != "security"}
    schema = schemathesis.openapi.from_dict(document)
    return [found.ok() for found in schema.get_all_operations()]


def _read(response: requests.Response) -> None:
    """The body; of a stream, which never ends, nothing."""
    if response.headers.get("content-type", "").startswith(STREAM):
        response._content = b""
        response.close()
    else:
        response.content  # noqa: B018 (reads it)


def _coverage(operation: Any) -> Iterator[Any]:
    generation = operation.schema.config.generation_for(operation=operation)
    yield from operation.schema.iter_coverage_cases(
        operation, generation_modes=list(GenerationMode), generation_config=generation
    )


def _can_be_wrong(operation: Any) -> bool:
    return bool(operation.path_parameters or operation.query or operation.headers or operation.body)
