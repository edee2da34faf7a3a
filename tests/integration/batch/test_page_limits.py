"""A job with pages that only a limit stops: each costs its own row, the pages after it go on."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
import pytest

from jobs import ocr
from pipeline.job import signals
from tests.support import job_process, sample_documents

INFLATES = [("ok", None), ("failed", "limit"), ("ok", None)]
"""Status and error of the pages of a document of which the second inflates."""


def rows_of(output: Path) -> list[tuple[object, ...]]:
    query = f"""select parse_filename(uri), page, status, error_kind
                from '{output}/pages/*.parquet' order by uri, page"""
    return duckdb.sql(query).fetchall()


@pytest.mark.parametrize("text_layer", ["never", "auto"])
def test_pages_that_do_not_end_fail_alone(
    tmp_path: Path, head: job_process.Head, text_layer: str
) -> None:
    """MuPDF is in C code, in nested forms; it is killed at the limit."""
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    (folder / "inflates.pdf").write_bytes(sample_documents.inflating_pdf(96))
    done = job_process.ocr(
        *(folder, "--output", output, "--engine.kind", "fake", "--ray.cpus", "2"),
        *("--text-layer", text_layer, "--read.wall-s", "3"),
        head=head,
    )
    assert done.returncode == 3, done.stderr
    assert rows_of(output) == [
        ("endless.pdf", 1, "ok", None),
        ("endless.pdf", 2, "failed", "timeout"),
        ("endless.pdf", 3, "ok", None),
        ("inflates.pdf", 1, "ok", None),
        ("inflates.pdf", 2, "failed", "limit"),
        ("inflates.pdf", 3, "ok", None),
    ]


def text_layers(folder: Path, output: Path, *flags: str) -> int:
    """Run a job that takes text layers alone, here and so without Ray; its exit code."""
    given = [str(folder), "--output", str(output), "--engine.kind", "fake"]
    return ocr.main([*given, "--text-layer", "only", *flags])


def test_a_structure_tree_that_is_a_cycle_is_read_beside_a_page_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "stop_on_sigterm", lambda: None)
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "cycle.pdf").write_bytes(sample_documents.cyclic_structure_pdf())
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    assert text_layers(folder, output, "--read.wall-s", "3") == ocr.BAD_PAGES
    assert rows_of(output) == [
        ("cycle.pdf", 1, "ok", None),
        ("cycle.pdf", 2, "ok", None),
        ("endless.pdf", 1, "ok", None),
        ("endless.pdf", 2, "failed", "timeout"),
        ("endless.pdf", 3, "ok", None),
    ]


def test_pages_that_inflate_to_half_a_gigabyte_fail_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limits of the defaults, and long before that of time."""
    monkeypatch.setattr(signals, "stop_on_sigterm", lambda: None)
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    content = sample_documents.inflating_pdf(560)
    assert len(content) < 2 << 20
    for number in range(2):
        (folder / f"inflates-{number}.pdf").write_bytes(content + b"%% %d\n" % number)
    (folder / "other.pdf").write_bytes(sample_documents.text_pdf(1))
    begin = time.monotonic()
    assert text_layers(folder, output) == ocr.BAD_PAGES
    assert time.monotonic() - begin < 50, "and not read.wall_s (60 s)"
    assert rows_of(output) == [
        *(("inflates-0.pdf", page, *outcome) for page, outcome in enumerate(INFLATES, 1)),
        *(("inflates-1.pdf", page, *outcome) for page, outcome in enumerate(INFLATES, 1)),
        ("other.pdf", 1, "ok", None),
    ]
