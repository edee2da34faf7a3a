"""Pages that need no engine are done in the driver, as Ray's workers would do them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from pipeline.config import OcrConfig
from pipeline.documents.sandbox import cpus as cpus_of_machine
from pipeline.engines.base import Resources
from pipeline.errors import JobError
from pipeline.job import local_limits, local_pass, ray_cluster, run
from pipeline.job.local_pass import LocalPass, Settled
from pipeline.job.local_plan import LocalPlanner
from pipeline.job.task import Task
from pipeline.output import shards
from tests.support import sample_documents
from tests.support.small_jobs import config_of

Row = dict[str, object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(sample_documents.text_pdf(3))
    (folder / "b.pdf").write_bytes(b"no document")
    (folder / "c.pdf").write_bytes(sample_documents.text_pdf(3))  # the bytes of a.pdf
    return folder


def with_pages(tmp_path: Path, documents: int, pages: int) -> Path:
    """A folder of documents that differ, whose pages have text layers."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(documents):
        content = sample_documents.marked(sample_documents.text_pdf(pages), number)
        (folder / f"{number:03}.pdf").write_bytes(content)
    return folder


def planned(config: OcrConfig) -> LocalPass:
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    assert LocalPlanner(task, plan).wait() is not None
    return LocalPass(task, plan, pages)


def settled(config: OcrConfig) -> tuple[Settled, list[Row]]:
    with planned(config) as local:
        local.wait()
        done = local.finish()
    return done, rows_of(config)


def rows_of(config: OcrConfig) -> list[Row]:
    found = sorted((Path(config.output) / "pages").glob("*.parquet"))
    rows = [row for path in found for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: (row["uri"], row["page"]))


def names(rows: list[Row]) -> list[tuple[str, object, object]]:
    return [(Path(str(row["uri"])).name, row["page"], row["status"]) for row in rows]


def planned_ids(config: OcrConfig) -> list[str]:
    found = (Path(config.output) / "_plan").glob("*.parquet")
    return [row for path in found for row in pq.read_table(path)["page_id"].to_pylist()]


def test_text_documents_that_do_not_open_and_copies_get_their_rows(folder: Path) -> None:
    done, rows = settled(config_of(folder))
    pages = [1, 2, 3]
    assert names(rows) == [
        *(("a.pdf", page, "ok") for page in pages),
        ("b.pdf", 0, "failed"),
        *(("c.pdf", page, "ok") for page in pages),
    ]
    # Of two documents with the same bytes the first is read; the other's rows are copies.
    assert [row["copied_from"] is not None for row in rows] == [False] * 4 + [True] * 3
    assert (done.written.written.rows, done.written.copied) == (7, 3)
    assert done.stages["render"].finished == 4


def test_several_readers_write_each_row_once(tmp_path: Path) -> None:
    config = config_of(with_pages(tmp_path, 12, 5), stages={"render_workers": 2}, ray={"cpus": 2})
    with planned(config) as local:
        assert local.wait()
        assert local.finish().written.written.rows == 60
    written = [str(row["page_id"]) for row in rows_of(config)]
    assert sorted(written) == sorted(planned_ids(config))
    assert len(set(written)) == 60
    assert {row["status"] for row in rows_of(config)} == {"ok"}


def test_pages_for_an_engine_are_left_and_all_others_get_their_rows(tmp_path: Path) -> None:
    folder = with_pages(tmp_path, 12, 2)
    (folder / "000.png").write_bytes(
        sample_documents.saved(sample_documents.corner_picture(), "PNG")
    )
    (folder / "001-scan.pdf").write_bytes(sample_documents.scan_pdf(b""))
    config = config_of(folder, stages={"local_engine_pages": 0})
    with planned(config) as local:
        assert not local.wait()
        done = local.finish()
    expected = [(f"{number:03}.pdf", page, "ok") for number in range(12) for page in (1, 2)]
    assert names(rows_of(config)) == expected
    assert done.written.written.rows == 24
    assert done.stages["render"].pages == 24  # those that are left are counted where they are read


