"""Where the files of an authority lie: for who makes them, and for who only uses them and needs no cryptography."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folder:
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def certificate(self, name: str) -> Path:
        """Of a service or a device, with its chain."""
        return self.folder / "issued" / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / "issued" / f"{name}.key"
