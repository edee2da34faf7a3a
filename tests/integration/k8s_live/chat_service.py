"""seed-chat while it serves: its pods, its Services, and what has to be there before a fault."""

from __future__ import annotations

import time

import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import kube
from tests.integration.k8s_live.deployments import START_S
from tests.integration.k8s_live.kube import Kube, until

SERVE, OURS = "http://vllm-serve-svc:8000", "http://vllm:8000"
GATEWAY = "http://vllm-gateway:8000"
BEFORE_S = 5.0
"""Seconds of load before the fault."""
_FEWER_S = 500.0
"""Within which a worker too many is emptied and goes, with the tests' delays of 20 s each."""


def gateway() -> list[Manifest]:
    """The objects of the component `gateway`, without a namespace."""
    label = {"rayscribe/service": "gateway"}
    found = [one for one in kube.overlay("production") if one["metadata"].get("labels") == label]
    for one in found:
        del one["metadata"]["namespace"]
    return found


def both_serve(live: Kube) -> bool:
    """Whether the head and a worker are behind the Service."""
    label = "--selector=kubernetes.io/service-name=vllm-serve-svc"
    slices = live.run("get", "endpointslices", "--output=json", label)
    found = [
        one
        for each in yaml.safe_load(slices)["items"]
        for one in each.get("endpoints") or []
        if one["conditions"]["ready"]
    ]
    return len(found) >= 2


def again(live: Kube, *gone: str) -> None:
    """Wait until these pods are gone, and the head and a worker serve."""
    until(lambda: not set(gone) & names(live), f"{gone} have ended", START_S)
    until(lambda: both_serve(live), "head and worker serve", START_S)


def one_worker(live: Kube) -> None:
    """Wait until a worker too many is gone."""

    def reached() -> bool:
        status = live.get("rayservice", "vllm")["status"]["activeServiceStatus"]
        cluster = status["rayClusterName"]
        [group] = live.get("raycluster", cluster)["spec"]["workerGroupSpecs"]
        return bool(group["replicas"] == 1 == len(live.pods(cluster=cluster, node="worker")))

    until(reached, "one worker", _FEWER_S)


def change_cluster(live: Kube, service: Manifest, change: Manifest) -> str:
    """Change the cluster's part of a RayService, and wait until a new cluster serves in its place.

    Args:
        live: The cluster.
        service: The RayService as it is.
        change: Of `rayClusterConfig`.

    Returns:
        How long it took.
    """
    old = service["status"]["activeServiceStatus"]["rayClusterName"]
    live.patch("rayservice", "vllm", {"spec": {"rayClusterConfig": change}})
    start = time.monotonic()

    def moved() -> bool:
        status = live.get("rayservice", "vllm")["status"]
        return bool(status["activeServiceStatus"]["rayClusterName"] != old)

    until(moved, "the new cluster serves", START_S)
    return f"new cluster serves after {time.monotonic() - start:.0f} s"


def delete_cluster(live: Kube, service: Manifest) -> None:
    """Delete the cluster that served before, which the operator would do after 15 minutes."""
    old = service["status"]["activeServiceStatus"]["rayClusterName"]
    live.run("delete", "raycluster", old, "--wait=true", "--timeout=100s", timeout_s=110)
    until(lambda: not live.get("pods", cluster=old), "its pods are gone", START_S)


def pod(live: Kube, node: str) -> str:
    """The name of the only pod of a kind, `head` or `worker`."""
    [found] = live.pods(service="vllm", node=node)
    return str(found["metadata"]["name"])


def names(live: Kube) -> set[str]:
    """All pods of the service, also those that are about to end."""
    return {one["metadata"]["name"] for one in live.get("pods", service="vllm")}


def alive(live: Kube) -> set[str]:
    """The pods of the service that are not about to end."""
    return {one["metadata"]["name"] for one in live.pods(service="vllm")}


def lost(fates: dict[str, int]) -> int:
    """Requests without a whole answer."""
    return sum(count for fate, count in fates.items() if fate != "answered")


def restarts(live: Kube) -> dict[str, int]:
    """How often each container of the service was started anew, by pod and container."""
    return {
        f"{one['metadata']['name']}/{each['name']}": each["restartCount"]
        for one in live.pods(service="vllm")
        for each in one["status"].get("containerStatuses") or []
    }
