"""Whether an answer is one that the OpenAPI document promises."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import jsonschema_rs

ELSEWHERE: Final = frozenset({307, 400, 401, 403, 404, 405, 414, 422, 431, 501})
"""What an address or a method may be answered that no route of the document has."""
SERVERS_OWN: Final = 414
"""Without a body: the HTTP server reads no address above 64 KB, whoever the service is."""
STREAM: Final = "text/event-stream"


class Answer(NamedTuple):
    """``target`` is the address as it was sent, without its query."""

    method: str
    target: str
    status: int
    media: str
    body: bytes


class Judge:
    """Of one document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, Any] = {}

    def faults(self, method: str, template: str, answer: Answer) -> Iterator[str]:
        """What is wrong with the answer to a request that was made for an operation."""
        if not _reached(method, template, answer):
            if answer.status not in ELSEWHERE:
                yield f"{answer.status} to what no route has"
            return
        if answer.status == SERVERS_OWN and not answer.body:
            return
        promised = self._document["paths"][template][method.lower()]["responses"]
        if answer.status >= 500 and answer.status != 503:
            yield f"our own fault: {answer.body[:300]!r}"
        elif str(answer.status) not in promised:
            yield f"undocumented status: {answer.body[:300]!r}"
        else:
            yield from self._contents(self._resolved(promised[str(answer.status)]).get("content"), answer)

    def _contents(self, promised: dict[str, Any] | None, answer: Answer) -> Iterator[str]:
        if promised is None:
            if answer.body:
                yield f"a body where none is documented: {answer.body[:100]!r}"
            return
        media = answer.media.partition(";")[0].strip().lower()
        if media not in promised:
            yield f"undocumented media type {media!r}, instead of {' or '.join(promised)}"
        elif "json" in media and "ndjson" not in media and "schema" in promised[media]:
            try:
                body = json.loads(answer.body)
            except ValueError as error:
                yield f"not JSON: {error}"
                return
            for error in self._validator(promised[media]["schema"]).iter_errors(body):
                place = "/".join(map(str, error.instance_path))
                yield f"the body does not fit its schema at {re.sub('[0-9]+', 'N', place)!r}: {error.message[:200]}"
                return

    def _validator(self, schema: dict[str, Any]) -> Any:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = schema | {"components": self._document.get("components", {})}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole)
        return self._validators[key]

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        target: Any = self._document
        if "$ref" not in node:
            return node
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return dict(target)


def _reached(method: str, template: str, answer: Answer) -> bool:
    """Whether the request had the method and the form of the operation's address."""
    pattern = re.sub(r"\\{[^/]+?\\}", "[^/]+", re.escape(template))
    encoded_slash = "%2F" in answer.target.upper()
    return answer.method == method.upper() and not encoded_slash and re.fullmatch(pattern, answer.target) is not None
