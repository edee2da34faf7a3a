from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow.dataset as ds
import pytest

from pipeline.output import schema
from pipeline.output.rows import page_results
from tests.support import job_process, sample_documents

FAKE = ("--engine.kind", "fake", "--ray.cpus", "2", "--text-layer", "never")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    picture = sample_documents.corner_picture()
    (folder / "three pages.pdf").write_bytes(sample_documents.text_pdf(3))
    (folder / "frames.tiff").write_bytes(sample_documents.frames_tiff([picture, picture]))
    (folder / "ümlaut.png").write_bytes(sample_documents.saved(picture, "PNG"))
    (folder / "locked.pdf").write_bytes(sample_documents.encrypted_pdf("secret"))
    (folder / "empty.pdf").write_bytes(b"")
    (folder / "cut.png").write_bytes(
        sample_documents.saved(sample_documents.noise_picture(99, 99), "PNG")[:4000]
    )
    (folder / "notes.txt").write_text("no document")
    return folder


@pytest.fixture(scope="module")
def output(folder: Path, head: job_process.Head, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("result") / "deep" / "out"
    done = job_process.ocr(folder, "--output", output, *FAKE, head=head)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "their rows say why" in done.stdout
    return output


def statuses(output: Path) -> list[tuple[str, int, str, str | None]]:
    query = f"""select parse_filename(uri), page, status, error_kind
                from '{output}/pages/*.parquet' order by uri, page"""
    return duckdb.sql(query).fetchall()


def test_every_page_has_its_row_in_duckdb(output: Path):
    assert statuses(output) == [
        ("cut.png", 1, "failed", "render"),
        ("empty.pdf", 0, "failed", "empty"),
        ("frames.tiff", 1, "ok", None),
        ("frames.tiff", 2, "ok", None),
        ("locked.pdf", 0, "failed", "password"),
        ("three pages.pdf", 1, "ok", None),
        ("three pages.pdf", 2, "ok", None),
        ("three pages.pdf", 3, "ok", None),
        ("ümlaut.png", 1, "ok", None),
    ]


def test_pyarrow_and_pandas_read_the_folder(output: Path):
    import pandas as pd

    table = ds.dataset(output / "pages", format="parquet").to_table()
    assert table.schema.equals(schema.PAGES)
    assert len(pd.read_parquet(output / "pages")) == table.num_rows == 9
    assert len(page_results(table)) == 9


def test_the_receipt_adds_up(output: Path):
    receipt = json.loads((output / "receipt.json").read_text())
    assert (receipt["documents"], receipt["pages"], receipt["unreadable_documents"]) == (6, 7, 2)
    assert receipt["rows"] == {"ok": 6, "failed": 3}
    assert receipt["files_left_out"] == {".txt": 1}
    assert {kind: group["count"] for kind, group in receipt["errors"].items()} == {
        "render": 1,
        "empty": 1,
        "password": 1,
    }
    assert "locked.pdf" in receipt["errors"]["password"]["example"]
    assert set(receipt["peak_mib"]) == {"driver", "plan", "render", "recognise"}
    assert all(0 <= share <= 1 for share in receipt["busy"].values())
    assert receipt["recipe"]["engine"] == "fake"
    assert len(receipt["slowest_pages"]) == 5


def test_again_nothing_is_done_twice_and_new_files_are_done(
    output: Path, folder: Path, head: job_process.Head
):
    before = sorted((output / "pages").iterdir())
    (folder / "new.pdf").write_bytes(sample_documents.text_pdf(1))
    try:
        done = job_process.ocr(folder, "--output", output, *FAKE, head=head)
    finally:
        (folder / "new.pdf").unlink()
    assert done.returncode == 3, "failed pages of before still count"
    assert "1 to do, 9 done before" in done.stderr
    after = sorted((output / "pages").iterdir())
    assert len(after) == len(before) + 1
    assert ("new.pdf", 1, "ok", None) in statuses(output)
    assert len(statuses(output)) == 10


def test_a_dry_run_writes_nothing(folder: Path, tmp_path: Path, head: job_process.Head):
    done = job_process.ocr(
        folder, "--output", tmp_path / "o", "--pages", "2-", "--dry-run", *FAKE, head=head
    )
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for fact in (
        "documents 6 ",
        "2 of them cannot be opened",
        "pages 3 ",
        "4 pages by --pages, --max-pages; 1 other file in folders",
        "5 rows",
        "engine fake",
    ):
        assert fact in text, text
    assert not (tmp_path / "o").exists()


def test_ctrl_c_stops_says_how_to_go_on_and_leaves_nothing(folder: Path, tmp_path: Path):
    command = [sys.executable, "-m", "jobs.ocr", str(folder / "three pages.pdf")]
    slow = ["--engine.fake.handler", "slow", "--engine.fake.delay-ms", "60000"]
    progress = ["--progress.interval-s", "0.5"]
    started = job_process.start(
        [*command, "--output", str(tmp_path / "o"), *FAKE, *slow, *progress]
    )
    lines = [started.process.stderr.readline()]
    while not lines[-1].startswith("recognise"):
        assert lines[-1], "".join(lines)
        lines.append(started.process.stderr.readline())
    time.sleep(2)
    os.killpg(started.process.pid, signal.SIGINT)
    _, errors = started.process.communicate(timeout=30)
    assert started.process.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    assert started.left() == []


def test_a_job_imports_ray_where_it_needs_it() -> None:
    code = "import sys, jobs.ocr\nfrom pipeline.job import report, run\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "pipeline.job.local_pass" in modules
    assert not {"ray", "pandas", "pymupdf", "onnxruntime"} & set(modules)


def test_the_engine_is_chosen_before_it_is_decided_where_pages_are_read(tmp_path: Path):
    """Without layers that depends on how fast the engine is, and `auto` is none."""
    source = job_process.ROOT / "samples" / "notice.jpg"
    done = job_process.ocr(source, "--output", tmp_path / "out", "--text-layer", "never")
    assert done.returncode == 0, done.stderr
    assert "engine: onnx (engine.kind auto)" in done.stderr
    assert statuses(tmp_path / "out") == [("notice.jpg", 1, "ok", None)]
