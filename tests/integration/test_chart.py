"""The Helm chart, rendered by real Helm 3 and 4 and held against the schemas of Kubernetes and the operator."""

import base64
import copy
import json
import tarfile
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

import ges_exporter
from tests.integration.helm import Helm, HelmError

Values = dict[str, Any]
Manifest = dict[str, Any]
Render = Callable[[Values], list[Manifest]]

OLDEST_KUBERNETES = "1.27"
OPERATOR = "monitoring.coreos.com/v1"
REPOSITORY = Path(__file__).resolve().parents[2]
CHART = REPOSITORY / "helm" / "ges-exporter"
VALUES_FILES = sorted(CHART.glob("ci/*-values.yaml"))
PASSWORD_FILE = "/run/secrets/ges-exporter/password"


def example(name: str) -> Values:
    """The values of one file in the chart's folder ci."""
    values: Values = yaml.safe_load((CHART / "ci" / f"{name}-values.yaml").read_text())
    return values


def one(manifests: list[Manifest], kind: str, name_ends: str = "") -> Manifest:
    """The only object of a kind, or the only one whose name has that end."""
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"].endswith(name_ends)]
    assert len(found) == 1, [m["metadata"]["name"] for m in found]
    return found[0]


def container(manifests: list[Manifest]) -> Manifest:
    (only,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(only)


def changed(values: Values, path: str, value: Any) -> Values:
    """A copy of values with another value at a dotted path."""
    result = copy.deepcopy(values)
    *parents, last = path.split(".")
    place = result
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return result


@pytest.fixture(params=["v3", "v4"])
def helm_version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def render(helm: Helm, helm_version: str) -> Render:
    def render_values(values: Values) -> list[Manifest]:
        text = helm.call(
            "helm_template",
            helm_version=helm_version,
            release_name="backups",
            chart=str(CHART),
            namespace="monitoring",
            kube_version=f"{OLDEST_KUBERNETES}.0",
            api_versions=[OPERATOR],
            values=values,
        )
        return [manifest for manifest in yaml.safe_load_all(text) if manifest]

    return render_values


@cache
def operator_validator(kind: str) -> Draft202012Validator:
    """What checks one of the operator's kinds, and refuses unknown keys as the API server does."""
    models = import_module("cloudcoil.models.prometheus_operator.v1")
    schema = getattr(models, kind).model_json_schema(by_alias=True)
    for part in [schema, *schema["$defs"].values()]:
        if part.get("properties"):
            part["additionalProperties"] = False
    return Draft202012Validator(schema)


def validate(manifest: Manifest, kubernetes: str) -> None:
    """Raise a ValidationError for an object that the API server of that version would not take."""
    if manifest["apiVersion"] == OPERATOR:
        operator_validator(manifest["kind"]).validate(manifest)
    else:
        kubernetes_validate.validate(manifest, kubernetes, strict=True)


class TestEveryExample:
    @pytest.mark.parametrize("path", VALUES_FILES, ids=lambda path: path.stem)
    def test_lints_clean(self, helm: Helm, helm_version: str, path: Path) -> None:
        report = json.loads(
            helm.call(
                "helm_lint",
                helm_version=helm_version,
                paths=[str(CHART)],
                values_files=[str(path)],
                kube_version=f"{OLDEST_KUBERNETES}.0",
                strict=True,
            )
        )

        assert report["passed"]
        assert [m for m in report["messages"] if m["severity"] != "INFO"] == []

    @pytest.mark.parametrize("kubernetes", [OLDEST_KUBERNETES, kubernetes_validate.latest_version()])
    @pytest.mark.parametrize("path", VALUES_FILES, ids=lambda path: path.stem)
    def test_renders_objects_that_kubernetes_takes(self, render: Render, path: Path, kubernetes: str) -> None:
        manifests = render(yaml.safe_load(path.read_text()))

        assert {"Deployment", "Service"} <= {manifest["kind"] for manifest in manifests}
        for manifest in manifests:
            validate(manifest, kubernetes)

    @pytest.mark.parametrize("path", VALUES_FILES, ids=lambda path: path.stem)
    def test_runs_with_no_more_rights_than_it_needs(self, render: Render, path: Path) -> None:
        manifests = render(yaml.safe_load(path.read_text()))
        pod = one(manifests, "Deployment")["spec"]["template"]["spec"]

        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(manifests)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        for account in (m for m in manifests if m["kind"] == "ServiceAccount"):
            assert account["automountServiceAccountToken"] is False

    @pytest.mark.parametrize("path", VALUES_FILES, ids=lambda path: path.stem)
    def test_labels_and_ports_meet(self, render: Render, path: Path) -> None:
        manifests = render(yaml.safe_load(path.read_text()))
        pod_labels = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
        ports = {port["name"]: port["containerPort"] for port in container(manifests)["ports"]}
        service = one(manifests, "Service")

        assert one(manifests, "Deployment")["spec"]["selector"]["matchLabels"].items() <= pod_labels.items()
        assert service["spec"]["selector"].items() <= pod_labels.items()
        assert ports == {"metrics": 10437}
        assert [port["targetPort"] for port in service["spec"]["ports"]] == ["metrics"]

    @pytest.mark.parametrize("path", VALUES_FILES, ids=lambda path: path.stem)
    def test_every_file_that_the_config_names_is_mounted(self, render: Render, path: Path) -> None:
        values = yaml.safe_load(path.read_text())
        manifests = render(values)
        mounts = {mount["mountPath"]: mount["name"] for mount in container(manifests).get("volumeMounts", [])}
        volumes = one(manifests, "Deployment")["spec"]["template"]["spec"].get("volumes", [])
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in volumes if "secret" in volume}
        text = json.dumps(values.get("config", {}))
        named = [part.split('"')[0] for part in text.split('_file": "')[1:]]

        for file in map(Path, named):
            secret = secrets[mounts[str(file.parent)]]
            if values.get("existingSecret"):
                assert secret == values["existingSecret"]
            else:
                (made,) = (m for m in manifests if m["kind"] == "Secret" and m["metadata"]["name"] == secret)
                assert values["secrets"][file.name] == base64.b64decode(made["data"][file.name]).decode()


