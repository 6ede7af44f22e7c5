"""Tests of the dashboard and the alerts: Prometheus can read them, and every metric in them is there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gistwire_server.telemetry.admission import add_admission_gauges
from gistwire_server.telemetry.backends import add_backend_gauges
from gistwire_server.telemetry.certificates import add_certificate_gauge
from gistwire_server.telemetry.metrics import ServerMetrics

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "gistwire.json"
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"

_METRIC = re.compile(r"\b(?:gistwire|process|python)_[a-z0-9_]+")


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """The metrics of a server, with the names of their labels."""

    class Backend:
        def endpoint_states(self) -> dict[str, str]:
            return {"cluster": "closed"}

    class Admission:
        limit, in_use, waiting = 64.0, 0.0, 0

    metrics = ServerMetrics()
    engines: Any = type("Engines", (), {name: Backend() for name in ("encoder", "summarizer", "index")})
    add_backend_gauges(metrics.gauges, engines)
    add_admission_gauges(metrics.gauges, Admission(), queue_limit=1)
    add_certificate_gauge(metrics.gauges, Path("none.pem"))
    labels: dict[str, set[str]] = {}
    for name, metric in vars(metrics).items():
        if hasattr(metric, "_labelnames") and name != "registry":
            for suffix in ("_total", "_bucket", "_count", "_sum", ""):
                labels[metric._name + suffix] = {*metric._labelnames, "le"}
    for family in metrics.registry.collect():
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
        labels.setdefault(family.name, set())
    return labels


def rules() -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = msgspec.yaml.decode(ALERTS.read_bytes())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return read


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (variable["definition"] for variable in dashboard()["templating"]["list"][1:])


def test_each_metric_is_one_that_a_server_has(exposed: dict[str, set[str]]) -> None:
    named = {name for expression in expressions() for name in _METRIC.findall(expression)}
    assert len(named) > 25
    assert named - {"process_max_fds"} <= exposed.keys()


def test_each_label_is_one_that_the_metric_has(exposed: dict[str, set[str]]) -> None:
    selectors = [
        (name, label)
        for expression in expressions()
        for name, selector in re.findall(r"\b(gistwire_[a-z_]+)\{([^}]*)\}", expression)
        for label in re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=)", selector)
    ]
    assert len(selectors) > 50
    # The first two are what Prometheus adds.
    assert not [each for each in selectors if each[1] not in {"job", "instance", *exposed[each[0]]}]


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert(exposed: dict[str, set[str]]) -> None:
    text = "\n".join(expressions())
    ours = {
        re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in exposed if "gistwire_" in name
    }
    assert not [name for name in ours if name not in text]


def test_each_recorded_series_that_is_used_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set(re.findall(r"\bgistwire:[a-z_:0-9]+", "\n".join(expressions())))
    assert used == recorded


def test_each_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert rule["annotations"].keys() == {"summary", "description", "runbook"}
            assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_each_alert_has_a_test_in_which_it_comes() -> None:
    tests = "".join(path.read_text() for path in ALERTS.parent.glob("alerts*_test.yml"))
    for rule in rules():
        if "alert" in rule:
            pattern = rf'alertname="{rule["alert"]}".*\n.*\n.*value: 1|alertname: {rule["alert"]}\n'
            assert re.search(pattern, tests), rule["alert"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["test", "rules", "alerts_slow_test.yml"],
    ],
)
def test_prometheus_takes_the_rules_and_their_tests_pass(arguments: list[str]) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: install Debian's package prometheus"
    done = subprocess.run(
        [promtool, *arguments], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_fit_the_grid_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    identifiers = [panel["id"] for panel in dashboard()["panels"]]
    assert len(set(identifiers)) == len(identifiers)
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def test_the_dashboard_asks_whichever_prometheus_is_chosen() -> None:
    read = dashboard()
    assert read["uid"] == "gistwire"
    sources = [panel["datasource"] for panel in read["panels"] if panel["type"] != "row"]
    sources += [target["datasource"] for panel in read["panels"] for target in panel.get("targets", ())]
    assert {json.dumps(source, sort_keys=True) for source in sources} == {
        '{"type": "prometheus", "uid": "${datasource}"}'
    }
    assert read["templating"]["list"][0]["type"] == "datasource"


def test_grafana_is_told_where_dashboards_and_prometheus_are() -> None:
    (source,) = msgspec.yaml.decode((PROVISIONING / "datasources" / "prometheus.yml").read_bytes())[
        "datasources"
    ]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = msgspec.yaml.decode((PROVISIONING / "dashboards" / "gistwire.yml").read_bytes())[
        "providers"
    ]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
