"""`overlays/dev-batch` whose driver dies, and whose head pod is deleted, in the middle of the job.

Forty pages and the fake engine, which takes a second for each, so there is a middle. The job is
tried again and does what has no row yet: all pages, none twice. One document more is damaged: its
page fails, and the job is complete all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.batch_job import PAGES, ended, place, rows
from tests.integration.k8s_live.kube import Kube, until

__all__ = ["place"]
pytestmark = pytest.mark.faults
_JOB_S = 600.0
"""Seconds for two clusters, one after the other, on a machine that does other things too."""
_SETTINGS = {
    "inputs": ["/results/documents"],
    "output": "/results/ocr",
    "engine": {"kind": "fake", "workers": 1, "pages_in_flight": 2, "fake": {"delay_ms": 1000}},
    "parquet": {"flush_s": 1},
    "stages": {"pages_per_task": 2},
}
_KILL = """
import os, signal
for name in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{name}/cmdline", "rb") as file:
        words = file.read().split(b"\\0")
    if words[1:3] == [b"-m", b"jobs.ocr"]:
        os.kill(int(name), signal.SIGKILL)
        print(name)
"""


def job_objects() -> list[Manifest]:
    """The overlay with the settings of this test."""
    objects = kube.overlay("dev-batch")
    for one in objects:
        if one["kind"] == "ConfigMap":
            settings = yaml.safe_load(one["data"]["job.yaml"]) | _SETTINGS
            one["data"]["job.yaml"] = yaml.safe_dump(settings)
    return objects


def head(place: Kube) -> str:
    [found] = place.pods(node="head")
    return str(found["metadata"]["name"])


def kill_driver(place: Kube) -> None:
    """What the kernel does when memory runs out."""
    words = ("exec", head(place), "--container=ray-head", "--", "python", "-c", _KILL)
    assert place.run(*words).strip(), "there was a driver"


def delete_head(place: Kube) -> None:
    place.run("delete", "pod", head(place), "--wait=false")


@pytest.mark.parametrize(
    ("fault", "bring_about"),
    [("driver killed (SIGKILL)", kill_driver), ("head pod deleted", delete_head)],
)
def test_a_disturbed_job_is_tried_again_and_has_every_page_once(
    place: Kube, fault: str, bring_about: Callable[[Kube], None]
):
    place.apply(job_objects())
    start = time.monotonic()
    written = until(lambda: rows(place)[0], "the first rows", 240)
    assert written < PAGES, "the job is in its middle"
    bring_about(place)
    status = until(lambda: ended(place), "the job has ended", _JOB_S)
    assert status["jobDeploymentStatus"] == "Complete", status
    assert rows(place) == (PAGES, PAGES, ["failed", "ok"])
    what = f"{written} pages had a row; Complete after {time.monotonic() - start:.0f} s"
    again = f"clusters: {status.get('failed', 0) + 1}; one document is damaged"
    tables.job_fault(f"RayJob, {fault}", PAGES, *rows(place)[:2], f"{what}; {again}")
