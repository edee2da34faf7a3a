"""seed-chat with `gcs-fault-tolerance` under streaming clients: what its replicas outlive.

It comes last: the change makes a new cluster, whose workers may use less memory than the design
document says, so that a test can use it up.
"""

from __future__ import annotations

import time

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import deployments, image
from tests.integration.k8s_live.chat_service import (
    BEFORE_S,
    OURS,
    SERVE,
    again,
    change_cluster,
    delete_cluster,
    lost,
    names,
    pod,
    restarts,
)
from tests.integration.k8s_live.deployments import Load
from tests.integration.k8s_live.kube import ROOT, Kube, until
from tests.integration.k8s_live.volumes import volume_for
from tests.support.one_node.cluster import NodeCluster

pytestmark = pytest.mark.faults
_WORKER_MEMORY = "4Gi"
_GAP_S = 5.0
"""Measured: .4 to .7 s; a busy machine is given the rest."""
_CAUSES = """While the old pod is there: callers are sent to a head that ends. When the new one
is in the Service: its proxy takes requests that Serve still gives to the old head's replica
(RAY_SERVE_SLOW_STARTUP_WARNING_S). Some seconds later: the proxies read the new replica's class by
a connection to Ray's tables that nothing used since (serving/gcs_connection.py)."""
_FILL = "dd if=/dev/zero of=/dev/shm/full bs=1M"
"""Takes memory that no process can be made to give back, up to the limit of the container."""


@pytest.fixture(scope="module")
def redis(chat: Kube, node: NodeCluster | None) -> None:
    """Redis as the component has it, with its Secret. It goes after the cluster that needs it."""
    if node is not None:
        node.load(image.redis_archive(image.CACHE), image.REDIS)
    text = (ROOT / "k8s/components/gcs-fault-tolerance/redis.yaml").read_text(encoding="utf-8")
    objects = list(yaml.safe_load_all(text))
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"password": "of-a-test"}}
    labels = {"rayscribe/service": "redis"}
    objects.append(secret | {"metadata": {"name": "redis-password", "labels": labels}})
    volume_for(chat, "tables-rayscribe-redis-0")
    chat.apply(objects)
    redis_is_ready(chat)


def redis_is_ready(live: Kube) -> None:
    words = ("rollout", "status", "statefulset/rayscribe-redis", "--timeout=100s")
    live.run(*words, timeout_s=110)


def with_fault_tolerance(service: Manifest) -> Manifest:
    """The change of the component, and less memory for workers."""
    password = {"valueFrom": {"secretKeyRef": {"name": "redis-password", "key": "password"}}}
    options = {"redisAddress": "rayscribe-redis:6379", "redisPassword": password}
    [group] = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    container = group["template"]["spec"]["containers"][0]
    for each in container["resources"].values():
        each["memory"] = _WORKER_MEMORY
    return {"gcsFaultToleranceOptions": options, "workerGroupSpecs": [group]}


def test_fault_tolerance_comes_with_a_new_cluster_and_loses_nothing(
    chat: Kube, service: Manifest, redis: None
):
    """A changed cluster spec under load, by both names: the operator's Service and our own."""
    loads = {name: Load(chat, name, clients=2) for name in (SERVE, OURS)}
    time.sleep(BEFORE_S)
    took = change_cluster(chat, service, with_fault_tolerance(service))
    for name, load in loads.items():
        found = load.stop().result(f"new cluster, by `{name.split('/')[2]}`", took)
        assert set(found["fates"]) == {"answered"}, name
    delete_cluster(chat, service)


def test_with_fault_tolerance_workers_answer_while_the_head_is_away(
    chat: Kube, service: Manifest, redis: None
):
    """Nothing stops: k8s/README.md ("What a lost head costs") has what did, and when."""
    worker, old = pod(chat, "worker"), pod(chat, "head")
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    deleted = time.time()
    chat.run("delete", "pod", old, "--wait=false")
    until(lambda: old not in names(chat), "the old head is gone", deployments.START_S)
    gone = time.time() - deleted
    again(chat)
    back = time.time() - deleted
    # Serve's first replica on the new head comes into use after its proxy.
    found = load.stop(15).result("head pod deleted, with `gcs-fault-tolerance`")
    assert worker in names(chat), "its replicas go on"
    since = found["gap_begin"] - deleted
    times = f"began {since:.1f} s after the deletion; old pod gone after {gone:.1f} s, new one in "
    assert found["gap_s"] < _GAP_S, f"{times}the Service after {back:.1f} s. {_CAUSES}"
    assert lost(found["fates"]) < found["fates"]["answered"] / 10


def test_a_worker_that_used_its_memory_up_is_replaced(chat: Kube, service: Manifest, redis: None):
    """`/dev/shm` counts against the limit; pods of a cluster that scales are not restarted."""
    head, worker = pod(chat, "head"), pod(chat, "worker")
    cluster = service["status"]["activeServiceStatus"]["rayClusterName"]
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    words = ("exec", worker, "--container=ray-worker", "--", *_FILL.split())
    chat.tried(*words, timeout_s=100)
    until(lambda: "OOMKilled" in chat.events(cluster), "the operator tells of it", 90)
    again(chat, worker)
    what = f"worker out of memory ({_WORKER_MEMORY}), killed by the kernel"
    found = load.stop().result(what, "the operator replaces the pod")
    assert head in names(chat)
    refused = found["fates"].get("refused", 0)
    assert lost(found["fates"]) - refused <= 8, "what was in flight there: two for each client"
    assert refused <= 80, "the Service names a pod that is dead for a second: 4 clients, 10 tries"


def test_replicas_answer_while_redis_is_away(chat: Kube, service: Manifest, redis: None):
    """For half a minute; the head cannot write its tables, and is started anew if it gives up."""
    before = restarts(chat)
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    chat.run("scale", "statefulset/rayscribe-redis", "--replicas=0")
    time.sleep(30)
    chat.run("scale", "statefulset/rayscribe-redis", "--replicas=1")
    redis_is_ready(chat)
    load.stop(30)
    again(chat)
    after = restarts(chat)
    anew = sorted(key.split("/")[1] for key in after if after[key] > before.get(key, -1))
    said = f"started anew: {', '.join(anew) or 'nothing'}"
    found = load.result("Redis away for 30 s, with `gcs-fault-tolerance`", said)
    assert lost(found["fates"]) < found["fates"]["answered"] / 10
