"""What becomes of requests when something is changed or lost: seed-chat under streaming clients.

Each test asks through Services as users do and notes a row of the table. What is required holds on
a machine that is busy with other things; how long a gap was is in the table.
"""

from __future__ import annotations

import time

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import deployments, tables
from tests.integration.k8s_live.deployments import Load, until_running
from tests.integration.k8s_live.kube import ROOT, Kube, until
from tests.integration.k8s_live.volumes import volume_for

SERVE, OURS = "http://vllm-serve-svc:8000", "http://vllm:8000"
_BEFORE_S = 5.0
"""Seconds of load before the fault."""


@pytest.fixture(scope="module")
def redis(chat: Kube) -> None:
    """Redis as the component has it, with its Secret. It goes after the cluster that needs it."""
    text = (ROOT / "k8s/components/gcs-fault-tolerance/redis.yaml").read_text(encoding="utf-8")
    objects = list(yaml.safe_load_all(text))
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": "of-a-test"}}
    labels = {"rayscribe/service": "redis"}
    objects.append(secret | {"metadata": {"name": "redis-password", "labels": labels}})
    volume_for(chat, "tables-rayscribe-redis-0")
    chat.apply(objects)
    words = ("rollout", "status", "statefulset/rayscribe-redis", "--timeout=100s")
    chat.run(*words, timeout_s=110)


@pytest.fixture
def service(chat: Kube) -> Manifest:
    """The RayService, running and with all of its replicas."""
    until_running(chat, "vllm")
    until(lambda: both_serve(chat), "head and worker serve", deployments.START_S)
    found: Manifest = chat.get("rayservice", "vllm")
    return found


def both_serve(live: Kube) -> bool:
    label = "--selector=kubernetes.io/service-name=vllm-serve-svc"
    slices = live.run("get", "endpointslices", "--output=json", label)
    found = [
        one
        for each in yaml.safe_load(slices)["items"]
        for one in each.get("endpoints") or []
        if one["conditions"]["ready"]
    ]
    return len(found) >= 2


def pod(live: Kube, node: str) -> str:
    [found] = live.pods(service="vllm", node=node)
    return str(found["metadata"]["name"])


def test_a_changed_serve_config_is_rolled_out_in_place_and_loses_nothing(
    chat: Kube, service: Manifest
):
    load = Load(chat, SERVE, 60)
    time.sleep(_BEFORE_S)
    config = serve_config(service)
    config["applications"][0]["args"]["scale"]["chat"]["target_ongoing_requests"] = 31
    chat.patch("rayservice", "vllm", {"spec": {"serveConfigV2": yaml.safe_dump(config)}})
    found = load.result("Serve config changed (in place)")
    assert set(found["fates"]) == {"answered"}
    after = until_running(chat, "vllm")["status"]["activeServiceStatus"]["rayClusterName"]
    assert after == service["status"]["activeServiceStatus"]["rayClusterName"]


def test_a_lost_worker_is_replaced_and_the_one_too_many_goes(chat: Kube, service: Manifest):
    """The operator replaces the pod and the autoscaler asks for one too; the idle one goes."""
    cluster = service["status"]["activeServiceStatus"]["rayClusterName"]
    chat.patch("raycluster", cluster, {"spec": {"autoscalerOptions": {"idleTimeoutSeconds": 20}}})

    def one_works() -> bool:
        return len(chat.pods(cluster=cluster, node="worker")) == 1

    # The change before brought a second worker, for the new replica beside the old one.
    until(one_works, "one worker", 200)
    load = Load(chat, SERVE, 90)
    time.sleep(_BEFORE_S)
    chat.run("delete", "pod", pod(chat, "worker"), "--wait=false")
    found = load.result("worker pod deleted")
    assert found["fates"]["answered"] > 0
    lost = sum(count for fate, count in found["fates"].items() if fate != "answered")
    assert lost <= 8, "what was in flight on the ingress of that worker: two for each client"
    until(lambda: both_serve(chat), "head and worker serve", deployments.START_S)
    until(one_works, "one worker", 200)


def test_a_lost_head_is_back_and_callers_are_told_at_once(chat: Kube, service: Manifest):
    """Without fault tolerance a head takes its workers with it; nobody hangs meanwhile."""
    old = pod(chat, "head")
    load = Load(chat, SERVE, 200)
    time.sleep(_BEFORE_S)
    start = time.monotonic()
    chat.run("delete", "pod", old, "--wait=false")
    until(lambda: old not in names(chat), "the old head is gone", 60)
    gone = time.monotonic() - start
    found = load.result("head pod deleted", f"old pod gone after {gone:.0f} s")
    assert gone < 40, "its grace time is 45 s: something does not end by itself"
    assert found["gap_s"] < 180
    assert found["fates"].get("no answer", 0) <= 8, "each client may hang once or twice"
    tables.note("head pod deleted, until the pod is gone", f"{gone:.0f} s")


def test_fault_tolerance_comes_with_a_new_cluster_and_loses_nothing(
    chat: Kube, service: Manifest, redis: None
):
    """A changed cluster spec under load, by both names: the operator's Service and our own."""
    old = service["status"]["activeServiceStatus"]["rayClusterName"]
    loads = {name: Load(chat, name, 230, clients=2) for name in (SERVE, OURS)}
    time.sleep(_BEFORE_S)
    password = {"valueFrom": {"secretKeyRef": {"name": "redis-password", "key": "password"}}}
    options = {"redisAddress": "rayscribe-redis:6379", "redisPassword": password}
    changed = {"rayClusterConfig": {"gcsFaultToleranceOptions": options}}
    chat.patch("rayservice", "vllm", {"spec": changed})
    start = time.monotonic()

    def moved() -> bool:
        status = chat.get("rayservice", "vllm")["status"]
        return bool(status["activeServiceStatus"]["rayClusterName"] != old)

    until(moved, "the new cluster serves", 225)
    took = f"new cluster serves after {time.monotonic() - start:.0f} s"
    for name, load in loads.items():
        found = load.result(f"new cluster, by `{name.split('/')[2]}`", took)
        assert set(found["fates"]) == {"answered"}, name
    chat.run("delete", "raycluster", old, "--wait=true", "--timeout=100s", timeout_s=110)


def test_with_fault_tolerance_workers_answer_while_the_head_is_away(
    chat: Kube, service: Manifest, redis: None
):
    worker, old = pod(chat, "worker"), pod(chat, "head")
    load = Load(chat, SERVE, 120)
    time.sleep(_BEFORE_S)
    chat.run("delete", "pod", old, "--wait=false")
    found = load.result("head pod deleted, with `gcs-fault-tolerance`")
    assert worker in names(chat), "its replicas go on"
    assert found["gap_s"] < 20
    lost = sum(count for fate, count in found["fates"].items() if fate != "answered")
    assert lost < found["fates"]["answered"] / 10


def names(live: Kube) -> set[str]:
    return {one["metadata"]["name"] for one in live.get("pods", service="vllm")}
