"""A batch job whose documents are on its volume: pages of which a fake engine reads each slowly.

The last document is damaged, so its page fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.k8s_live import kube
from tests.integration.k8s_live.kube import HERE, Kube
from tests.integration.k8s_live.volumes import volume_for

PAGES = 41
_DOCUMENTS = """
import os, sys
from PIL import Image, ImageDraw
os.makedirs("/results/documents")
for number in range(int(sys.argv[1])):
    page = Image.new("L", (800, 600), 255)
    ImageDraw.Draw(page).text((60, 60), f"Page {number} of a job that is disturbed", 0)
    page.save(f"/results/documents/{number:03}.png")
with open("/results/documents/damaged.png", "wb") as file:
    file.write(b"no picture")
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


@pytest.fixture
def place(live: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """A namespace with the documents on the job's volume."""
    namespace = f"batch-{abs(hash(request.node.name)) % 10**6}"
    live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}])
    apart = live.within(namespace)
    volume_for(apart, "results")
    objects = kube.overlay("dev-batch")
    claims = [one for one in objects if one["kind"] == "PersistentVolumeClaim"]
    writer = yaml.safe_load((HERE / "manifests/writer.yaml").read_text(encoding="utf-8"))
    apart.apply([*claims, writer])
    apart.run("wait", "--for=condition=Ready", "pod/writer", "--timeout=100s", timeout_s=110)
    apart.run("exec", "writer", "--", "python", "-c", _DOCUMENTS, str(PAGES - 1))
    yield apart
    apart.delete([one for one in objects if one["kind"] == "RayJob"])
    live.run("delete", "namespace", namespace, "--wait=false")
    live.tried("delete", "pv", f"{namespace}-results", "--wait=false")


def rows(place: Kube) -> tuple[int, int, list[str]]:
    """Rows, different pages among them, and their states."""
    said = place.run("exec", "writer", "--", "python", "-c", _COUNT)
    count, different, states = json.loads(said)
    return count, different, states


def ended(place: Kube) -> dict[str, Any] | None:
    """The status of the RayJob once it is final."""
    status: dict[str, Any] = place.get("rayjob", "ocr-batch").get("status", {})
    return status if status.get("jobDeploymentStatus") in ("Complete", "Failed") else None
