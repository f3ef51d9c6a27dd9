"""Where a running Summit OS listens: the file that ``summit up`` writes (``.summit/endpoints.json``)."""

from pathlib import Path
from typing import Self

from msgspec import Struct
from msgspec.structs import replace
from summit_core.errors import InputError
from summit_core.security.context import TlsFiles
from summit_core.wire import decode


class MqttEndpoint(Struct, frozen=True, kw_only=True):
    """The MQTT 3.1.1 broker and the credential of devices."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: TlsFiles | None = None
    """Where the broker speaks TLS: its authority, and the certificate of the device."""

    def __repr__(self) -> str:
        return f"MqttEndpoint({self.host}:{self.port})"  # a log line must not show the password


class Endpoints(Struct, frozen=True, kw_only=True):
    """The parts of the file that an integrator needs."""

    gateway: str
    mqtt: MqttEndpoint | None = None
    admin_key_file: str | None = None
    tls: TlsFiles | None = None

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Raises :class:`InputError` where there is no such file or it is not what ``summit up`` writes."""
        file = Path(path)
        if not file.is_file():
            raise InputError(f"{file}: no such file; start Summit OS with `summit up`, or name the right file")
        endpoints = decode(file.read_bytes(), cls)
        if endpoints.admin_key_file is None:
            return endpoints
        return replace(endpoints, admin_key_file=str(_beside(file, Path(endpoints.admin_key_file))))

    def broker(self) -> MqttEndpoint:
        """Raises :class:`InputError` where an external broker's MQTT address was not named to ``summit up``."""
        if self.mqtt is None:
            raise InputError("no MQTT address here; start `summit up` with SUMMIT_MQTT_URL", field="mqtt")
        return self.mqtt

    def admin_key(self) -> str:
        """The first administrator's key. Raises :class:`InputError` where this machine does not hold it."""
        if self.admin_key_file is None or not Path(self.admin_key_file).is_file():
            raise InputError("no administrator's key here; pass key= with an API key", field="admin_key_file")
        return Path(self.admin_key_file).read_text().strip()


def _beside(endpoints_file: Path, key_file: Path) -> Path:
    """The key lies beside the endpoints file, wherever the caller's working directory is."""
    sibling = endpoints_file.absolute().parent / key_file.name
    return key_file if key_file.is_absolute() or not sibling.is_file() else sibling
