"""`overlays/dev-batch`: a RayJob that reads the samples, on a volume that outlives it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.kube import HERE, Kube, until
from tests.integration.k8s_live.volumes import volume_for

_JOB_S = 800.0


@pytest.fixture(scope="module")
def job(live: Kube) -> Iterator[dict[str, Any]]:
    """The RayJob after it ended."""
    objects = kube.overlay("dev-batch")
    start = time.monotonic()
    live.apply(objects)
    events = until(lambda: live.events("results") if claim_waits(live) else "", "an event")
    volume_for(live, "results")

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = live.get("rayjob", "ocr-batch")
        state = found.get("status", {}).get("jobDeploymentStatus")
        return found if state in ("Complete", "Failed") else None

    found = until(ended, "the job has ended", _JOB_S)
    tables.note(
        "`dev-batch`, from `kubectl apply` to Complete", f"{time.monotonic() - start:.0f} s"
    )
    log = live.run("logs", "job/ocr-batch", "--tail=-1")
    yield found | {"log": log, "claim": events}
    # The job's cluster ends beside the next tests, which use none of these names.
    live.delete(objects, "--wait=false")
    live.tried("delete", "pv", f"{live.namespace}-results", "--wait=false")


def claim_waits(live: Kube) -> bool:
    return bool(live.events("results").strip()) or bool(live.get("storageclass"))


def test_a_claim_without_a_class_says_why_it_waits(live: Kube, job: dict[str, Any]):
    if not live.get("storageclass"):
        assert "no persistent volumes available for this claim and no storage class" in job["claim"]


def test_the_job_succeeds_and_its_receipt_counts_every_page(job: dict[str, Any]):
    assert job["status"]["jobStatus"] == "SUCCEEDED", job["log"]
    assert "Some pages failed" not in job["log"]


def test_the_receipt_ends_with_a_command_that_runs_in_the_container(
    live: Kube, job: dict[str, Any]
):
    [line] = [one for one in job["log"].splitlines() if "Read the pages:" in one]
    assert line.split("Read the pages:")[1].strip() == "python -m jobs.show /results/ocr"
    reader = yaml.safe_load((HERE / "manifests/reader.yaml").read_text(encoding="utf-8"))
    live.apply([reader])
    try:
        live.run("wait", "--for=condition=Ready", "pod/reader", "--timeout=300s", timeout_s=310)
        shown = live.run("exec", "reader", "--", "python", "-m", "jobs.show", "/results/ocr")
        for name in ("article.pdf", "fax.tiff", "invoice.pdf", "notice.jpg"):
            assert f"samples/{name}" in shown
        rows = "import pyarrow.parquet as p; t = p.read_table('/results/ocr/pages'); print("
        rows += "t.num_rows, len(set(t['page_id'].to_pylist())), set(t['status'].to_pylist()))"
        counted = live.run("exec", "reader", "--", "python", "-c", rows)
        assert counted.strip() == "5 5 {'ok'}"
        receipt = live.run("exec", "reader", "--", "cat", "/results/ocr/receipt.json")
        assert json.loads(receipt)
    finally:
        live.delete([reader])
