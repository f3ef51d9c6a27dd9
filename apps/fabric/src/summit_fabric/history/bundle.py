"""Bundle: one incident with all that belongs to it, as a zip of NDJSON parts and a manifest with their hashes. Pure,
but for the file that it is given."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import IO, Annotated, Final, Literal, TypeVar
from zipfile import ZipFile

import msgspec
from msgspec import Meta, Raw, Struct
from summit_core.errors import InputError
from summit_core.model import WORLD_TYPES, AnyObservation, WorldObject
from summit_core.model.common import Key, Timestamp

from summit_fabric.history.version import Version, from_line

MANIFEST: Final = "manifest.json"
OBSERVATIONS: Final = "observations"
SOURCES: Final = "sources"
AROUND: Final = ("zones", "presences", "registrations")
"""Not in bundles of the first schema."""
VERSIONED: Final = ("incidents", "alerts", "advisories", "tasks", "approvals", *AROUND, "overrides", "entities")
PARTS: Final = (*VERSIONED, OBSERVATIONS, SOURCES)
PARTS_OF: Final = {"summit.bundle/1": tuple(name for name in PARTS if name not in AROUND), "summit.bundle/2": PARTS}
BYTES_AT_MOST: Final = 2 * 1024**3
"""Of a part, unpacked: a small file must not become a full disk."""
LINE_AT_MOST: Final = 1024 * 1024
MANIFEST_AT_MOST: Final = 64 * 1024
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The same content is the same file, whenever it was packed."""


T = TypeVar("T")


class Part(Struct, frozen=True, kw_only=True):
    name: Literal[PARTS]  # type: ignore[valid-type]  # the names above
    count: Annotated[int, Meta(ge=0)]
    bytes: Annotated[int, Meta(ge=0, le=BYTES_AT_MOST)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(Struct, frozen=True, kw_only=True):
    """``id`` is the hash of all else, so a bundle is known by its content."""

    incident: Key
    title: str
    since: Timestamp
    until: Timestamp
    parts: tuple[Part, ...]
    schema: Literal["summit.bundle/1", "summit.bundle/2"] = "summit.bundle/2"
    id: str = ""

    def identified(self) -> "Manifest":
        bare = msgspec.structs.replace(self, id="")
        digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
        return msgspec.structs.replace(self, id=f"b-{digest[:32]}")


class Account(Struct, frozen=True, kw_only=True):
    """A source's account as it was when the bundle was made."""

    id: Key
    account: Raw


_observation = msgspec.json.Decoder(AnyObservation).decode
_account = msgspec.json.Decoder(Account).decode


@cache
def _model(type_: type[WorldObject]) -> Callable[[bytes], WorldObject]:
    return msgspec.json.Decoder(type_).decode


class Packer:
    """Writes one bundle; the parts one after another, the manifest last."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self._parts: list[Part] = []

    @contextmanager
    def part(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Takes the lines of one part."""
        digest, count, size = hashlib.sha256(), 0, 0

        def add(line: bytes) -> None:
            nonlocal count, size
            data = line + b"\n"
            file.write(data)
            digest.update(data)
            count, size = count + 1, size + len(data)

        with self._zip.open(_info(f"{name}.ndjson"), "w", force_zip64=True) as file:
            yield add
        self._parts.append(Part(name=name, count=count, bytes=size, sha256=digest.hexdigest()))

    def close(self, incident: str, title: str, since: datetime, until: datetime) -> Manifest:
        bare = Manifest(incident=incident, title=title, since=since, until=until, parts=tuple(self._parts))
        manifest = bare.identified()
        self._zip.writestr(_info(MANIFEST), msgspec.json.format(msgspec.json.encode(manifest)))
        self._zip.close()
        return manifest


class Opened:
    """A bundle as somebody sent it. Nothing of it is believed before :meth:`verify` has ended well."""

    def __init__(self, file: IO[bytes]) -> None:
        """Raises :class:`InputError`."""
        try:
            self._zip = ZipFile(file)
            with self._zip.open(MANIFEST) as part:
                data = part.read(MANIFEST_AT_MOST + 1)
        except (
            zipfile.BadZipFile,
            KeyError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            OSError,
            ValueError,
        ) as error:
            raise InputError(f"{MANIFEST}: cannot be read, this is no bundle ({error})", field=MANIFEST) from None
        try:
            self.manifest = msgspec.json.decode(data, type=Manifest)
        except msgspec.DecodeError as error:
            raise InputError(f"{MANIFEST}: {error}", field=MANIFEST) from None
        if self.manifest.identified().id != self.manifest.id:
            raise InputError(f"{MANIFEST}: was changed, its id is not that of its content", field=MANIFEST)
        wanted = PARTS_OF[self.manifest.schema]
        if sorted(part.name for part in self.manifest.parts) != sorted(wanted):
            raise InputError(f"{MANIFEST}: names other parts than {', '.join(wanted)}", field=MANIFEST)

    def verify(self) -> None:
        """Raises :class:`InputError` that names the part that is not what the manifest says."""
        for part in self.manifest.parts:
            digest, count, size = hashlib.sha256(), 0, 0
            for line in self.lines(part):
                digest.update(line)
                count, size = count + 1, size + len(line)
            if (count, size, digest.hexdigest()) != (part.count, part.bytes, part.sha256):
                raise damaged(part.name, "its content is not that which the manifest tells of")

    def lines(self, part: Part | None) -> Iterator[bytes]:
        """The lines of a part, with their ends; none of one that bundles of its schema do not have."""
        if part is None:
            return
        read = 0
        try:
            with self._zip.open(f"{part.name}.ndjson") as file:
                while line := file.readline(LINE_AT_MOST):
                    read += len(line)
                    if read > part.bytes or (len(line) >= LINE_AT_MOST and not line.endswith(b"\n")):
                        raise damaged(part.name, "it is longer than the manifest says")
                    yield line
        except KeyError:
            raise damaged(part.name, "it is missing") from None
        except (zipfile.BadZipFile, zipfile.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise damaged(part.name, f"it cannot be unpacked ({error})") from None

    def part(self, name: str) -> Part | None:
        return next((part for part in self.manifest.parts if part.name == name), None)

    def versions(self, name: str) -> Iterator[Version]:
        """The versions of one type, each checked against the model."""
        for number, line in enumerate(self.lines(self.part(name)), start=1):
            version = _read(name, number, line, from_line)
            if version.type != name:
                raise damaged(name, f"line {number} is of type {version.type}")
            if version.body is not None:
                _read(name, number, bytes(version.body), _model(WORLD_TYPES[version.type]))
            yield version

    def observations(self) -> Iterator[tuple[AnyObservation, bytes]]:
        for number, line in enumerate(self.lines(self.part(OBSERVATIONS)), start=1):
            observation = _read(OBSERVATIONS, number, line, _observation)
            if observation.id is None:
                raise damaged(OBSERVATIONS, f"line {number} has no id")
            yield observation, line.rstrip(b"\n")

    def accounts(self) -> Iterator[Account]:
        for number, line in enumerate(self.lines(self.part(SOURCES)), start=1):
            yield _read(SOURCES, number, line, _account)


def damaged(part: str, why: str) -> InputError:
    return InputError(f"{part}: {why}; nothing was imported", field=part)


def _read(part: str, number: int, line: bytes, decode: Callable[[bytes], T]) -> T:
    try:
        return decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise damaged(part, f"line {number}: {error}") from None


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
