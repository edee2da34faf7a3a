"""What a person sees who made a mistake: rows of the troubleshooting table in k8s/README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import deployments, kube
from tests.integration.k8s_live.kube import ROOT, Kube, until

README = (ROOT / "k8s/README.md").read_text(encoding="utf-8")


def head_container(service: Manifest) -> Manifest:
    pod = service["spec"]["rayClusterConfig"]["headGroupSpec"]["template"]["spec"]
    found: Manifest = pod["containers"][0]
    return found


def missing_secret(service: Manifest) -> None:
    reference = {"secretKeyRef": {"name": "rayscribe-api-keys", "key": "keys"}}
    head_container(service)["env"].append({"name": "KEYS", "valueFrom": reference})


def unknown_image(service: Manifest) -> None:
    head_container(service)["image"] = "127.0.0.1:9/rayscribe:0.1.0-cpu"


def refused_name(service: Manifest) -> None:
    head = service["spec"]["rayClusterConfig"]["headGroupSpec"]
    head["headService"] = {"metadata": {"name": "vllm"}}


def unknown_setting(service: Manifest) -> None:
    config = serve_config(service)
    config["applications"][0]["args"]["scale"]["ocr"]["max_replica"] = 2
    service["spec"]["serveConfigV2"] = yaml.safe_dump(config)


def more_than_the_quota(service: Manifest) -> None:
    """Nothing is wrong with it: its namespace has less (`QUOTA`)."""


QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "small"},
    "spec": {"hard": {"limits.memory": "1Gi"}},
}
MISTAKES = (unknown_setting, missing_secret, unknown_image, refused_name, more_than_the_quota)
"""Changes of the overlay for a laptop. The first one is told by a cluster that has started."""
Made = dict[Callable[[Manifest], None], Kube]


@pytest.fixture(scope="module")
def made(live: Kube) -> Iterator[Made]:
    """All mistakes at once, each in a namespace of its own, which goes after the tests."""
    found = {}
    for change in MISTAKES:
        name = f"mistake-{change.__name__.replace('_', '-')}"
        live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
        objects = kube.overlay("dev")
        change(deployments.service_of(objects))
        found[change] = live.within(name)
        found[change].apply([QUOTA, *objects] if change is more_than_the_quota else objects)
    yield found
    for place in found.values():
        live.run("delete", "namespace", place.namespace, "--wait=false")


@pytest.mark.parametrize(
    ("mistake", "phrase"),
    [
        (missing_secret, 'secret "rayscribe-api-keys" not found'),
        (unknown_image, "Failed to pull image"),
        (refused_name, "headService.metadata.name should not be set"),
        (more_than_the_quota, "exceeded quota"),
    ],
)
def test_a_mistake_is_named_among_the_events(
    made: Made, mistake: Callable[[Manifest], None], phrase: str
):
    assert phrase in README, "the troubleshooting table says what is seen"
    words = ("get", "events", "--output=custom-columns=:.message")
    until(lambda: phrase in made[mistake].run(*words), phrase, 400)


def test_an_unknown_setting_is_named(made: Made):
    assert "`Extra inputs are not permitted`" in README

    def message() -> str:
        status = made[unknown_setting].get("rayservice", "deepseek-ocr").get("status", {})
        parts = [status.get("activeServiceStatus", {}), status.get("pendingServiceStatus", {})]
        found = [each.get("applicationStatuses", {}).get("ocr", {}) for each in parts]
        return " ".join(one.get("message", "") for one in found)

    said = "scale.ocr.max_replica\n  Extra inputs are not permitted"
    until(lambda: said in message(), "the setting", deployments.START_S)
