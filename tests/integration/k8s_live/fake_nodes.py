"""Nodes that kwok pretends, for what one machine cannot hold."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from tests.integration.k8s_live.kube import HERE, Kube
from tests.support.one_node.cluster import NodeCluster

GPU_TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
SPOT_TAINT = {"key": "cloud.google.com/gke-spot", "value": "true", "effect": "NoSchedule"}
_SELECTOR = "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"


def fake_node(name: str, labels: dict[str, str], *taints: dict[str, str], gpus: int = 0) -> Any:
    """A node's manifest."""
    found = yaml.safe_load((HERE / "manifests/fake_node.yaml").read_text(encoding="utf-8"))
    found["metadata"]["name"] = name
    found["metadata"]["labels"] |= labels
    found["spec"]["taints"] = list(taints)
    for each in ("capacity", "allocatable"):
        found["status"][each] |= {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return found


@contextmanager
def pretended(node: NodeCluster, live: Kube, nodes: list[Any]) -> Iterator[None]:
    """Run kwok while the nodes are there."""
    log = (node.log("kwok")).open("ab")
    config = f"--kubeconfig={node.admin_config}"
    stages = f"--config={HERE / 'manifests/kwok_stages.yaml'}"
    lease = "--node-lease-duration-seconds=40"
    words = node.command(node.program("kwok"), config, stages, lease, _SELECTOR)
    process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        live.apply(nodes)
        names = [one["metadata"]["name"] for one in nodes]
        status = yaml.safe_dump_all(nodes)
        live.run("apply", "--server-side", "--subresource=status", "-f-", text=status)
        ready = [f"node/{name}" for name in names]
        live.run("wait", "--for=condition=Ready", *ready, "--timeout=240s", timeout_s=250)
        yield
    finally:
        live.run("delete", "node", "--selector=type=kwok", "--wait=false")
        process.terminate()
        process.wait(timeout=20)
        log.close()
