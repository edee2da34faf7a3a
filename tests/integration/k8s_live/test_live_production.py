"""`overlays/production`, as the README applies it: both services where everything is restricted.

Its engines are fakes here, its weights are not fetched (no hub is reached), and PodMonitors have no
definition.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import deployments, image, kube, tables
from tests.integration.k8s_live.deployments import FOREIGN, START_S, ask, chat_body, ocr_body
from tests.integration.k8s_live.kube import Kube, until
from tests.integration.k8s_live.volumes import volume_for
from tests.support.one_node.cluster import NodeCluster

pytestmark = pytest.mark.faults
CHAT = "http://vllm-gateway.rayscribe:8000"
OCR = "http://deepseek-ocr-gateway.rayscribe:8000"
KEY = "a-key-of-this-test"
SECRETS = {
    "hf-token": {"token": "none"},
    "redis-password": {"password": "of-a-test"},
    "rayscribe-api-keys": {"keys": f"alice:{KEY}"},
}


@pytest.fixture(scope="module")
def production(live: Kube, node: NodeCluster | None) -> Iterator[Kube]:
    if node is not None:
        node.load(image.redis_archive(image.CACHE), image.REDIS)
    found = deployments.without_gpu(kube.overlay("production"))
    objects = [one for one in found if one["kind"] not in FOREIGN]
    place = live.within("rayscribe")
    live.apply([one for one in objects if one["kind"] == "Namespace"])
    place.apply([secret(name, values) for name, values in SECRETS.items()])
    for claim in ("model-cache", "tables-rayscribe-redis-0"):
        volume_for(place, claim)
    start = time.monotonic()
    place.apply(objects)
    for service in ("vllm", "deepseek-ocr"):
        deployments.until_running(place, service)
    took = f"{time.monotonic() - start:.0f} s"
    tables.note("`production`, from `kubectl apply` to both ready", took)
    yield place
    # Redis is there until the clusters have taken their tables out of it.
    place.run("delete", "rayservice", "--all")
    until(lambda: not place.get("raycluster"), "the clusters are gone", START_S)
    live.run("delete", "namespace", "rayscribe", "--wait=false")


def secret(name: str, values: dict[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": values,
    }


def test_all_pods_are_admitted_where_the_namespace_is_restricted(production: Kube):
    labels = production.get("namespace", "rayscribe")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "violates PodSecurity" not in production.run("get", "events")
    found = {pod["metadata"]["labels"]["rayscribe/service"] for pod in production.get("pods")}
    assert found == {"gateway", "redis", "prefetch", "vllm", "deepseek-ocr"}


@pytest.mark.parametrize("url", [CHAT, OCR])
def test_callers_without_a_key_are_refused(production: Kube, url: str):
    assert ask(production, "GET", f"{url}/v1/models", wait_s=150).status == 401
    assert ask(production, "GET", f"{url}/v1/models", key="another").status == 401
    assert ask(production, "GET", f"{url}/v1/models", key=KEY).status == 200


def test_chat_answers_by_its_gateway(production: Kube):
    url = f"{CHAT}/v1/chat/completions"
    name = ask(production, "GET", f"{CHAT}/v1/models", key=KEY).json["data"][0]["id"]
    answer = ask(production, "POST", url, chat_body(name), key=KEY)
    assert answer.json["choices"][0]["message"]["content"] == "What is 12 times 12?"


def test_a_page_is_read_by_its_gateway_from_no_worker(production: Kube):
    assert not production.pods(service="deepseek-ocr", node="worker")
    url = f"{OCR}/v1/chat/completions"
    answer = ask(production, "POST", url, ocr_body("deepseek-ocr"), key=KEY)
    assert answer.status == 200, answer
    assert answer.json["choices"][0]["message"]["content"]
    assert production.pods(service="deepseek-ocr", node="worker")


def test_a_drain_may_not_take_heads_and_gateways_go_one_by_one(production: Kube):
    budgets = {one["metadata"]["name"]: one["status"] for one in production.get("pdb")}
    assert budgets["rayscribe-heads"]["disruptionsAllowed"] == 0
    assert budgets["gateway"]["disruptionsAllowed"] == 1
