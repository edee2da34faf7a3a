"""Volumes for claims, where nothing in the cluster makes them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import yaml

from tests.integration.k8s_live.kube import HERE, Kube

FOLDER = Path(tempfile.gettempdir()) / "rayscribe-volumes"
"""On the machine, whose file system the node of our own cluster has."""


def volume_for(live: Kube, claim: str) -> None:
    """A folder of the node for a claim, if the cluster has no class that makes volumes."""
    if live.get("storageclass"):
        return
    name = f"{live.namespace}-{claim}"
    path = FOLDER / name
    if not os.environ.get("KUBECONFIG"):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o777)  # the kubelet would make it for root alone
    volume = yaml.safe_load((HERE / "manifests/volume.yaml").read_text(encoding="utf-8"))
    volume["metadata"]["name"] = name
    volume["spec"]["claimRef"] = {"namespace": live.namespace, "name": claim}
    volume["spec"]["hostPath"]["path"] = str(path)
    live.apply([volume])
