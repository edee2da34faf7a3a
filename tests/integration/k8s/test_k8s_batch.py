"""The entrypoint of the RayJobs, submitted from their own YAML to a real Ray cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from tests.integration.k8s import manifests
from tests.integration.k8s.local_cluster import Cluster
from tests.integration.k8s.manifests import ROOT, Manifest
from tests.support import job_process


def settings(overlay: str) -> Manifest:
    [found] = [one for one in manifests.of_kind("ConfigMap", overlay) if "job.yaml" in one["data"]]
    return found


def mounted(overlay: str, folder: Path) -> dict[str, Path]:
    """The volumes of the head as folders here, by the path at which the pod sees them."""
    head = manifests.pods(manifests.one("RayJob", overlay))[0]
    claims = {volume["name"]: volume for volume in head.spec["volumes"]}
    found = {}
    for mount in head.ray["volumeMounts"]:
        place = folder / mount["name"]
        place.mkdir(exist_ok=True)
        if "configMap" in claims[mount["name"]]:
            assert (
                claims[mount["name"]]["configMap"]["name"] == settings(overlay)["metadata"]["name"]
            )
            for key, text in settings(overlay)["data"].items():
                (place / key).write_text(text, encoding="utf-8")
        found[mount["mountPath"]] = place
    return found


def here(text: str, places: dict[str, Path]) -> str:
    for path, place in places.items():
        text = text.replace(path, str(place))
    return text


def submit(overlay: str, cluster: Cluster, places: dict[str, Path]) -> None:
    """What KubeRay's submitter does with the fields of a RayJob."""
    spec = manifests.one("RayJob", overlay)["spec"]
    command = ["ray", "job", "submit", "--address", cluster.head.dashboard]
    if environment := spec.get("runtimeEnvYAML"):
        command += ["--runtime-env-json", yaml.safe_load(environment)]
    command += ["--", *here(spec["entrypoint"], places).split()]
    done = subprocess.run(
        command,
        env=job_process.environment(**job_process.TOKEN),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def adapt(places: dict[str, Path], **changes: Any) -> None:
    """Put the paths of this machine into the job's settings, and what it has no GPU for."""
    file = places["/etc/rayscribe"] / "job.yaml"
    config = yaml.safe_load(here(file.read_text(encoding="utf-8"), places))
    file.write_text(yaml.safe_dump(config | changes), encoding="utf-8")


def test_the_job_of_the_batch_overlay_succeeds_with_bad_pages_and_does_nothing_twice(
    cluster: Cluster, tmp_path: Path
):
    places = mounted("batch", tmp_path)
    assert set(places) == {"/etc/rayscribe", "/documents", "/results"}
    for sample in ROOT.glob("samples/*.[pt]*f*"):
        shutil.copy(sample, places["/documents"])
    (places["/documents"] / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    adapt(places, engine={"kind": "fake", "workers": 1, "max_workers": 2})
    submit("batch", cluster, places)
    statuses = pq.read_table(places["/results"] / "ocr/pages")["status"].to_pylist()
    assert statuses.count("failed") == 1
    receipt = json.loads((places["/results"] / "ocr/receipt.json").read_text(encoding="utf-8"))
    assert receipt["rows"]["failed"] == 1
    rows = len(statuses)
    assert rows > 1
    submit("batch", cluster, places)
    assert pq.read_table(places["/results"] / "ocr/pages").num_rows == rows, "nothing is done twice"


def test_the_job_for_a_laptop_reads_the_samples(cluster: Cluster, tmp_path: Path):
    places = mounted("dev-batch", tmp_path) | {"/app": ROOT}
    assert "/documents" not in places
    adapt(places)
    submit("dev-batch", cluster, places)
    table = pq.read_table(places["/results"] / "ocr/pages")
    assert table.num_rows == 5
    assert set(table["status"].to_pylist()) == {"ok"}


@pytest.mark.parametrize("overlay", ["batch", "batch-queued", "dev-batch"])
def test_every_pod_of_a_job_sees_the_same_folders(overlay: str):
    """Documents are opened and rows are written wherever Ray puts the work."""
    job = manifests.one("RayJob", overlay)
    shared = [
        {m["mountPath"] for m in pod.ray["volumeMounts"]} - {"/etc/rayscribe", "/dev/shm", "/cache"}
        for pod in manifests.pods(job)
        if pod.group != "submitter"
    ]
    assert all(paths == shared[0] for paths in shared)
