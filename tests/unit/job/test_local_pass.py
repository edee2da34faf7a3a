"""A small job whose pages need no engine is done in the driver, as Ray's workers would do it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.config import OcrConfig
from pipeline.job import local_pass, ray_cluster, run
from pipeline.job.local_plan import LocalPlanner
from pipeline.job.task import Task
from pipeline.output import shards
from tests.support import sample_documents
from tests.support.small_jobs import config_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(sample_documents.text_pdf(3))
    (folder / "b.pdf").write_bytes(b"no document")
    (folder / "c.pdf").write_bytes(sample_documents.text_pdf(3))  # the bytes of a.pdf
    return folder


def settled(config: OcrConfig) -> tuple[local_pass.Settled, list[dict[str, object]]]:
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    assert LocalPlanner(task, plan).wait() is not None
    done = local_pass.settle(task, plan, pages)
    rows = [
        row for path in sorted(pages.glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return done, rows


def test_pages_with_text_and_documents_that_do_not_open_get_their_rows(folder: Path) -> None:
    done, rows = settled(config_of(folder))
    names = [(Path(str(row["uri"])).name, row["page"], row["status"]) for row in rows]
    # Of two documents with the same bytes the first is read; the other's rows are copies.
    assert names == [
        ("a.pdf", 1, "ok"),
        ("a.pdf", 2, "ok"),
        ("a.pdf", 3, "ok"),
        ("b.pdf", 0, "failed"),
    ]
    assert done.written.written.rows == 4
    assert done.stages["render"].finished == 4


def test_it_ends_with_the_first_page_that_needs_an_engine(folder: Path) -> None:
    for name in ("b.pdf", "c.pdf"):
        (folder / name).unlink()
    (folder / "d.png").write_bytes(sample_documents.saved(sample_documents.corner_picture(), "PNG"))
    for number in range(4):
        pdf = sample_documents.marked(sample_documents.text_pdf(2), number)
        (folder / f"e{number}.pdf").write_bytes(pdf)
    done, rows = settled(config_of(folder))
    assert [Path(str(row["uri"])).name for row in rows] == ["a.pdf"] * 3
    assert done.written.written.rows == 3


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"text_layer": "never"}, 4),
        ({"retry": "failed"}, 4),
        ({"stages": {"local_pages": 3}}, 4),
        ({}, 0),
    ],
)
def test_other_jobs_are_left_to_ray(folder: Path, more: dict[str, object], rows: int) -> None:
    config = config_of(folder, **more)
    summary = local_pass.PlanSummary()
    summary.todo.rows = rows
    assert not local_pass.may_settle_here(config, summary)
    summary.todo.rows = 4
    assert local_pass.may_settle_here(config_of(folder), summary)


def test_a_job_that_needs_no_engine_starts_no_ray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(*_: object) -> None:
        raise AssertionError("Ray is started")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray_cluster, "connected", connected)
    (folder / "c.pdf").unlink()
    lines: list[str] = []
    receipt = run.run(config_of(folder), lines.append)
    assert lines == ["planned: 2 documents (1 cannot be opened), 3 pages, 4 to do, 0 done before"]
    assert receipt.rows == {"ok": 3, "failed": 1}
    assert receipt.sources == {"text_layer": 3, "none": 1}
    assert receipt.first_page_s is not None
    again = run.run(config_of(folder), lines.append)
    assert (again.rows, again.rows_before) == ({}, {"ok": 3, "failed": 1})