class TestConfig:
    @pytest.mark.parametrize("name", ["minimal", "existing-secret", "everything"])
    def test_the_config_map_holds_the_values_and_the_exporter_is_told_its_path(self, render: Render, name: str) -> None:
        manifests = render(example(name))
        config_map = next(m for m in manifests if m["kind"] == "ConfigMap" and "config.yaml" in m["data"])
        volumes = one(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"]

        assert example(name)["config"] == yaml.safe_load(config_map["data"]["config.yaml"])
        assert {"name": "config", "configMap": {"name": config_map["metadata"]["name"]}} in volumes
        assert "--config.file=/etc/ges-exporter/config.yaml" in container(manifests)["args"]
        assert {"name": "config", "mountPath": "/etc/ges-exporter", "readOnly": True} in container(manifests)[
            "volumeMounts"
        ]

    def test_a_missing_one_is_refused_with_one_to_copy(self, render: Render) -> None:
        with pytest.raises(HelmError, match="config has no projects") as refusal:
            render({})

        copied = yaml.safe_load("config:\n" + str(refusal.value).split("config:\n")[1].split("\n\n")[0])
        assert render(copied)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("password", "hunter2"), ("password", "$${not-a-variable}"), ("password", 12345)],
    )
    def test_a_secret_in_it_is_refused_and_not_repeated(self, render: Render, key: str, value: object) -> None:
        values = example("minimal")
        values["config"]["projects"][0]["auth"]["password"][key] = value

        with pytest.raises(HelmError, match="config holds a secret under the key password") as refusal:
            render(values)

        assert str(value) not in str(refusal.value)

    @pytest.mark.parametrize("auth", [{"token": "t"}, {"aksk": {"access_key": "a", "secret_key": "s"}}])
    def test_a_secret_of_any_method_is_refused(self, render: Render, auth: Values) -> None:
        values = example("minimal")
        values["config"]["projects"][0]["auth"] = auth

        with pytest.raises(HelmError, match="config holds a secret"):
            render(values)

    def test_a_file_that_nothing_provides_is_named(self, render: Render) -> None:
        values = changed(example("minimal"), "secrets", {"Password": "p"})

        with pytest.raises(HelmError, match=f"{PASSWORD_FILE}, which nothing provides"):
            render(values)

    def test_two_sources_of_secrets_are_refused(self, render: Render) -> None:
        with pytest.raises(HelmError, match="secrets and existingSecret exclude each other"):
            render(changed(example("minimal"), "existingSecret", "another"))

    def test_demo_is_refused_beside_a_config(self, render: Render) -> None:
        with pytest.raises(HelmError, match="demo serves made-up backups"):
            render(changed(example("minimal"), "demo", value=True))

    def test_demo_needs_no_config(self, render: Render) -> None:
        manifests = render({"demo": True})

        assert "--demo" in container(manifests)["args"]
        assert not any("config.file" in argument for argument in container(manifests)["args"])
        assert {"Deployment", "Service", "ServiceAccount"} == {manifest["kind"] for manifest in manifests}


