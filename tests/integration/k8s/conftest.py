"""Checks of the deployments: `make test-k8s`. They need `kubectl` and KubeRay's CRDs.

kubectl is in the dev lock. Without the CRDs the run fails: none of these tests is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from k8s import render
from tests.integration.k8s import crds, kuberay, local_cluster, manifests
from tests.support import job_process


def pytest_configure() -> None:
    """Fail before the first test where something is missing, with how to get it."""
    try:
        render.kubectl()
    except RuntimeError as error:
        raise pytest.UsageError(str(error)) from None
    if missing := crds.missing():
        raise pytest.UsageError(missing)


@pytest.fixture(scope="session")
def cluster() -> Iterator[local_cluster.Cluster]:
    """The code is found by PYTHONPATH, and proxies have our hook, as in a pod; GPUs are numbers."""
    port, metrics = job_process.free_port(), job_process.free_port()
    flags = ("--num-cpus=4", "--num-gpus=2", f"--metrics-export-port={metrics}")
    [_, worker] = manifests.pods(manifests.one("RayService", "seed-ocr"))
    name = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
    variables = {"PYTHONPATH": str(manifests.ROOT), name: kuberay.env(worker.ray)[name]}
    with job_process.running_head(*flags, **variables) as head:
        yield local_cluster.Cluster(head, port, metrics)
