"""What callers of seed-chat see while what controls it is away, and while a node is drained.

Nothing of it is on the way of a request: a service that runs goes on.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import deployments
from tests.integration.k8s_live.chat_service import (
    BEFORE_S,
    SERVE,
    again,
    alive,
    lost,
    pod,
    restarts,
)
from tests.integration.k8s_live.deployments import Load
from tests.integration.k8s_live.kube import ROOT, Kube
from tests.support.one_node.cluster import NodeCluster

pytestmark = pytest.mark.faults
_OPERATOR = "deployment/kuberay-operator"


def scale_operator(live: Kube, replicas: int) -> None:
    system = live.within("kuberay-system")
    system.run("scale", _OPERATOR, f"--replicas={replicas}")
    system.run("rollout", "status", _OPERATOR, "--timeout=100s", timeout_s=110)


def test_the_service_goes_on_while_the_operator_is_away(chat: Kube, service: Manifest):
    before = alive(chat)
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    scale_operator(chat, 0)
    try:
        time.sleep(60)
    finally:
        scale_operator(chat, 1)
    found = load.stop().result("operator away for 60 s")
    assert set(found["fates"]) == {"answered"}
    deployments.until_running(chat, "vllm")
    assert alive(chat) == before, "back again it changes nothing"


def test_a_worker_that_is_lost_while_the_operator_is_away_comes_with_it(
    chat: Kube, service: Manifest
):
    old = pod(chat, "worker")
    scale_operator(chat, 0)
    try:
        chat.run("delete", "pod", old, "--timeout=150s", timeout_s=160)
        time.sleep(5)
        assert not chat.pods(service="vllm", node="worker"), "nobody makes pods"
        url = f"{SERVE}/health"
        assert deployments.ask(chat, "GET", url).status == 200, "the head's ingress answers"
    finally:
        scale_operator(chat, 1)
    again(chat, old)
    url = f"{SERVE}/v1/chat/completions"
    body = deployments.chat_body("deepseek-r1")
    assert deployments.ask(chat, "POST", url, body).status == 200


def test_the_service_goes_on_while_the_api_server_is_away(
    chat: Kube, service: Manifest, node: NodeCluster | None
):
    if node is None:
        pytest.skip("the API server of a cluster that is not the test's own is left alone")
    before, pods = restarts(chat), alive(chat)
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    node.signal("api-server", signal.SIGSTOP)
    try:
        time.sleep(30)
    finally:
        node.signal("api-server", signal.SIGCONT)
    found = load.stop().result("API server away for 30 s", "stopped (SIGSTOP)")
    assert set(found["fates"]) == {"answered"}
    deployments.until_running(chat, "vllm")
    assert alive(chat) == pods, "no pod was replaced"
    after = restarts(chat)
    ray = {key for key in after if key.endswith(("ray-head", "ray-worker"))}
    assert {key: after[key] for key in ray} == {key: before[key] for key in ray}


@pytest.fixture
def budgets(chat: Kube) -> Iterator[None]:
    """The component `pdb`, which seed-chat does not have."""
    text = (ROOT / "k8s/components/pdb/pdb.yaml").read_text(encoding="utf-8")
    objects = list(yaml.safe_load_all(text))
    chat.apply(objects)
    yield
    chat.delete(objects)


def test_a_drain_takes_the_worker_and_never_the_head(chat: Kube, service: Manifest, budgets: None):
    """Of the only node: once the worker is evicted it takes pods again, as another one would."""
    head, worker = pod(chat, "head"), pod(chat, "worker")
    place = chat.get("pod", worker)["spec"]["nodeName"]
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    words = ("drain", place, "--pod-selector=rayscribe/service=vllm", "--delete-emptydir-data")
    try:
        tried = chat.tried(*words, "--timeout=15s", timeout_s=60)
    finally:
        chat.run("uncordon", place)
    assert tried.returncode != 0
    refused = "Cannot evict pod as it would violate the pod's disruption budget"
    assert refused in tried.stderr, tried.stderr
    assert f"pod/{head}" in tried.stderr or head in tried.stderr
    again(chat, worker)
    found = load.stop().result("node drained, with `pdb`", "the worker is evicted, the head is not")
    assert head in alive(chat)
    assert worker not in alive(chat)
    assert lost(found["fates"]) <= 8, "what its ingress was answering: two for each client"
