"""Who owns a track that went from shard to shard, in a key-value bucket of JetStream: its revisions are the
compare-and-swap. Claims are won here first; a shard then finds its own in ``claim`` when it accepts the hand-over."""

import asyncio
from typing import Final

import msgspec
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyDeletedError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from summit_core.bus import Bus

BUCKET: Final = "FUSION_OWNERS"
KEPT_S: Final = 30 * 24 * 3600.0
"""A track that was not handed over for so long is claimed like one that never was."""
MOST_BYTES: Final = 256 * 1024 * 1024


class Held(msgspec.Struct, frozen=True):
    """What stands in the bucket under the id of a track."""

    epoch: int
    owner: str


class KvOwnership:
    """An `Ownership` for a shard: answers from memory, which ``win`` and ``follow`` keep like the bucket."""

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket
        self._table: dict[str, tuple[int, str]] = {}
        self.following = asyncio.Event()
        """Set when all that stands in the bucket has been read."""

    @classmethod
    async def open(cls, bus: Bus) -> "KvOwnership":
        """The bucket is made if there is none. Raises what nats-py raises while the broker is away."""
        config = KeyValueConfig(
            bucket=BUCKET, history=1, ttl=KEPT_S, max_bytes=MOST_BYTES, storage=StorageType.FILE, direct=True
        )
        return cls(await bus.jetstream.create_key_value(config))

    async def win(self, track_id: str, epoch: int, owner: str) -> bool:
        """Claim a track at ``epoch``. Of all claimants in all processes one wins; one that repeats its claim because
        the answer was lost has won it still."""
        value = msgspec.json.encode(Held(epoch + 1, owner))
        try:
            entry = await self._bucket.get(track_id)
            held = msgspec.json.decode(entry.value or b"", type=Held)
            if held.epoch == epoch:
                await self._bucket.update(track_id, value, last=entry.revision)
                held = Held(epoch + 1, owner)
        except (KeyNotFoundError, KeyDeletedError):
            held = await self._create(track_id, value)
        except KeyWrongLastSequenceError:
            held = await self._read(track_id)
        self._table[track_id] = (held.epoch, held.owner)
        return held == Held(epoch + 1, owner)

    async def follow(self) -> None:
        """Learn what others claim, for as long as it runs."""
        watcher = await self._bucket.watchall()
        async for entry in watcher:
            if entry is None:  # how nats-py says that what follows is news
                self.following.set()
            elif entry.value:
                held = msgspec.json.decode(entry.value, type=Held)
                if held.epoch >= self._table.get(entry.key, (0, ""))[0]:
                    self._table[entry.key] = (held.epoch, held.owner)

    def claim(self, track_id: str, epoch: int, owner: str) -> bool:
        """Whether ``win`` has won it."""
        return self._table.get(track_id) == (epoch + 1, owner)

    def owner(self, track_id: str) -> tuple[int, str] | None:
        return self._table.get(track_id)

    async def _create(self, track_id: str, value: bytes) -> Held:
        try:
            await self._bucket.create(track_id, value)
        except KeyWrongLastSequenceError:
            return await self._read(track_id)
        return msgspec.json.decode(value, type=Held)

    async def _read(self, track_id: str) -> Held:
        entry = await self._bucket.get(track_id)
        return msgspec.json.decode(entry.value or b"", type=Held)
