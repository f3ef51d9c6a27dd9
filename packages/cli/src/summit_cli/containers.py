"""The services of the compose stack as the container engine sees them."""

import json
import shutil
import subprocess
from typing import Any, Final

import click

_SERVICE: Final = "com.docker.compose.service"
_ONE_OFF: Final = "com.docker.compose.oneoff"


def problems() -> dict[str, dict[str, str]]:
    """Why each service of the compose file is not well; empty for one that is healthy, or that has done its one job.

    Raises ``ClickException`` when there is no engine, or no compose file here.
    """
    compose = _compose()
    expected = _run(*compose, "config", "--services").split()
    containers = _run(*compose, "ps", "-a", "-q").split()
    inspected: list[dict[str, Any]] = json.loads(_run("docker", "inspect", *containers)) if containers else []
    found = {name: {"container": "there is none"} for name in expected}
    for container in inspected:
        labels = container["Config"]["Labels"]
        if labels.get(_ONE_OFF) != "True" and labels.get(_SERVICE) in found:
            found[labels[_SERVICE]] = _judged(container)
    return found


def _judged(container: dict[str, Any]) -> dict[str, str]:
    state = container["State"]
    once = container["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"}
    if state["Status"] == "exited" and state["ExitCode"] == 0 and once:
        return {}
    if state["Status"] != "running":
        return {"container": f"{state['Status']} (exit code {state['ExitCode']})"}
    health = state.get("Health")
    if not health or health["Status"] == "healthy":
        return {}
    said = [str(entry["Output"]).strip() for entry in health.get("Log") or []]
    return {"health": f"{health['Status']}: {said[-1][-300:]}" if said else str(health["Status"])}


def _compose() -> tuple[str, ...]:
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    if shutil.which("docker"):
        return ("docker", "compose")
    raise click.ClickException("no container engine: neither docker-compose nor docker is installed")


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise click.ClickException(f"{' '.join(command[:3])}: {ended.stderr.strip()[-500:]}")
    return ended.stdout
