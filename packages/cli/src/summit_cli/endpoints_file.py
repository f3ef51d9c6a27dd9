"""``endpoints.json``: where a running installation is reached (docs/reference/interfaces.md)."""

from pathlib import Path
from ssl import SSLContext

import click
import msgspec
from msgspec import Struct
from summit_core.security.context import TlsFiles

from summit_cli.state import write_private


class Mqtt(Struct, frozen=True, kw_only=True):
    """The listener for devices; the user that they share, where there is one."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: TlsFiles | None = None


class Endpoints(Struct, frozen=True, kw_only=True):
    """``mqtt`` is absent only with an external NATS whose listener was not named by ``SUMMIT_MQTT_URL``."""

    gateway: str
    nats: str
    postgres: str
    services: dict[str, str]
    admin_key_file: str
    pid: int
    mqtt: Mqtt | None = None
    tls: TlsFiles | None = None
    """What the command line shows and believes, where the services speak TLS."""


def write(path: Path, endpoints: Endpoints) -> None:
    """Atomically, mode 0600: it holds the passwords of NATS, MQTT and PostgreSQL."""
    write_private(path, msgspec.json.format(msgspec.json.encode(endpoints), indent=1) + b"\n")


def read(path: Path) -> Endpoints:
    """The endpoints, with the certificates that the command line names; or a message that says how to start."""
    context = click.get_current_context(silent=True)
    given = None if context is None else context.find_object(TlsFiles)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Endpoints)
        return found if given is None else msgspec.structs.replace(found, tls=given)
    except FileNotFoundError:
        raise click.ClickException(f"{path} does not exist: nothing runs there; start it with `summit up`") from None
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{path} is damaged ({error}); stop and start with `summit up`") from None


def encryption(endpoints: Endpoints) -> SSLContext | bool:
    """As aiohttp takes it: True is what the machine believes."""
    try:
        return True if endpoints.tls is None else endpoints.tls.context()
    except OSError as error:
        raise click.ClickException(f"cannot read the certificates that endpoints.json names: {error}") from None


def admin_key(endpoints: Endpoints) -> str:
    """The first administrator's key."""
    path = Path(endpoints.admin_key_file)
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise click.ClickException(f"cannot read the administrator's key: {error}") from None
