"""C1: no secret in the repository, no default for one, and no service starts without each of its own."""

import asyncio
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import SecretStr
from summit_core.settings import ServiceSettings, load

ROOT = Path(__file__).resolve().parents[2]
START_WITHIN_S = 5
LIMITED = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_CPU, ({START_WITHIN_S}, {START_WITHIN_S}))
runpy.run_module(sys.argv.pop(), run_name="__main__", alter_sys=True)
"""
Capture = pytest.CaptureFixture[str]
MODULES = ("summit_gateway", "summit_fabric", "summit_fusion", "summit_intelligence", "summit_tasking")
NEEDED = {
    "summit_gateway": ("SUMMIT_NATS_URL", "SUMMIT_SERVICE_KEY", "SUMMIT_DATABASE_URL", "SUMMIT_SESSION_SECRET"),
    "summit_fabric": ("SUMMIT_NATS_URL", "SUMMIT_SERVICE_KEY", "SUMMIT_DATABASE_URL"),
    "summit_fusion": ("SUMMIT_NATS_URL", "SUMMIT_SERVICE_KEY"),
    "summit_intelligence": ("SUMMIT_NATS_URL", "SUMMIT_SERVICE_KEY"),
    "summit_tasking": ("SUMMIT_NATS_URL", "SUMMIT_SERVICE_KEY"),
}
"""The required secrets of each; compared with its settings below."""
OTHERS = {
    "SUMMIT_PORT": "0", "SUMMIT_ADMIN_KEY_FILE": "/nonexistent/key", "SUMMIT_FABRIC_URL": "http://127.0.0.1:9",
    "SUMMIT_INTELLIGENCE_URL": "http://127.0.0.1:9", "SUMMIT_TASKING_URL": "http://127.0.0.1:9",
}  # fmt: skip
DEFAULTED = re.compile(r"\$\{\w*(PASSWORD|SECRET|KEY|TOKEN|SEED)(?!\w*_(DIR|FILE))\w*:?-[^}]+\}", re.IGNORECASE)


def _scan(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "scan_secrets.py"), "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def defaulted(text: str) -> list[str]:
    """Secrets that a manifest gives a default, as in ${PASSWORD:-admin}."""
    return [match.group() for match in DEFAULTED.finditer(text)]


LITERAL = re.compile(r"^[\s-]*\w*(?:PASSWORD|SECRET|TOKEN)\w*(?<!_FILE)\s*[:=]\s*(?![\s${\[]|$)\S+", re.MULTILINE)


def literal(text: str) -> list[str]:
    """Secrets that stand in a manifest as they are, as in GF_SECURITY_ADMIN_PASSWORD: admin."""
    return [match.group().strip() for match in LITERAL.finditer(text)]


def with_default(settings: type[ServiceSettings]) -> list[str]:
    """Secrets that a service has although nobody set them."""
    return [
        name
        for name, field in settings.model_fields.items()
        if "SecretStr" in str(field.annotation) and not field.is_required() and field.default is not None
    ]


def test_the_repository_holds_no_secret() -> None:
    done = _scan(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.planted("a cloud key and a private key in a file")
def test_a_planted_key_is_found_and_not_shown(tmp_path: Path) -> None:
    key = "AKIA" + "Z7QWERTYUIOPASDF"
    (tmp_path / "settings.py").write_text(f'key = "{key}"\n')
    begin = "-----BEGIN RSA " + "PRIVATE KEY-----"
    (tmp_path / "id_rsa").write_text(f"{begin}\nMIIEow\n")
    done = _scan(tmp_path)
    assert done.returncode == 1
    assert {line.split(":")[0] for line in done.stdout.splitlines() if ": " in line} >= {"settings.py", "id_rsa"}
    assert key not in done.stdout


def test_no_manifest_gives_a_secret_a_default() -> None:
    command = ["git", "ls-files", "-z", "--", "*.yml", "*.yaml", "*.sh", "Makefile", "*Dockerfile*", "*.env*", ".ci/*"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    assert files
    texts = {str(path): path.read_text() for path in files}
    assert {name: found for name, text in texts.items() if (found := defaulted(text))} == {}
    manifests = {name: text for name, text in texts.items() if name.endswith((".yml", ".yaml", ".env"))}
    assert {name: found for name, text in manifests.items() if (found := literal(text))} == {}


@pytest.mark.parametrize("module", MODULES)
def test_no_service_has_a_secret_that_nobody_set(module: str) -> None:
    assert with_default(_settings(module)) == []


@pytest.mark.planted("settings whose signing secret has a default for development; admin as the password of dashboards")
def test_a_default_in_the_code_or_a_literal_is_noticed() -> None:
    class Planted(ServiceSettings):
        jwt_secret: SecretStr = SecretStr("of-the-tests")
        other: SecretStr | None = None

    assert with_default(Planted) == ["jwt_secret"]
    assert literal("  GF_SECURITY_ADMIN_PASSWORD: admin\n") == ["GF_SECURITY_ADMIN_PASSWORD: admin"]
    assert literal("  - POSTGRES_PASSWORD=postgres\n") == ["- POSTGRES_PASSWORD=postgres"]
    assert literal("  POSTGRES_PASSWORD_FILE: /run/secrets/x\n  SUMMIT_SECRETS_DIR: ${DIR}\n") == []


@pytest.mark.planted("${POSTGRES_PASSWORD:-admin} in a manifest")
def test_a_default_in_a_manifest_is_noticed() -> None:
    assert defaulted("POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-admin}") == ["${POSTGRES_PASSWORD:-admin}"]
    assert defaulted("A: ${POSTGRES_PASSWORD:?run make secrets} B: ${PORT:-8000}") == []


async def _started(module: str, environment: dict[str, str]) -> tuple[int | None, str]:
    """Exit code, None where it still runs after the time, below 0 where it used up its processor time, and what it
    said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SUMMIT_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LIMITED, module, env=clean | environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(START_WITHIN_S * 12):  # wall time; the bar is processor time
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, ""
    return process.returncode, said.decode()


