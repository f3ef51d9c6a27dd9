"""The passwords and keys of one installation: random, made once, kept in the state folder (mode 0600)."""

from secrets import token_urlsafe

import click
import msgspec
from msgspec import Struct, field

from summit_cli.state import StateDir, write_private


def _random() -> str:
    return token_urlsafe(32)


class SigningKey(Struct, frozen=True, kw_only=True):
    """An Ed25519 account key of NATS: the seed signs, the public key is what the broker is told to trust."""

    seed: str
    public: str


def _signing_key() -> SigningKey:
    from summit_core.security.nkey import AccountKey  # only when one is made: the supervisor would keep its memory

    made = AccountKey.new()
    return SigningKey(seed=made.seed, public=made.public)


class Secrets(Struct, frozen=True, kw_only=True):
    """No secret ships with the project; each installation has its own."""

    postgres: str = field(default_factory=_random)
    nats_service: str = field(default_factory=_random)
    nats_system: str = field(default_factory=_random)
    nats_issuer: SigningKey = field(default_factory=_signing_key)
    audit: SigningKey = field(default_factory=_signing_key)
    mqtt_device: str = field(default_factory=_random)
    service_key: str = field(default_factory=_random)
    session: str = field(default_factory=_random)


def load(state: StateDir) -> Secrets:
    """The secrets of this folder, made at the first start."""
    if state.secrets.exists():
        content = state.secrets.read_bytes()
        try:
            kept = msgspec.json.decode(content, type=Secrets)
        except msgspec.DecodeError as error:
            raise click.ClickException(f"{state.secrets} is damaged ({error}); restore it from a backup") from None
        if msgspec.json.encode(kept) != content:  # an installation from before one of them was needed
            write_private(state.secrets, msgspec.json.encode(kept))
        return kept
    if (state.postgres / "data").exists():
        raise click.ClickException(
            f"{state.secrets} is gone but the database it opens is there; restore the file, or use a new --state-dir"
        )
    made = Secrets()
    write_private(state.secrets, msgspec.json.encode(made))
    return made
