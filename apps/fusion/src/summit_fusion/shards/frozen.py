"""Everything as bytes and back, to the bit: MessagePack of plain values, arrays as their raw memory.

Nothing is executed when it is read; what is damaged or of another version is refused.
"""

import ast
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

MAGIC = b"SHRD\x01"
"""The last byte is the version of the format."""
DIGEST = 16


def freeze(content: Any) -> bytes:
    """Dictionaries, lists, tuples, dataclasses, arrays, numbers, texts, bytes and None."""
    body = msgspec.msgpack.encode(_plain(content))
    return MAGIC + blake2b(body, digest_size=DIGEST).digest() + body


def thaw(data: bytes) -> Any:
    """Dataclasses come back as dictionaries of their fields, tuples as lists."""
    start = len(MAGIC) + DIGEST
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("not the state of a shard, or one of another version")
    if blake2b(data[start:], digest_size=DIGEST).digest() != data[len(MAGIC) : start]:
        raise ValueError("the state of the shard is damaged")
    return _rich(msgspec.msgpack.decode(data[start:]))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        whole = np.ascontiguousarray(value)
        return {"": [repr(np.lib.format.dtype_to_descr(whole.dtype)), list(value.shape), whole.tobytes()]}
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _rich(value: Any) -> Any:
    if isinstance(value, list):
        return [_rich(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if "" in value:
        descr, shape, raw = value[""]
        dtype = np.lib.format.descr_to_dtype(ast.literal_eval(descr))
        return np.frombuffer(raw, dtype).reshape(shape).copy() if len(raw) else np.zeros(shape, dtype)
    return {key: _rich(entry) for key, entry in value.items()}
