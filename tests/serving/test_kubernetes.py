"""The manifest of the documentation is one that Kubernetes takes, and its parts fit each other."""

import pytest
from support.pages import ROOT

yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def parts():
    """The objects of the manifest, by kind."""
    documents = yaml.safe_load_all((ROOT / "docs/kubernetes/serving.yaml").read_text())
    return {document["kind"]: document for document in documents}


def test_it_follows_the_schemas_of_kubernetes(parts):
    checker = pytest.importorskip("kubernetes_validate")
    for document in parts.values():
        checker.validate(document, checker.latest_version(), strict=True)
    wrong = parts["Service"] | {"spec": {"ports": [{"port": "8500"}]}}
    with pytest.raises(checker.ValidationError):
        checker.validate(wrong, checker.latest_version(), strict=True)


def test_its_parts_mean_each_other(parts):
    deployment, service, scaler = parts.values()
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    target = scaler["spec"]["scaleTargetRef"]
    assert {k: deployment[k] for k in ("apiVersion", "kind")} | {
        "name": deployment["metadata"]["name"]
    } == target
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    assert {one["targetPort"]: one["port"] for one in service["spec"]["ports"]} == ports
    given = dict(word[2:].split("=") for word in container["args"] if "=" in word)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked == {"path": f"/v1/models/{given['model_name']}", "port": "rest"}
    (mount,) = container["volumeMounts"]
    assert mount["readOnly"]
    assert mount["name"] == pod["volumes"][0]["name"]
    paths = [value for name, value in given.items() if name != "model_name"]
    assert all(path.startswith(f"{mount['mountPath']}/") for path in paths)
    assert "cpu" in container["resources"]["requests"], "or the scaler has nothing to go by"
