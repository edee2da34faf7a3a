"""`overlays/dev-batch` whose driver dies, and whose head pod is deleted, in the middle of the job.

Forty pages and the fake engine, which takes a second for each, so there is a middle. The job is
tried again and does what has no row yet: all pages, none twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.kube import HERE, Kube, until
from tests.integration.k8s_live.volumes import volume_for

pytestmark = pytest.mark.faults
_PAGES = 40
_JOB_S = 600.0
"""Seconds for two clusters, one after the other, on a machine that does other things too."""
_SETTINGS = {
    "inputs": ["/results/documents"],
    "output": "/results/ocr",
    "engine": {"kind": "fake", "workers": 1, "pages_in_flight": 2, "fake": {"delay_ms": 1000}},
    "parquet": {"flush_s": 1},
    "stages": {"pages_per_task": 2},
}
_DOCUMENTS = """
import os, sys
from PIL import Image, ImageDraw
os.makedirs("/results/documents")
for number in range(int(sys.argv[1])):
    page = Image.new("L", (800, 600), 255)
    ImageDraw.Draw(page).text((60, 60), f"Page {number} of a job that is disturbed", 0)
    page.save(f"/results/documents/{number:03}.png")
"""
_COUNT = """
import glob, json
import pyarrow.parquet as parquet
rows = []
for path in glob.glob("/results/ocr/pages/*.parquet"):
    rows += parquet.read_table(path, columns=["page_id", "status"]).to_pylist()
ids = [row["page_id"] for row in rows]
print(json.dumps([len(ids), len(set(ids)), sorted({row["status"] for row in rows})]))
"""
_KILL = """
import os, signal
for name in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{name}/cmdline", "rb") as file:
        words = file.read().split(b"\\0")
    if words[1:3] == [b"-m", b"jobs.ocr"]:
        os.kill(int(name), signal.SIGKILL)
        print(name)
"""


@pytest.fixture
def place(live: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace with the documents on the job's volume."""
    namespace = f"batch-{abs(hash(request.node.name)) % 10**6}"
    live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}])
    apart = live.within(namespace)
    volume_for(apart, "results")
    claims = [one for one in job_objects() if one["kind"] == "PersistentVolumeClaim"]
    writer = yaml.safe_load((HERE / "manifests/writer.yaml").read_text(encoding="utf-8"))
    apart.apply([*claims, writer])
    apart.run("wait", "--for=condition=Ready", "pod/writer", "--timeout=100s", timeout_s=110)
    apart.run("exec", "writer", "--", "python", "-c", _DOCUMENTS, str(_PAGES))
    yield apart
    apart.delete([one for one in job_objects() if one["kind"] == "RayJob"])
    live.run("delete", "namespace", namespace, "--wait=false")
    live.tried("delete", "pv", f"{namespace}-results", "--wait=false")


def job_objects() -> list[Manifest]:
    """The overlay with the settings of this test."""
    objects = kube.overlay("dev-batch")
    for one in objects:
        if one["kind"] == "ConfigMap":
            settings = yaml.safe_load(one["data"]["job.yaml"]) | _SETTINGS
            one["data"]["job.yaml"] = yaml.safe_dump(settings)
    return objects


def rows(place: Kube) -> tuple[int, int, list[str]]:
    """Rows, different pages among them, and their states."""
    said = place.run("exec", "writer", "--", "python", "-c", _COUNT)
    count, different, states = json.loads(said)
    return count, different, states


def head(place: Kube) -> str:
    [found] = place.pods(node="head")
    return str(found["metadata"]["name"])


def kill_driver(place: Kube) -> None:
    """What the kernel does when memory runs out."""
    words = ("exec", head(place), "--container=ray-head", "--", "python", "-c", _KILL)
    assert place.run(*words).strip(), "there was a driver"


def delete_head(place: Kube) -> None:
    place.run("delete", "pod", head(place), "--wait=false")


def ended(place: Kube) -> dict[str, Any] | None:
    """The status of the RayJob once it is final."""
    status: dict[str, Any] = place.get("rayjob", "ocr-batch").get("status", {})
    return status if status.get("jobDeploymentStatus") in ("Complete", "Failed") else None


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
    assert written < _PAGES, "the job is in its middle"
    bring_about(place)
    status = until(lambda: ended(place), "the job has ended", _JOB_S)
    assert status["jobDeploymentStatus"] == "Complete", status
    assert rows(place) == (_PAGES, _PAGES, ["ok"])
    what = f"{written} of {_PAGES} pages had a row; Complete after {time.monotonic() - start:.0f} s"
    again = f"clusters: {status.get('failed', 0) + 1}"
    tables.job_fault(f"RayJob, {fault}", _PAGES, *rows(place)[:2], f"{what}; {again}")
