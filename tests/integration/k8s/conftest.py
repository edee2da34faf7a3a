"""Checks of the deployments: `make test-k8s`. They need `kubectl` and KubeRay's CRDs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.integration.k8s import crds, local_cluster, manifests
from tests.support import job_process


def pytest_configure() -> None:
    """Say what is missing once, and before anything else: none of these tests can do without."""
    if shutil.which("kubectl") is None:
        raise pytest.UsageError(
            "kubectl is wanted on PATH, for its kustomize (no cluster is spoken to):"
            " https://kubernetes.io/docs/tasks/tools/"
        )
    if missing := crds.missing():
        raise pytest.UsageError(missing)


@pytest.fixture(scope="session")
def cluster() -> Iterator[local_cluster.Cluster]:
    """The code is found by PYTHONPATH, as in a pod; GPUs are numbers."""
    port, metrics = job_process.free_port(), job_process.free_port()
    flags = ("--num-cpus=4", "--num-gpus=2", f"--metrics-export-port={metrics}")
    with job_process.running_head(*flags, PYTHONPATH=str(manifests.ROOT)) as head:
        yield local_cluster.Cluster(head, port, metrics)
