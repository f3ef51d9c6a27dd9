"""Ids that exist, so that not every call ends at a 404 before it reaches anything."""

import json
import re
from random import Random
from typing import Any, Final

LISTED: Final = (
    *("entities", "tracks", "assets", "incidents", "alerts", "advisories", "tasks", "approvals", "zones", "presences"),
    *("overrides", "registrations", "observations", "dead-letters", "sources", "bundles"),
)
"""Keys and users are not: what the run itself did not make, it must not take away."""
_collection: Final = re.compile(r"^/v1/(?:history/)?(?P<name>[a-z-]+)")


class Pool:
    """What the services have told of, by collection."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ids: dict[str, list[str]] = {}

    def learn(self, path: str, body: bytes) -> None:
        """The ids in an answer to this path."""
        try:
            told: Any = json.loads(body)
        except ValueError:
            return
        items = told.get("items", [told]) if isinstance(told, dict) else []
        found = _collection.match(path)
        for item in items if isinstance(items, list) and found is not None else []:
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                self._ids.setdefault(found["name"], []).append(item["id"])

    def fit(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The path parameters, every other time with an id that exists."""
        found = _collection.match(path)
        ids = self._ids.get(found["name"], []) if found is not None else []
        if not ids or self._random.random() < 0.5:
            return parameters
        return parameters | {name: self._random.choice(ids) for name in parameters if name in {"id", "key"}}
