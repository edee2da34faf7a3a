"""What a person sees who made a mistake: rows of the troubleshooting table in k8s/README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import deployments, kube
from tests.integration.k8s_live.kube import ROOT, Kube, until

README = (ROOT / "k8s/README.md").read_text(encoding="utf-8")


@pytest.fixture
def apart(live: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace of its own, which goes after the test."""
    name = f"mistake-{abs(hash(request.node.name)) % 10**6}"
    live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    yield live.within(name)
    live.run("delete", "namespace", name, "--wait=false")


def dev(change: Callable[[Manifest], None]) -> list[Manifest]:
    """The overlay for a laptop with one thing wrong."""
    objects = kube.overlay("dev")
    change(deployments.service_of(objects))
    return objects


def head_container(service: Manifest) -> Manifest:
    pod = service["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]
    found: Manifest = pod["containers"][0]
    return found


def told(live: Kube, phrase: str) -> None:
    """Wait for an event with the phrase; the README has to have it too."""
    assert phrase in README, "the troubleshooting table says what is seen"
    words = ("get", "events", "--output=custom-columns=:.message")
    until(lambda: phrase in live.run(*words), phrase, 400)


def test_a_missing_secret_is_named(apart: Kube):
    def change(service: Manifest) -> None:
        reference = {"secretKeyRef": {"name": "rayscribe-api-keys", "key": "keys"}}
        head_container(service)["env"].append({"name": "KEYS", "valueFrom": reference})

    apart.apply(dev(change))
    told(apart, 'secret "rayscribe-api-keys" not found')


def test_an_image_that_cannot_be_pulled_is_named(apart: Kube):
    def change(service: Manifest) -> None:
        head_container(service)["image"] = "127.0.0.1:9/rayscribe:0.1.0-cpu"

    apart.apply(dev(change))
    told(apart, "Failed to pull image")


def test_a_spec_that_the_operator_refuses_is_named(apart: Kube):
    def change(service: Manifest) -> None:
        head = service["spec"]["rayClusterConfig"]["headGroupSpec"]
        head["headService"] = {"metadata": {"name": "vllm"}}

    apart.apply(dev(change))
    told(apart, "headService.metadata.name should not be set")


def test_an_unknown_setting_is_named(apart: Kube):
    def change(service: Manifest) -> None:
        config = serve_config(service)
        config["applications"][0]["args"]["scale"]["ocr"]["max_replica"] = 2
        service["spec"]["serveConfigV2"] = yaml.safe_dump(config)

    assert "`Extra inputs are not permitted`" in README
    apart.apply(dev(change))

    def message() -> str:
        status = apart.get("rayservice", "deepseek-ocr").get("status", {})
        parts = [status.get("activeServiceStatus", {}), status.get("pendingServiceStatus", {})]
        found = [each.get("applicationStatuses", {}).get("ocr", {}) for each in parts]
        return " ".join(one.get("message", "") for one in found)

    said = "scale.ocr.max_replica\n  Extra inputs are not permitted"
    until(lambda: said in message(), "the setting", deployments.START_S)
