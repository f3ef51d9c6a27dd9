"""O3: what Grafana is given is whole: each dashboard, panel and query, and the source of data that they name."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

PROVISIONING = Path(__file__).resolve().parents[2] / "infra" / "docker" / "grafana" / "provisioning"
PANEL = {"id": int, "title": str, "type": str, "gridPos": dict, "targets": list, "datasource": dict}
WIDTH = 24
Dashboards = dict[str, dict[str, Any]]


def dashboards() -> Dashboards:
    return {path.name: json.loads(path.read_text()) for path in sorted((PROVISIONING / "dashboards").glob("*.json"))}


def sources(folder: Path = PROVISIONING / "datasources") -> set[str]:
    """The uids of the sources that are provisioned."""
    return {uid for path in folder.glob("*.yml") for uid in re.findall(r"\buid: ([\w-]+)", path.read_text())}


def wrong(given: Dashboards, known: set[str]) -> list[str]:
    """What Grafana would refuse, or show as an empty panel."""
    uids = Counter(one.get("uid") for one in given.values())
    found = [f"{uid}: {count} dashboards" for uid, count in uids.items() if count > 1 or not uid]
    for name, one in given.items():
        panels = one["panels"]
        ids = Counter(panel.get("id") for panel in panels)
        found += [f"{name}: panel {id_} is there {count} times" for id_, count in ids.items() if count > 1]
        found += [f"{name}: {fault}" for panel in panels for fault in _faults(panel, known)]
    return found


def _faults(panel: dict[str, Any], known: set[str]) -> list[str]:
    missing = [what for what, kind in PANEL.items() if not isinstance(panel.get(what), kind)]
    if missing:
        return [f"{panel.get('title')}: without {', '.join(missing)}"]
    place, title = panel["gridPos"], panel["title"]
    named = [one["datasource"] for one in (panel, *panel["targets"]) if "datasource" in one]
    found = [f"{title}: source {one.get('uid')}" for one in named if one.get("uid") not in known]
    found += [f"{title}: wider than the page"] if place["x"] + place["w"] > WIDTH else []
    return found + ([] if panel["targets"] else [f"{title}: asks nothing"])


def test_every_dashboard_is_whole() -> None:
    given = dashboards()
    assert len(given) >= 4
    assert wrong(given, sources()) == []


@pytest.mark.planted("a dashboard of the public kind: its panels name a source of data that is not provisioned")
def test_a_dashboard_that_names_another_source_is_noticed() -> None:
    given = dashboards()
    copy = deepcopy(given["http.json"])
    copy["panels"][0]["datasource"]["uid"] = "${DS_PROMETHEUS}"
    del copy["panels"][1]["gridPos"]
    copy["panels"][2]["id"] = copy["panels"][0]["id"]
    found = wrong({"http.json": copy}, sources())
    assert len(found) == 3
    assert any("source ${DS_PROMETHEUS}" in fault for fault in found)
    assert wrong(given | {"again.json": given["http.json"]}, sources()) != []


def parses(tool: Callable[[str], str], expressions: list[str], folder: Path) -> bool:
    """Whether promtool reads all of these."""
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions)]
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    command = [tool("promtool"), "check", "rules", "--no-lint-fatal", str(folder / "rules.yml")]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.planted("a query that does not parse")
def test_every_query_parses(tool: Callable[[str], str], tmp_path: Path) -> None:
    panels = [panel for one in dashboards().values() for panel in one["panels"]]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(expressions) > 20
    bare = [re.sub(r"\$__\w+", "5m", text) for text in expressions]
    assert parses(tool, bare, tmp_path)
    assert not parses(tool, [*bare, "sum by (service (up)"], tmp_path)
