"""Jobs that the driver begins without Ray: `pipeline.job.local_pass` and `local_engine`."""

from __future__ import annotations

import json
import sys
import time
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
    # A plan of several shards, of which the driver reads the text layers.
    command += ("--parquet.pages-per-file", 7, "--stages.local-engine-pages", 0)
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


def pictures(folder: Path, count: int, *, wide: int) -> None:
    """So many images that differ; one is wider than high."""
    folder.mkdir()
    for number in range(count):
        size_px = (80, 60) if number == wide else (60, 80)
        image = sample_documents.saved(sample_documents.noise_picture(*size_px), "PNG")
        (folder / f"{number:02}.png").write_bytes(image + b"%d" % number)


def rows_of(output: Path) -> list[tuple[object, ...]]:
    query = f"""select parse_filename(uri), status, error_kind, count(*) over (partition by page_id)
                from '{output}/pages/*.parquet' order by uri"""
    return duckdb.sql(query).fetchall()


def test_ray_reads_what_kills_an_engine_process_of_the_driver(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    pictures(folder, 6, wide=2)
    command = (folder, "--output", output, "--engine.kind", "fake", "--ray.cpus", 1)
    flags = ("--engine.fake.handler", "dies")
    done = job_process.ocr(*command, *flags, timeout_s=170)
    assert done.returncode == 3, done.stderr
    fates = [("ok", None)] * 2 + [("failed", "engine")] + [("ok", None)] * 3
    assert rows_of(output) == [(f"{i:02}.png", *fate, 1) for i, fate in enumerate(fates)]


def test_engine_processes_end_with_a_killed_driver_and_the_job_goes_on(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    pictures(folder, 16, wide=-1)
    command = [sys.executable, "-m", "jobs.ocr", str(folder), "--output", str(output)]
    command += ["--engine.kind", "fake", "--engine.fake.handler", "slow", "--ray.cpus", "2"]
    command += ["--parquet.flush-s", "0.1"]
    started = job_process.start(command)
    deadline = time.monotonic() + 100
    while len(list(output.glob("pages/*.parquet"))) < 2:
        assert started.process.poll() is None, started.process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(started.left()) > 2, "the driver, its engine processes, and their readers"
    started.process.kill()
    started.process.communicate()
    while started.left():
        assert time.monotonic() < deadline + 20
        time.sleep(0.05)
    assert 0 < len(rows_of(output)) < 16
    again = job_process.ocr(*command[3:], timeout_s=170)
    assert again.returncode == 0, again.stderr
    assert "engine" in " ".join(path.name for path in output.glob("pages/*.parquet"))
    assert rows_of(output) == [(f"{i:02}.png", "ok", None, 1) for i in range(16)]


def test_one_cpu_is_enough_for_a_plan_of_several_shards(tmp_path: Path) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    pictures(folder, 6, wide=-1)
    command = (folder, "--output", output, "--engine.kind", "fake", "--ray.cpus", 1)
    on_ray = ("--stages.local-plan-s", 0, "--stages.local-pages", 0, "--stages.stall-s", 60)
    done = job_process.ocr(*command, *on_ray, "--parquet.pages-per-file", 2)
    assert done.returncode == 0, done.stderr
    assert "are started again" not in done.stderr
    assert [row[1:] for row in rows_of(output)] == [("ok", None, 1)] * 6
