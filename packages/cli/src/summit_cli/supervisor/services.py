"""The five services and the scenario as programs, each with its own environment."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from summit_cli.embedded.secrets import Secrets
from summit_cli.embedded.tls import Tls
from summit_cli.supervisor.program import Program, Stage

GATEWAY: Final = "api-gateway"
MODULES: Final = {
    "fabric": "summit_fabric",
    "fusion": "summit_fusion",
    "intelligence": "summit_intelligence",
    "tasking": "summit_tasking",
    GATEWAY: "summit_gateway",
}
NEEDS_DATABASE: Final = {"fabric", GATEWAY}

_OURS: Final = {
    "SUMMIT_NATS_URL",
    "SUMMIT_MQTT_URL",
    "SUMMIT_DATABASE_URL",
    "SUMMIT_SERVICE_KEY",
    "SUMMIT_SESSION_SECRET",
    "SUMMIT_HOST",
    "SUMMIT_PORT",
    "SUMMIT_ADMIN_KEY",
    "SUMMIT_CONSOLE_DIR",
    "SUMMIT_NATS_ISSUER_SEED",
    "SUMMIT_NATS_SYSTEM_URL",
    "SUMMIT_AUDIT_SEED",
    "SUMMIT_NATS_LOG",  # _FILE
    "SUMMIT_CHECKPOINT_DIR",
}

# One thread for linear algebra on 4 x 4 matrices, few allocator arenas: together 100 MB less over five processes.
_LEAN: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where everything listens and what opens it."""

    host: str
    ports: dict[str, int]
    nats_url: str
    database_url: str
    secrets: Secrets
    admin_key: Path
    checkpoints: Path
    fabric: dict[str, str] = field(default_factory=dict, repr=False)
    """What only fabric is told: the broker's registry settings, which hold secrets."""
    tls: Tls | None = None

    def url(self, service: str) -> str:
        """The address of a service as this machine reaches it."""
        host = self.host if service == GATEWAY and self.host not in {"0.0.0.0", "::"} else "127.0.0.1"
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.ports[service]}"

    @property
    def urls(self) -> dict[str, str]:
        return {service: self.url(service) for service in MODULES}

    def service(self, name: str) -> Program:
        """The program of one service. It gets only the secrets that it needs."""
        env = _base() | {
            "SUMMIT_NATS_URL": self.nats_url,
            "SUMMIT_SERVICE_KEY": self.secrets.service_key,
            "SUMMIT_HOST": self.host if name == GATEWAY else "127.0.0.1",
            "SUMMIT_PORT": str(self.ports[name]),
        }
        if self.tls is not None:
            env |= self.tls.service(name, clients=name != GATEWAY)
        if name in NEEDS_DATABASE:
            env["SUMMIT_DATABASE_URL"] = self.database_url
        if name == GATEWAY:
            env |= self._gateway()
        if name == "fabric":
            env |= self.fabric | {"SUMMIT_AUDIT_SEED": self.secrets.audit.seed}
        if name == "fusion":
            env["SUMMIT_CHECKPOINT_DIR"] = str(self.checkpoints)
        return Program(name=name, argv=(sys.executable, "-m", MODULES[name]), env=env, stage=Stage.SERVICE, plain=True)

    def migration(self) -> Program:
        """The step that brings the database to this version's schema."""
        env = _base() | {"SUMMIT_DATABASE_URL": self.database_url}
        return Program(
            name="migrate",
            argv=(sys.executable, "-m", "summit_core.store.migrate"),
            env=env,
            stage=Stage.SERVICE,
            plain=True,
        )

    def _gateway(self) -> dict[str, str]:
        env = {f"SUMMIT_{name.upper()}_URL": self.url(name) for name in MODULES if name != GATEWAY}
        env |= {"SUMMIT_SESSION_SECRET": self.secrets.session, "SUMMIT_ADMIN_KEY_FILE": str(self.admin_key)}
        if not os.environ.get("SUMMIT_PASSKEY_ORIGINS"):  # browsers give passkeys to names, never to addresses
            env["SUMMIT_PASSKEY_ORIGINS"] = f"http{'s' if self.tls else ''}://localhost:{self.ports[GATEWAY]}"
        console = console_dir()
        return env | ({"SUMMIT_CONSOLE_DIR": str(console)} if console else {})


def scenario(name: str, *, seed: int, speed: float, endpoints: Path, auto_approve: bool) -> Program:
    """The simulated world; it knows only ``endpoints.json``."""
    argv = (
        sys.executable, "-m", "summit_sim", "--scenario", name, "--seed", str(seed), "--speed", f"{speed:g}",
        "--endpoints", str(endpoints), *(["--auto-approve"] if auto_approve else []),
    )  # fmt: skip
    return Program(name="scenario", argv=argv, env=_base(), stage=Stage.SCENARIO, ends=True, plain=True)


def external_fabric() -> dict[str, str]:
    """The registry settings for a NATS that is not ours, as the caller's environment has them."""
    secret = ("SUMMIT_NATS_ISSUER_SEED", "SUMMIT_NATS_SYSTEM_URL")
    names = (*secret, *(f"{name}_FILE" for name in secret), "SUMMIT_NATS_LOG_FILE", "SUMMIT_TLS_DEVICES")
    return {name: os.environ[name] for name in names if name in os.environ}


def console_dir() -> Path | None:
    """The exported console: what the environment names, else the one built in this repository."""
    named = os.environ.get("SUMMIT_CONSOLE_DIR")
    if named:
        return Path(named)
    root = Path(__file__).resolve().parents[5]
    built = root / "apps" / "console" / "out"
    return built if (built / "index.html").exists() else None


def _base() -> dict[str, str]:
    """The caller's environment without the settings that we give to each program ourselves."""
    inherited = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in _OURS}
    return _LEAN | inherited | {"PYTHONUNBUFFERED": "1"}