class TestRestart:
    @pytest.mark.parametrize(
        ("path", "annotation"),
        [
            ("config.scrape", "checksum/config"),
            ("secrets.password", "checksum/secrets"),
        ],
    )
    def test_the_pod_is_replaced_when_what_it_read_at_start_changes(
        self, render: Render, path: str, annotation: str
    ) -> None:
        def annotations(values: Values) -> Manifest:
            template = one(render(values), "Deployment")["spec"]["template"]
            return dict(template["metadata"]["annotations"])

        value = {"a": 1} if path != "secrets.password" else "another"
        before = annotations(example("minimal"))
        after = annotations(changed(example("minimal"), path, value))

        assert {annotation} == {name for name in before if before[name] != after[name]}

    def test_scrapes_in_flight_have_time_to_end(self, render: Render) -> None:
        pod = one(render(example("minimal")), "Deployment")["spec"]["template"]["spec"]

        assert pod["terminationGracePeriodSeconds"] > 10


class TestMonitoring:
    def test_the_job_is_the_one_that_rules_ask_for(self, render: Render) -> None:
        manifests = render(example("everything"))
        service = one(manifests, "Service")
        monitor = one(manifests, "ServiceMonitor")["spec"]

        assert service["metadata"]["labels"][monitor["jobLabel"]] == "ges-exporter"
        assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert [monitor["endpoints"][0]["port"]] == [port["name"] for port in service["spec"]["ports"]]

    def test_the_rules_are_those_of_the_folder_monitoring(self, render: Render) -> None:
        rules = one(render(example("everything")), "PrometheusRule")
        written = yaml.safe_load((REPOSITORY / "monitoring" / "alerts.yaml").read_text())

        assert written["groups"] == rules["spec"]["groups"]

    def test_the_dashboard_is_that_of_the_folder_monitoring(self, render: Render) -> None:
        dashboard = one(render(example("everything")), "ConfigMap", "-dashboard")
        written = (REPOSITORY / "monitoring" / "grafana" / "ges-backups.json").read_text()

        assert written == dashboard["data"]["ges-backups.json"]
        assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(written) < 900_000  # of the 1 MiB that a ConfigMap may hold


