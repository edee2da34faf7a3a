"""Jobs that the driver begins without Ray, and Ray ends: `pipeline.job.local_pass`."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from tests.support import job_process, sample_documents


def test_ray_reads_what_the_driver_left(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(6):
        content = sample_documents.marked(sample_documents.text_pdf(5), number)
        (folder / f"{number}.pdf").write_bytes(content)
    picture = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    for name in ("scan.png", "scan-copy.png"):
        (folder / name).write_bytes(picture)
    (folder / "text-copy.pdf").write_bytes((folder / "0.pdf").read_bytes())
    (folder / "bad.pdf").write_bytes(b"no document")
    command = (folder, "--output", output, "--engine.kind", "fake", "--ray.cpus", 2)
    done = job_process.ocr(*command, "--text-layer", "auto")
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("planned: 10 documents") == 1
    assert "38 to do (6 are copies)" in done.stderr
    receipt = json.loads((output / "receipt.json").read_text())
    assert receipt["rows"] == {"ok": 37, "failed": 1}
    assert receipt["sources"] == {"text_layer": 35, "ocr": 2, "none": 1}
    assert receipt["copied"] == 6
    query = f"""select count(*), count(distinct page_id), count(generate_ms)
                from '{output}/pages/*.parquet'"""
    assert duckdb.sql(query).fetchall() == [(38, 38, 1)]
    again = job_process.ocr(*command, "--text-layer", "auto")
    assert "0 to do, 38 done before" in again.stderr
