"""H1: every package that goes into an image is named with its hashes, every base image by a tag that can be pinned."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [*ROOT.glob("apps/*/requirements.lock"), ROOT / "infra/docker/nats.lock"]
DOCKERFILES = [*ROOT.glob("apps/*/Dockerfile"), *ROOT.glob("infra/docker/*Dockerfile")]
COMPOSE = sorted(ROOT.glob("infra/docker/docker-compose*.yml"))
_image = re.compile(r"^(?P<name>[a-z0-9][\w./-]*):(?P<tag>[\w.-]+)(@sha256:[0-9a-f]{64})?$")


def lock_faults(lock: str) -> list[str]:
    """Requirements without a version and a hash, and whatever names a place to download from."""
    found = [line for line in lock.splitlines() if re.search(r"--(extra-)?index-url|--find-links|file:|://", line)]
    for requirement in re.split(r"\n(?=\S)", lock.strip()):
        first = requirement.split("\n", 1)[0]
        if not re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+", first) or "--hash=sha256:" not in requirement:
            found.append(first)
    return found


def image_faults(images: list[str]) -> list[str]:
    """Images without a tag, or with one that moves by its purpose."""
    return [one for one in images if not (match := _image.match(one)) or match["tag"] in {"latest", "stable", "main"}]


def bases(dockerfile: str) -> list[str]:
    """The images that a Dockerfile starts from: the defaults of its ARG lines, and any FROM that is not one of them."""
    arguments = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", dockerfile, re.MULTILINE))
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE))
    named = [name.strip("${}") for name in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)]
    return [*arguments.values(), *(name for name in named if name not in arguments and name not in stages)]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.parent.name)
def test_every_package_has_its_hashes(path: Path) -> None:
    assert lock_faults(path.read_text()) == []


def test_every_package_of_the_console_has_its_hash_and_no_address() -> None:
    packages = json.loads((ROOT / "apps/console/package-lock.json").read_text())["packages"]
    bare = [name for name, one in packages.items() if name and not one.get("integrity") and _is_installed(one)]
    assert bare == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


def _is_installed(package: dict[str, Any]) -> bool:
    """Whether an image has it. npm writes no hash for a binary of a platform that was not there when it locked."""
    here = {"os": "linux", "cpu": "x64", "libc": "glibc"}
    return all(mine in package.get(what, [mine]) for what, mine in here.items())


def test_every_base_image_has_a_tag_and_can_be_given_by_its_digest() -> None:
    given = [line.split("=", 1) for line in (ROOT / ".env").read_text().splitlines() if "_IMAGE=" in line]
    assert image_faults([image for _, image in given]) == []
    names = {name for name, _ in given}
    for path in DOCKERFILES:
        text = path.read_text()
        assert image_faults(bases(text)) == [], path
        assert set(re.findall(r"^ARG (\w+_IMAGE)=", text, re.MULTILINE)) <= names, path
        assert bases(text) == re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.MULTILINE), path


def test_compose_takes_every_foreign_image_from_a_setting() -> None:
    for path in COMPOSE:
        images = re.findall(r"image: (\S+)", path.read_text())
        foreign = [image for image in images if not image.startswith("${SUMMIT_REGISTRY")]
        defaults = [re.sub(r"^\$\{\w+_IMAGE:-(.*)\}$", r"\1", image) for image in foreign]
        assert image_faults(defaults) == [], path


def test_every_image_of_a_service_is_built_the_same_way() -> None:
    for path in ROOT.glob("apps/*/Dockerfile"):
        text = path.read_text()
        assert ("--require-hashes --no-deps" in text) == (path.parent.name != "console"), path
        assert re.search(r"^USER (?!0\b|root\b)\d+:\d+$", text, re.MULTILINE), path
        assert "curl -" not in text or path.parent.name == "console", path
        for line in ("HEALTHCHECK ", "STOPSIGNAL ", "LABEL "):
            assert line in text, f"{path}: {line}"


@pytest.mark.planted("a requirement without a hash, without a version, from a file, and an extra index")
@pytest.mark.parametrize(
    "planted",
    [
        "requests==2.0",
        "requests>=2.0 \\\n    --hash=sha256:00",
        "--extra-index-url somewhere\nrequests==2.0 \\\n    --hash=sha256:00",
        "requests @ file:///tmp/wheel \\\n    --hash=sha256:00",
    ],
)
def test_a_planted_loose_requirement_is_found(planted: str) -> None:
    assert lock_faults(planted) != []


@pytest.mark.planted("an image without a tag, and one whose tag moves")
@pytest.mark.parametrize("planted", ["nginx", "nginx:latest", "FROM python:latest"])
def test_a_planted_floating_image_is_found(planted: str) -> None:
    assert image_faults(bases(planted) if planted.startswith("FROM") else [planted]) != []
