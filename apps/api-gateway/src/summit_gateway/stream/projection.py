"""Projection: bodies with some of their fields only. Works on undecoded members, so what is left out costs nothing."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw
from summit_core.errors import InputError
from summit_core.model import WORLD_TYPES

from summit_gateway.stream.version import decode_members

Fields = tuple[str, ...]
Tree = dict[str, "Tree | None"]
"""Wanted members; None is the whole of it."""
PATH: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}(\.[A-Za-z0-9_\-]{1,64}){0,5}")
MAX_FIELDS: Final = 100
ALWAYS: Final = ("kinematics", "location")
"""What binary positions replace in a body, so the body has to have it."""
NAMES: Final = frozenset(field.encode_name for type_ in WORLD_TYPES.values() for field in msgspec.structs.fields(type_))


def fields_of(text: str, *, binary: bool) -> Fields:
    """``id,kind,location.lat`` as paths. Raises :class:`InputError`."""
    paths = {path.strip() for path in text.split(",")}
    for path in paths:
        if not PATH.fullmatch(path) or path.partition(".")[0] not in NAMES:
            raise InputError(f"fields: no object has {path!r}; send names such as id,kind,location.lat", field="fields")
    if len(paths) > MAX_FIELDS:
        raise InputError(f"fields: at most {MAX_FIELDS} may be named", field="fields")
    return tuple(sorted(paths | set(ALWAYS) if binary else paths))


def tree_of(fields: Fields) -> Tree:
    tree: Tree = {}
    for path in sorted(fields):  # what is wanted whole comes before its parts
        *above, name = path.split(".")
        here: Tree | None = tree
        for step in above:
            here = here.setdefault(step, {}) if here is not None else None
        if here is not None:
            here[name] = None
    return tree


def project(members: Mapping[str, Raw], tree: Tree) -> dict[str, Any]:
    """Those members that are wanted and there."""
    projected: dict[str, Any] = {}
    for name, below in tree.items():
        value = members.get(name)
        if value is None:
            continue
        if below is None:
            projected[name] = value
        elif memoryview(value)[0] == ord("{"):
            projected[name] = project(decode_members(value), below)
    return projected
