"""`overlays/batch`: a worker comes because Ray Data asks for it, and goes when it has no work.

The engine is a fake, which asks for CPUs where vLLM asks for GPUs: the group of CPU workers takes
the place of the GPU group, and begins at none. The documents are on the volume of the results.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.batch_job import PAGES, ended, place, rows
from tests.integration.k8s_live.kube import Kube, until

__all__ = ["place"]
pytestmark = pytest.mark.faults
_JOB_S = 600.0
_SETTINGS = {
    "inputs": ["/results/documents"],
    "engine": {"kind": "fake", "workers": 1, "fake": {"delay_ms": 1000}},
    "stages": {"render_workers": 1, "pages_per_task": 2},
}


def job_objects() -> list[Manifest]:
    """The RayJob and its settings, without the bucket and the weights."""
    found = [one for one in kube.overlay("batch") if one["kind"] in ("ConfigMap", "RayJob")]
    for one in found:
        del one["metadata"]["namespace"]
        if one["kind"] == "ConfigMap":
            settings = yaml.safe_load(one["data"]["job.yaml"]) | _SETTINGS
            one["data"]["job.yaml"] = yaml.safe_dump(settings)
    [job] = [one for one in found if one["kind"] == "RayJob"]
    cluster = job["spec"]["rayClusterSpec"]
    [group] = [one for one in cluster["workerGroupSpecs"] if one["groupName"] == "cpu-group"]
    cluster["autoscalerOptions"]["idleTimeoutSeconds"] = 20
    cluster["workerGroupSpecs"] = [group | {"minReplicas": 0, "replicas": 0}]
    for each in (cluster["headGroupSpec"], group):
        plain(each["template"]["spec"])
    [worker] = group["template"]["spec"]["containers"]
    size = {"cpu": "2", "memory": "6Gi"}
    worker["resources"] = {"limits": size, "requests": size}
    return found


def plain(pod: dict[str, Any]) -> None:
    """No bucket, no weights, no rights in a cloud."""
    kept = ("job", "results", "shm")
    pod.pop("serviceAccountName")
    pod["volumes"] = [one for one in pod["volumes"] if one["name"] in kept]
    for container in pod["containers"]:
        mounts = container["volumeMounts"]
        container["volumeMounts"] = [one for one in mounts if one["name"] in kept]


def test_a_worker_comes_by_the_demand_of_the_job_and_goes(place: Kube):
    place.apply(job_objects())
    until(lambda: place.pods(node="head"), "the head", 240)
    assert not place.pods(node="worker"), "none before the job asks"
    start = time.monotonic()
    until(lambda: place.pods(node="worker"), "a worker", 240)
    asked = f"{time.monotonic() - start:.0f} s"
    status = until(lambda: ended(place), "the job has ended", _JOB_S)
    assert status["jobDeploymentStatus"] == "Complete", status
    assert rows(place) == (PAGES, PAGES, ["failed", "ok"])
    start = time.monotonic()
    until(lambda: not place.pods(node="worker"), "no worker", 240)
    assert place.pods(node="head"), "its cluster is still there"
    gone = f"{time.monotonic() - start:.0f} s"
    tables.note("`batch`, from its head to the first worker, which Ray Data asked for", asked)
    tables.note("`batch`, from its end to no worker (delay 20 s)", gone)
