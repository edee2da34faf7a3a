"""Which nodes pods go to, and 64 GPU workers: on nodes that kwok pretends.

The scheduler, the operator and Ray's autoscaler are real; what they place on these nodes does not
run. The test's policy leaves node selectors alone in this namespace.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import deployments, kube, tables
from tests.integration.k8s_live.fake_nodes import GPU_TAINT, SPOT_TAINT, fake_node, pretended
from tests.integration.k8s_live.kube import Kube, until
from tests.support.one_node.cluster import NodeCluster
from tests.support.one_node.layout import NODE

NAMESPACE = "many-nodes"
CAPACITY = "karpenter.sh/capacity-type"
_GPU_NODES = 64


@pytest.fixture(scope="module")
def many(live: Kube, node: NodeCluster | None) -> Iterator[Kube]:
    """A namespace, with nodes of each kind that the overlays name."""
    if node is None:
        pytest.skip("kwok pretends nodes only in the test's own cluster")
    live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    nodes = [
        fake_node("group-x86", {"NodeGroupType": "x86-cpu-karpenter"}),
        fake_node("group-g5", {"NodeGroupType": "g5-gpu-karpenter"}, GPU_TAINT, gpus=1),
    ]
    for number in range(_GPU_NODES):
        name = f"spot-{number:02}"
        nodes.append(fake_node(name, {CAPACITY: "spot"}, GPU_TAINT, SPOT_TAINT, gpus=1))
    live.run("label", "node", NODE, f"{CAPACITY}=on-demand")
    with pretended(node, live, nodes):
        # Its head, which is real, starts beside the other tests.
        live.apply([cluster_of_batch()])
        yield live.within(NAMESPACE)
        live.run("delete", "rayservice,raycluster", f"--namespace={NAMESPACE}", "--all")
        live.run("delete", "namespace", NAMESPACE, "--wait=false")
        live.run("delete", "pod", "--all", f"--namespace={NAMESPACE}", "--force")
    live.run("label", "node", NODE, f"{CAPACITY}-")


def places(many: Kube, **labels: str) -> set[str]:
    """The nodes of the running pods with the labels."""
    found = [one for one in many.pods(**labels) if one["status"].get("phase") == "Running"]
    return {one["spec"]["nodeName"] for one in found}


def test_seed_chat_goes_to_the_node_groups_of_its_document(many: Kube):
    objects = [one for one in kube.overlay("seed-chat") if one["kind"] != "Service"]
    many.apply(deployments.without_gpu(objects))
    placed = partial(places, many, service="vllm")
    until(lambda: placed(node="head") == {"group-x86"}, "the head on its group", 300)
    until(lambda: placed(node="worker") == {"group-g5"}, "a worker on its group", 300)
    many.delete([one for one in objects if one["kind"] == "RayService"])


def test_a_pod_without_the_toleration_does_not_get_a_gpu_node(many: Kube):
    container = {"name": "plain", "image": "rayscribe:0.1.0-cpu", "command": ["true"]}
    selector = {"NodeGroupType": "g5-gpu-karpenter"}
    spec = {"containers": [container], "nodeSelector": selector}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "plain"}, "spec": spec}
    many.apply([pod])
    until(lambda: "untolerated taint" in many.events("plain"), "the scheduler's reason", 240)
    many.delete([pod])


def cluster_of_batch() -> Manifest:
    """The RayCluster of `overlays/batch` with 64 GPU workers at most, and without its volumes."""
    [job] = [one for one in kube.overlay("batch") if one["kind"] == "RayJob"]
    spec = job["spec"]["rayClusterSpec"]
    [gpu_group] = [one for one in spec["workerGroupSpecs"] if one["groupName"] == "gpu-group"]
    gpu_group["maxReplicas"] = _GPU_NODES
    spec["workerGroupSpecs"] = [gpu_group]
    for group in (spec["headGroupSpec"], gpu_group):
        without_volumes(group["template"]["spec"])
    metadata = {"name": "batch", "namespace": NAMESPACE}
    return {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": metadata, "spec": spec}


def without_volumes(pod: dict[str, Any]) -> None:
    """No claim is bound here, and the head is a real pod."""
    pod["volumes"] = [one for one in pod.get("volumes", []) if one["name"] == "shm"]
    pod.pop("serviceAccountName", None)
    for container in [*pod["containers"], *pod.get("initContainers", [])]:
        mounts = container.get("volumeMounts", [])
        container["volumeMounts"] = [one for one in mounts if one["name"] == "shm"]


def test_64_gpu_workers_are_asked_for_and_given_on_spot_nodes(many: Kube):
    placed = partial(places, many, cluster="batch")
    until(lambda: placed(node="head") == {NODE}, "the head on the node that is paid for", 300)
    [head] = many.pods(cluster="batch", node="head")
    name = head["metadata"]["name"]
    ready = ("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=300s")
    many.run(*ready, timeout_s=310)
    asked = "import ray; from ray.autoscaler.sdk import request_resources as ask; ray.init('auto');"
    asked += f"ask(bundles=[{{'GPU': 1}}] * {_GPU_NODES})"
    many.run("exec", name, "--container=ray-head", "--", "python", "-c", asked, timeout_s=300)
    start = time.monotonic()
    until(lambda: len(placed(node="worker")) == _GPU_NODES, f"{_GPU_NODES} GPU workers", 480)
    took = f"{time.monotonic() - start:.0f} s"
    assert {one.partition("-")[0] for one in placed(node="worker")} == {"spot"}
    what = (
        f"`batch`, {_GPU_NODES} GPUs asked of Ray, until {_GPU_NODES} pods run on spot nodes (kwok)"
    )
    tables.note(what, took)
