"""Tests of the manifests for Kubernetes: against its schemas, against each other, and against the code."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest
from gistwire_server.config import ServerConfig, load_config
from gistwire_server.telemetry.admission import add_admission_gauges
from gistwire_server.telemetry.metrics import ServerMetrics

from tests.deploy.kustomization import KUBERNETES, documents, resources_of

OVERLAYS = ("cpu", "gpu")
SECRET_VOLUMES = {"tls", "keys", "token", "elasticsearch", "elasticsearch-ca"}

ALERTS = KUBERNETES.parent / "prometheus" / "alerts.yml"

Resource = dict[str, Any]


@cache
def rendered(overlay: str) -> tuple[Resource, ...]:
    return tuple(resources_of(KUBERNETES / "overlays" / overlay))


def of_kind(overlay: str, kind: str) -> list[Resource]:
    return [each for each in rendered(overlay) if each["kind"] == kind]


def one(overlay: str, kind: str, name: str) -> Resource:
    [found] = [each for each in of_kind(overlay, kind) if each["metadata"]["name"] == name]
    return found


def pod_templates(overlay: str) -> Iterator[tuple[str, Resource]]:
    for each in rendered(overlay):
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each["metadata"]["name"], each["spec"]["template"]


def fits(selector: Resource, labels: dict[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def settings(tmp_path: Path) -> ServerConfig:
    """The configuration of the config map, as the server reads it."""
    [config_map] = of_kind("cpu", "ConfigMap")
    path = tmp_path / "gistwire.toml"
    path.write_text(config_map["data"]["gistwire.toml"], encoding="utf-8")
    return load_config(path)


def container(template: Resource) -> Resource:
    [found] = template["spec"]["containers"]
    return dict(found)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_fits_the_schema_of_kubernetes(overlay: str) -> None:
    resources = rendered(overlay)
    assert len(resources) >= 12
    for resource in resources:
        for version in ("1.34", kubernetes_validate.latest_version()):
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    broken = {**one("cpu", "Service", "gistwire-server"), "spec": {"ports": [{"port": 1, "tragetPort": 1}]}}
    with pytest.raises(kubernetes_validate.ValidationError, match="tragetPort"):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_is_in_one_namespace_which_refuses_pods_that_are_not_confined(overlay: str) -> None:
    [namespace] = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    inside = {each["metadata"].get("namespace") for each in rendered(overlay) if each is not namespace}
    assert inside == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_confined(overlay: str) -> None:
    templates = dict(pod_templates(overlay))
    assert templates.keys() == {"gistwire-server", "gistwire-triton"}
    accounts = {each["metadata"]["name"]: each for each in of_kind(overlay, "ServiceAccount")}
    for template in templates.values():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(template)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is False
        assert accounts[pod["serviceAccountName"]]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_say_what_they_need_and_when_they_are_well(overlay: str) -> None:
    for _, template in pod_templates(overlay):
        found = container(template)
        assert found["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in found["resources"]["limits"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert found[probe].keys() & {"grpc", "httpGet"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_the_pods_of_one_workload(overlay: str) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in pod_templates(overlay)}
    for kind in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        for resource in of_kind(overlay, kind):
            name = resource["metadata"]["name"]
            assert [each for each in labels if fits(resource["spec"]["selector"], labels[each])] == [name]
    for service in of_kind(overlay, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        name = service["metadata"]["name"]
        assert [each for each in labels if fits(selector, labels[each])] == [name]
        ports = {
            port["name"]: port["containerPort"]
            for port in container(dict(pod_templates(overlay))[name])["ports"]
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
        # gRPC clients share their calls between the addresses that a name gives.
        assert service["spec"]["clusterIP"] == "None"
    for policy in of_kind(overlay, "NetworkPolicy"):
        name, selector = policy["metadata"]["name"], policy["spec"]["podSelector"]
        if name in labels:
            assert [each for each in labels if fits(selector, labels[each])] == [name]
    for _, template in pod_templates(overlay):
        for spread in template["spec"]["topologySpreadConstraints"]:
            assert fits(spread["labelSelector"], template["metadata"]["labels"])


def test_the_configuration_is_the_servers_own_and_names_what_is_mounted(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert (config.index, config.models) == ("elasticsearch", "triton")
    server = one("cpu", "Deployment", "gistwire-server")["spec"]["template"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container(server)["volumeMounts"]}
    tls = config.security.tls
    assert tls is not None
    files = [config.token_key_file, config.elasticsearch.ca_file, config.elasticsearch.password_file]
    files += [config.security.api_keys_file, tls.certificate_file, tls.key_file]
    for path in files:
        assert path is not None
        assert mounted[str(path.parent)] in SECRET_VOLUMES
    assert mounted[str(config.data_dir)] == "data"
    volumes = {volume["name"]: volume for volume in server["spec"]["volumes"]}
    assert {name for name, volume in volumes.items() if "secret" in volume} == SECRET_VOLUMES
    [config_map] = of_kind("cpu", "ConfigMap")
    assert volumes["config"]["configMap"]["name"] == config_map["metadata"]["name"]
    [file] = config_map["data"]
    assert container(server)["args"][-1] == f"{next(p for p, n in mounted.items() if n == 'config')}/{file}"


def test_probes_ask_where_the_server_answers_them(tmp_path: Path) -> None:
    config = settings(tmp_path)
    server = container(one("cpu", "Deployment", "gistwire-server")["spec"]["template"])
    assert config.security.health_listen is not None
    assert config.telemetry.metrics_listen is not None
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert ports == {
        "grpc": port_of(config.listen),
        "health": port_of(config.security.health_listen),
        "metrics": port_of(config.telemetry.metrics_listen),
    }
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["grpc"] == {"port": ports["health"]}
    for address in (config.listen, config.security.health_listen, config.telemetry.metrics_listen):
        assert address.startswith("0.0.0.0:")


def test_a_server_that_ends_has_the_time_to_drain(tmp_path: Path) -> None:
    pod = one("cpu", "Deployment", "gistwire-server")["spec"]["template"]["spec"]
    sleeping = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain_s = settings(tmp_path).limits.drain_s
    assert pod["terminationGracePeriodSeconds"] >= sleeping + drain_s + 10


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_knows_each_triton_by_name(overlay: str, tmp_path: Path) -> None:
    triton = one(overlay, "StatefulSet", "gistwire-triton")
    [port] = [
        port["port"]
        for port in one(overlay, "Service", "gistwire-triton")["spec"]["ports"]
        if port["name"] == "grpc"
    ]
    service = triton["spec"]["serviceName"]
    expected = tuple(f"gistwire-triton-{each}.{service}:{port}" for each in range(triton["spec"]["replicas"]))
    assert settings(tmp_path).triton.endpoints == expected


def test_the_overlays_differ_in_image_resources_and_nodes_alone() -> None:
    cpu, gpu = (documents(KUBERNETES / "overlays" / overlay / "triton.yaml") for overlay in OVERLAYS)
    pod = gpu[-1]["spec"]["template"]["spec"]
    assert pod.pop("nodeSelector") == {"nvidia.com/gpu.present": "true"}
    assert [each["key"] for each in pod.pop("tolerations")] == ["nvidia.com/gpu"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    for documents_of in (cpu, gpu):
        found = documents_of[-1]["spec"]["template"]["spec"]["containers"][0]
        del found["image"], found["resources"]
    assert cpu == gpu


def policy_ports(rules: list[Resource]) -> set[int]:
    return {port["port"] for rule in rules for port in rule["ports"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_lets_through_what_the_configuration_needs_and_no_more(
    overlay: str, tmp_path: Path
) -> None:
    config = settings(tmp_path)
    nothing = one(overlay, "NetworkPolicy", "deny-everything")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    server = one(overlay, "NetworkPolicy", "gistwire-server")["spec"]
    metrics = config.telemetry.metrics_listen
    assert metrics is not None
    assert policy_ports(server["ingress"]) == {port_of(config.listen), port_of(metrics)}
    elasticsearch = {port_of(url) for url in config.elasticsearch.urls}
    triton = {port_of(endpoint) for endpoint in config.triton.endpoints}
    assert policy_ports(server["egress"]) == elasticsearch | triton | {53}
    asked = one(overlay, "NetworkPolicy", "gistwire-triton")["spec"]
    labels = dict(pod_templates(overlay))["gistwire-server"]["metadata"]["labels"]
    [from_servers] = [rule for rule in asked["ingress"] if policy_ports([rule]) == triton]
    assert [fits(each["podSelector"], labels) for each in from_servers["from"]] == [True]
    # Triton may be asked, and asks nobody.
    assert "Egress" in asked["policyTypes"]
    assert "egress" not in asked


def test_the_autoscaler_reads_what_the_adapter_gives() -> None:
    autoscaler = one("cpu", "HorizontalPodAutoscaler", "gistwire-server")["spec"]
    assert autoscaler["minReplicas"] >= 2
    assert autoscaler["scaleTargetRef"]["name"] == "gistwire-server"
    wanted = {metric["pods"]["metric"]["name"] for metric in autoscaler["metrics"]}
    [adapter] = documents(KUBERNETES / "monitoring" / "prometheus-adapter.yaml")
    assert {rule["name"]["as"] for rule in adapter["rules"]["custom"]} == wanted


def test_the_adapter_asks_for_metrics_that_servers_have() -> None:
    class Idle:
        limit, in_use, waiting = 64.0, 0.0, 0

    metrics = ServerMetrics()
    add_admission_gauges(metrics.gauges, Idle(), queue_limit=1)
    metrics.first_hit_seconds.labels("StreamSearch").observe(0.01)
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    [adapter] = documents(KUBERNETES / "monitoring" / "prometheus-adapter.yaml")
    for rule in adapter["rules"]["custom"]:
        assert rule["seriesQuery"].partition("{")[0] in names


def test_what_prometheus_reads_is_a_port_of_a_service() -> None:
    services = {each["metadata"]["name"]: each for each in of_kind("cpu", "Service")}
    monitors = resources_of(KUBERNETES / "monitoring")
    assert {each["metadata"]["name"] for each in monitors} == services.keys()
    for monitor in monitors:
        service = services[monitor["metadata"]["name"]]
        assert fits(monitor["spec"]["selector"], service["metadata"]["labels"])
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports


def test_jobs_have_the_name_that_alerts_ask_for() -> None:
    servers, _ = sorted(resources_of(KUBERNETES / "monitoring"), key=lambda each: each["metadata"]["name"])
    service = one("cpu", "Service", "gistwire-server")
    job = service["metadata"]["labels"][servers["spec"]["jobLabel"]]
    assert f'up{{job="{job}"}}' in ALERTS.read_text(encoding="utf-8")


def test_alerts_are_handed_to_the_operator_as_they_are() -> None:
    script = KUBERNETES / "monitoring" / "prometheus-rule.sh"
    printed = subprocess.run([script], check=True, capture_output=True, text=True).stdout
    rule = msgspec.yaml.decode(printed, type=dict[str, Any])
    assert rule["kind"] == "PrometheusRule"
    assert rule["spec"] == msgspec.yaml.decode(ALERTS.read_bytes())


def test_the_example_of_elasticsearch_is_the_cluster_that_the_rest_names() -> None:
    [cluster] = documents(KUBERNETES / "elasticsearch.example.yaml")
    name = cluster["metadata"]["name"]
    server = one("cpu", "Deployment", "gistwire-server")["spec"]["template"]["spec"]
    secrets = {
        volume["name"]: volume["secret"]["secretName"] for volume in server["volumes"] if "secret" in volume
    }
    assert secrets["elasticsearch"] == f"{name}-es-elastic-user"
    assert secrets["elasticsearch-ca"] == f"{name}-es-http-certs-public"
    egress = one("cpu", "NetworkPolicy", "gistwire-server")["spec"]["egress"]
    selectors = [
        target.get("podSelector", {}).get("matchLabels", {}) for rule in egress for target in rule["to"]
    ]
    assert {"elasticsearch.k8s.elastic.co/cluster-name": name} in selectors
