"""NDJSON: an item a line, whole."""

import msgspec

from summit_fabric.history.formats.format import Format
from summit_fabric.history.item import Item


class NdJson(Format):
    media = "application/x-ndjson"

    def item(self, item: Item) -> bytes:
        line = {"type": item.type, "key": item.key, "seq": item.seq, "at": item.at, "stored_at": item.stored_at}
        known = {name: value for name, value in line.items() if value is not None}
        return msgspec.json.encode({**known, "body": item.body}) + b"\n"
