"""`summit up`: the whole system in one command."""

import asyncio
import json
from pathlib import Path

import click

from summit_cli.commands import options

SCENARIOS = ("ridge-fire", "none")
"""Named here again, because importing the simulation would cost the supervisor a second and its memory."""


@click.command()
@options.state_dir
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port of the gateway and console.  [default: 8000 or a free one]"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address on which the gateway listens.")
@click.option(
    "--scenario", type=click.Choice(SCENARIOS), default=SCENARIOS[0], show_default=True, help="Simulated world to play."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed plays the same scenario.")
@click.option("--speed", type=click.FloatRange(0.1, 100), default=1.0, show_default=True, help="Speed of the scenario.")
@click.option("--auto-approve", is_flag=True, help="The scenario approves proposals itself (demonstration only).")
@click.option(
    "--shared-device/--own-credentials",
    default=True,
    help="One MQTT user for all devices (for development), or a credential for each.  [default: shared]",
)
@click.option("--tls", is_flag=True, help="Encrypt everything, with certificates of its own for services and devices.")
@click.option(
    "--device-certificates",
    type=click.Choice(["required", "optional"]),
    default="required",
    show_default=True,
    envvar="SUMMIT_TLS_DEVICES",
    help="With --tls: whether a device without a certificate is let in by its credential.",
)
@options.as_json
def up(
    state_dir: Path,
    port: int | None,
    host: str,
    scenario: str,
    seed: int,
    speed: float,
    auto_approve: bool,
    shared_device: bool,
    tls: bool,
    device_certificates: str,
    as_json: bool,
) -> None:
    """Start everything, keep it running, stop it on Ctrl-C.

    Starts its own NATS and PostgreSQL on loopback unless SUMMIT_NATS_URL and SUMMIT_DATABASE_URL name yours. A second
    start on the same --state-dir continues with the same data.
    """
    if not shared_device and scenario != "none":
        raise click.UsageError("the scenario's devices share one user: add --scenario none to --own-credentials")
    from summit_cli.endpoints_file import Endpoints
    from summit_cli.supervisor import installation
    from summit_cli.supervisor.startup import Options

    def announce(endpoints: Endpoints, seconds: float) -> None:
        key = state_dir / "admin.key"
        if as_json:
            ready = {"status": "ready", "seconds": round(seconds, 2), "gateway": endpoints.gateway}
            click.echo(json.dumps(ready | {"admin_key_file": str(key), "endpoints": str(state_dir / "endpoints.json")}))
        else:
            click.echo(f"Summit OS ready in {seconds:.1f} s: {endpoints.gateway}  — sign in with the key in {key}")

    chosen = Options(
        state_dir=state_dir,
        host=host,
        port=port,
        scenario=None if scenario == "none" else scenario,
        seed=seed,
        speed=speed,
        auto_approve=auto_approve,
        shared_device=shared_device,
        tls=tls,
        device_certificates=device_certificates == "required",
    )
    asyncio.run(installation.run(chosen, announce))