@pytest.mark.parametrize("module", MODULES)
async def test_a_service_refuses_to_start_without_its_secrets(module: str) -> None:
    code, said = await _started(module, OTHERS)
    assert code is not None
    assert code > 0, f"it ended itself, not the limit of {START_WITHIN_S} s of processor time"
    assert {name for name in NEEDED[module] if name not in said} == set()


@pytest.mark.parametrize("module", MODULES)
def test_each_single_one_is_missed(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Capture
) -> None:
    settings = _settings(module)
    assert {f"SUMMIT_{name.upper()}" for name, field in settings.model_fields.items()
            if field.is_required() and "SecretStr" in str(field.annotation)} == set(NEEDED[module])  # fmt: skip
    (tmp_path / "empty").write_text("")
    for missing in NEEDED[module]:
        with monkeypatch.context() as environment:
            for name, value in OTHERS.items():
                environment.setenv(name, value)
            for name in NEEDED[module]:
                environment.setenv(name, "nats://user:of-the-tests@127.0.0.1:1" + "x" * 40)
            environment.delenv(missing)
            environment.setenv(f"{missing}_FILE", str(tmp_path / "empty"))
            with pytest.raises(SystemExit) as refused:
                load(settings)
        said = capfd.readouterr().err
        assert refused.value.code not in {None, 0}
        assert missing in said
        assert "xxxx" not in said


def _settings(module: str) -> type[ServiceSettings]:
    known = vars(import_module(f"{module}.settings")).values()
    [found] = [one for one in known if isinstance(one, type) and issubclass(one, ServiceSettings)
               and one.__module__ == f"{module}.settings"]  # fmt: skip
    return found


async def test_a_secret_file_that_is_named_and_missing_stops_the_start(tmp_path: Path) -> None:
    given = {"SUMMIT_NATS_URL": "nats://127.0.0.1:1", "SUMMIT_SERVICE_KEY_FILE": str(tmp_path / "absent")} | OTHERS
    code, said = await _started("summit_tasking", given)
    assert code not in {None, 0}
    assert "SUMMIT_SERVICE_KEY_FILE" in said
    assert "Traceback" not in said
