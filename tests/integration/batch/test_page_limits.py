"""A job with pages that only a limit stops: each costs its own row, the pages after it go on."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.support import job_process, sample_documents


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
    query = f"""select parse_filename(uri), page, status, error_kind
                from '{output}/pages/*.parquet' order by uri, page"""
    assert duckdb.sql(query).fetchall() == [
        ("endless.pdf", 1, "ok", None),
        ("endless.pdf", 2, "failed", "timeout"),
        ("endless.pdf", 3, "ok", None),
        ("inflates.pdf", 1, "ok", None),
        ("inflates.pdf", 2, "failed", "limit"),
        ("inflates.pdf", 3, "ok", None),
    ]