@pytest.mark.parametrize(("gpus", "text_pages"), [(1, 24), (0, 2)])
def test_an_engine_on_a_gpu_or_with_many_pages_does_not_wait_for_it(
    gpus: int, text_pages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_pages(tmp_path, 1, text_pages)
    (folder / "000-scan.pdf").write_bytes(sample_documents.scan_pdf(b""))
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    spec = local_pass.spec_of(config_of(folder).engine)
    monkeypatch.setattr(local_pass, "spec_of", lambda _: spec)
    monkeypatch.setattr(type(spec), "resources", lambda *_: Resources(gpus=gpus))
    stages = {"pages_per_task": 1, "local_engine_pages": 0}
    config = config_of(folder, stages=stages, read={"wall_s": 300})
    with planned(config) as local:
        assert not local.wait()
        done = local.finish()
    assert done.seconds < 60
    assert "endless.pdf" not in {name for name, page, _ in names(rows_of(config)) if page == 2}


def test_a_page_that_does_not_end_fails_alone(tmp_path: Path) -> None:
    folder = with_pages(tmp_path, 2, 2)
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    (folder / "inflates.pdf").write_bytes(sample_documents.inflating_pdf(96))
    _, rows = settled(config_of(folder, read={"wall_s": 3}, text_layer="only"))
    kinds = Counter((Path(str(row["uri"])).name, row["error_kind"]) for row in rows)
    assert kinds["endless.pdf", "timeout"] == 1
    assert kinds["inflates.pdf", "limit"] == 1
    assert sum(count for (_, kind), count in kinds.items() if kind is None) == 4 + 2 + 2


def test_what_its_time_does_not_suffice_for_is_left(tmp_path: Path) -> None:
    folder = with_pages(tmp_path, 1, 2)
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    stages = {"local_s": 6, "pages_per_task": 1, "render_workers": 1}
    config = config_of(folder, stages=stages, read={"wall_s": 300})
    with planned(config) as local:
        assert not local.wait()
        done = local.finish()
    rows = names(rows_of(config))
    assert ("000.pdf", 2, "ok") in rows
    assert ("endless.pdf", 2, "failed") not in rows
    assert done.written.written.rows == len(rows) < 5
    assert not psutil.Process().children()


def test_an_interrupt_keeps_the_rows_that_were_taken(tmp_path: Path) -> None:
    folder = with_pages(tmp_path, 1, 2)
    (folder / "endless.pdf").write_bytes(sample_documents.endless_pdf())
    config = config_of(folder, stages={"pages_per_task": 1}, read={"wall_s": 300})
    local = planned(config)
    with pytest.raises(KeyboardInterrupt):
        _interrupt_after(local, 2)
    rows = names(rows_of(config))
    assert len(rows) >= 2
    assert {status for *_, status in rows} == {"ok"}
    assert not psutil.Process().children()
    with pytest.raises(local_pass.StoppedError):
        local.take([], pq.read_table(next((Path(config.output) / "pages").glob("*"))), [])


def _interrupt_after(local: LocalPass, rows: int) -> None:
    with local:
        for _ in range(600):
            if sum(stage.finished for stage in local.stages().values()) >= rows:
                raise KeyboardInterrupt
            time.sleep(0.1)
    raise AssertionError(f"{rows} rows were not taken")


def test_a_shard_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    config = config_of(with_pages(tmp_path, 6, 2), parquet={"pages_per_file": 1})
    local = planned(config)
    (Path(config.output) / "pages").rmdir()
    (Path(config.output) / "pages").write_bytes(b"")
    with pytest.raises(JobError, match="cannot write"):
        _finish(local)


def _finish(local: LocalPass) -> None:
    with local:
        local.wait()
        local.finish()


def test_copies_of_a_document_that_is_gone_are_left_to_ray(folder: Path) -> None:
    config = config_of(folder)
    local = planned(config)
    (folder / "a.pdf").unlink()
    with local:
        assert local.wait()
        done = local.finish()
    assert done.written.written.rows == 4  # three failures of a.pdf and that of b.pdf
    assert done.duplicates is not None
    assert done.duplicates.are_read


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ({"text_layer": "never", "stages": {"local_engine_pages": 3}}, 4),
        ({"task": "figure", "stages": {"local_engine_pages": 3}}, 4),
        ({"retry": "failed"}, 4),
        ({"stages": {"local_pages": 3}}, 4),
        ({}, 0),
    ],
)
def test_other_jobs_are_left_to_ray(folder: Path, more: dict[str, object], rows: int) -> None:
    config = config_of(folder, **more)
    summary = local_pass.PlanSummary()
    summary.todo.rows = rows
    assert not local_limits.may_settle_here(config, summary)
    summary.todo.rows = 4
    assert local_limits.may_settle_here(config_of(folder), summary)


def test_a_job_that_needs_no_engine_starts_no_ray(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def connected(*_: object) -> None:
        raise AssertionError("Ray is started")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray_cluster, "connected", connected)
    lines: list[str] = []
    receipt = run.run(config_of(folder, progress={"interval_s": 0.02}), lines.append)
    line = "planned: 3 documents (1 cannot be opened), 6 pages, 7 to do (3 are copies), "
    assert lines == [line + "0 done before"]
    assert "recognise" in capfd.readouterr().err  # at which page a line finds the job is chance
    assert receipt.rows == {"ok": 6, "failed": 1}
    assert (receipt.sources, receipt.copied) == ({"text_layer": 6, "none": 1}, 3)
    assert receipt.first_page_s is not None
    assert receipt.busy["render"] > 0
    again = run.run(config_of(folder), lines.append)
    assert (again.rows, again.rows_before) == ({}, {"ok": 6, "failed": 1})


@pytest.mark.parametrize(("quota", "cpus"), [("150000 100000", 1), ("max 100000", 0), ("", 0)])
def test_a_quota_of_cpus_is_kept(
    quota: str, cpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    monkeypatch.setattr(cpus_of_machine, "_CPU_QUOTA", file)
    without = cpus_of_machine.available_cpus()
    file.write_text(quota)
    assert cpus_of_machine.available_cpus() == (cpus or without)