class TestSchema:
    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("replicas", 2),
            ("image.repo", "x"),
            ("serviceMonitor.enable", True),
            ("secrets.password", 12345),
            ("secrets", {"a/b": "x"}),
            ("log.level", "loud"),
            ("terminationGracePeriodSeconds", 10),
            ("serviceMonitor.interval", 60),
        ],
    )
    def test_a_wrong_value_is_refused_by_its_name(self, render: Render, path: str, value: object) -> None:
        with pytest.raises(HelmError, match="don't meet the specifications of the schema") as refusal:
            render(changed(example("minimal"), path, value))

        assert path.rsplit(".", maxsplit=1)[-1] in str(refusal.value)

    def test_every_value_has_a_default_that_shows_it(self) -> None:
        def keys(schema: Values, values: Values, path: str) -> list[str]:
            missing = []
            for name, part in schema.get("properties", {}).items():
                if name not in values:
                    missing.append(f"{path}{name}")
                elif isinstance(values[name], dict):
                    missing += keys(part, values[name], f"{path}{name}.")
            return missing

        schema = json.loads((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())

        assert keys(schema, values, "") == ["global"]


class TestNotes:
    @pytest.fixture
    def notes(self, helm: Helm) -> Callable[[Values], str]:
        def notes_for(values: Values) -> str:
            answer = helm.call(
                "helm_install",
                helm_version="v4",  # without a cluster Helm 3 takes Kubernetes to be 1.20, and refuses
                release_name="backups",
                chart=str(CHART),
                namespace="monitoring",
                values=values,
                dry_run="client",
            )
            return str(json.loads(answer)["notes"])

        return notes_for

    def test_they_give_a_scrape_config_for_the_service(self, notes: Callable[[Values], str], render: Render) -> None:
        service = one(render(example("minimal")), "Service")
        lines = notes(example("minimal")).split("add this to Prometheus:\n\n")[1].split("\n\n")[0]
        (job,) = yaml.safe_load(lines)
        address = f"{service['metadata']['name']}.monitoring.svc:{service['spec']['ports'][0]['port']}"

        assert job["job_name"] == "ges-exporter"
        assert job["static_configs"] == [{"targets": [address]}]

    def test_they_say_so_when_the_backups_are_made_up(self, notes: Callable[[Values], str]) -> None:
        assert notes({"demo": True}).startswith("The exporter serves MADE-UP backups")
        assert "MADE-UP" not in notes(example("minimal"))


class TestPackage:
    def test_it_carries_rules_and_dashboard_and_no_test_values(
        self, helm: Helm, helm_version: str, tmp_path: Path
    ) -> None:
        helm.call("helm_package", helm_version=helm_version, path=str(CHART), destination=str(tmp_path))
        (package,) = tmp_path.glob("*.tgz")
        with tarfile.open(package) as archive:
            files = {
                member.name.removeprefix("ges-exporter/"): file.read()
                for member in archive
                if (file := archive.extractfile(member)) is not None
            }

        assert (REPOSITORY / "monitoring" / "alerts.yaml").read_bytes() == files["files/alerts.yaml"]
        dashboard = REPOSITORY / "monitoring" / "grafana" / "ges-backups.json"
        assert dashboard.read_bytes() == files["files/ges-backups.json"]
        assert not [name for name in files if name.startswith("ci/")]

    def test_it_names_the_version_of_the_exporter(self) -> None:
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

        assert ges_exporter.__version__ == chart["appVersion"]


def documented_values() -> list[str]:
    page = (REPOSITORY / "docs" / "kubernetes.md").read_text()
    return [part.split("```")[0] for part in page.split("```yaml\n")[1:]]


@pytest.mark.parametrize("text", documented_values(), ids=lambda text: text.split(":")[0])
def test_the_values_in_the_documentation_are_good(render: Render, text: str) -> None:
    values = yaml.safe_load(text)
    if not {"config", "demo"} & values.keys():
        values = {**example("minimal"), **values}

    manifests = render(values)

    assert manifests
    for manifest in manifests:
        validate(manifest, OLDEST_KUBERNETES)
