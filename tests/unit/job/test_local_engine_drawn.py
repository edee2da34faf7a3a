"""A page of a small job that an engine has to read is drawn by the look that finds that."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import OcrConfig
from pipeline.documents.look import PageView
from pipeline.job.local_engine import LocalEngines
from pipeline.job.local_pass import LocalPass, Settled
from pipeline.job.local_plan import LocalPlanner
from pipeline.job.ray_data.duplicates import Duplicates
from pipeline.job.stages.drawn import DrawnPages
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.rows import planned_pages
from pipeline.job.stages.todo import plan_shards, read_plan
from pipeline.job.task import Task
from pipeline.output import shards
from pipeline.types import PageImage
from tests.support import sample_documents
from tests.support.sample_documents import Page, pdf, stream, text_content
from tests.support.small_jobs import config_of

Row = dict[str, object]
SCANS, TEXTS = 10, 5
WIDE = (792.0, 612.0)


def scans(pages: int, mark: int, *, wide: int = -1) -> bytes:
    """A document of grey pictures of different sizes, one of which is wider than high."""
    drawn = [b"q %d 0 0 %d 0 0 cm /Im Do Q" % (300 + 9 * page, 500 - mark) for page in range(pages)]
    sizes = [WIDE if page == wide else sample_documents.LETTER for page in range(pages)]
    entries = b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray"
    picture = stream(b"\x80", entries + b"/BitsPerComponent 8")
    made = [Page(content, size) for content, size in zip(drawn, sizes, strict=True)]
    return pdf(made, b"/XObject<</Im 4 0 R>>", [picture])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents of scans, and one of text with `TEXTS` pages."""
    folder = tmp_path / "in"
    folder.mkdir()
    for mark in range(2):
        (folder / f"scan-{mark}.pdf").write_bytes(scans(SCANS // 2, mark))
    text = [Page(text_content([f"This is page {page}."])) for page in range(TEXTS)]
    (folder / "text.pdf").write_bytes(pdf(text))
    return folder


class Counted(LocalEngines):
    """Counts the pages that have to be drawn by the engine processes."""

    drawn_late = 0
    before_the_end = 0

    def finish(self, todo, until):  # type: ignore[no-untyped-def]
        type(self).before_the_end = len(self._runs)
        return super().finish(todo, until)

    def _parts(self, rest, processes, until):  # type: ignore[no-untyped-def]
        type(self).drawn_late = rest.num_rows
        return super()._parts(rest, processes, until)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    class Fresh(Counted):
        pass

    monkeypatch.setattr("pipeline.job.local_pass.LocalEngines", Fresh)
    return Fresh


def with_fake(config: OcrConfig, **fake: object) -> OcrConfig:
    engine = {"kind": "fake", "fake": fake}
    return OcrConfig.model_validate(config.model_dump() | {"engine": engine})


def started(config: OcrConfig) -> LocalPass:
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    assert LocalPlanner(task, plan).wait() is not None
    return LocalPass(task, plan, pages)


def done(config: OcrConfig) -> Settled:
    with started(config) as local:
        local.wait()
        settled = local.finish()
    assert not psutil.Process().children()
    return settled


def rows_of(config: OcrConfig) -> list[Row]:
    found = sorted((Path(config.output) / "pages").glob("*.parquet"))
    rows = [row for path in found for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: (row["uri"], row["page"]))


def read_pages(config: OcrConfig) -> list[tuple[str, object]]:
    return [(Path(str(row["uri"])).stem, row["page"]) for row in rows_of(config)]


ALL = [
    *((f"scan-{mark}", page) for mark in range(2) for page in range(1, SCANS // 2 + 1)),
    *(("text", page) for page in range(1, TEXTS + 1)),
]


def test_pages_for_which_there_is_room_are_looked_at_once(
    folder: Path, counted: type[Counted]
) -> None:
    config = config_of(folder, ray={"cpus": 2})
    settled = done(config)
    assert read_pages(config) == ALL
    assert (counted.drawn_late, counted.before_the_end) == (0, 0)
    assert settled.problem == ""
    assert settled.written.written.rows == len(ALL)
    assert settled.stages["render"].pages == len(ALL)
    assert settled.stages["recognise"].pages == SCANS


def test_without_room_pages_are_drawn_beside_the_engine(
    folder: Path, counted: type[Counted]
) -> None:
    config = config_of(folder, stages={"local_drawn_mib": 0})
    settled = done(config)
    assert read_pages(config) == ALL
    assert counted.drawn_late == SCANS
    assert settled.stages["render"].pages == len(ALL)


def test_where_there_is_no_room_left_the_engine_begins_before_all_is_looked_at(
    folder: Path, counted: type[Counted]
) -> None:
    config = config_of(folder, stages={"local_drawn_mib": 1, "pages_per_task": 1})
    done(config)
    assert read_pages(config) == ALL
    assert counted.before_the_end == 1
    assert 0 < counted.drawn_late < SCANS


def test_no_more_pages_wait_for_a_slow_engine_than_there_is_room_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "scan-2.pdf").write_bytes(scans(40, 2))
    waiting: list[int] = []

    def put(self: DrawnPages, page: DrawnPage) -> bool:
        is_taken = original(self, page)
        waiting.append(len(self))
        return is_taken

    original = DrawnPages.put
    monkeypatch.setattr(DrawnPages, "put", put)
    stages = {"local_drawn_mib": 1, "render_workers": 1}
    config = with_fake(config_of(folder, ray={"cpus": 2}, stages=stages), handler="slow")
    with started(config) as local:
        assert local.wait()
    assert 0 < max(waiting) <= 1 + 3, "one that fills the room, and those that were in work"


def test_a_page_has_the_same_row_whoever_draws_it(folder: Path) -> None:
    kept = config_of(folder)
    done(kept)
    rows = rows_of(kept)
    late = kept.model_copy(update={"output": str(folder.parent / "late")})
    stages = late.stages.model_copy(update={"local_drawn_mib": 0})
    late = late.model_copy(update={"stages": stages})
    done(late)
    times = {"render_ms", "prepare_ms", "generate_ms", "attempts"}
    for row, other in zip(rows, rows_of(late), strict=True):
        assert {k: row[k] for k in row.keys() - times} == {k: other[k] for k in row.keys() - times}


def test_an_engine_that_dies_with_drawn_pages_leaves_them_and_no_row_is_lost(
    folder: Path,
) -> None:
    (folder / "scan-2.pdf").write_bytes(scans(3, 2, wide=1))
    stages = {"pages_per_task": 1}
    config = with_fake(config_of(folder, ray={"cpus": 1}, stages=stages), handler="dies")
    settled = done(config)
    assert settled.problem.startswith("an engine process ended ")
    found = read_pages(config)
    assert len(found) == len(set(found)) == settled.written.written.rows < len(ALL) + 3
    assert ("scan-2", 2) not in found
    assert {("text", page) for page in range(1, TEXTS + 1)} <= set(found)


def test_where_every_engine_has_died_no_other_is_started(folder: Path) -> None:
    config = with_fake(config_of(folder, stages={"local_drawn_mib": 1}), handler="dies")
    pages, plan = shards.prepare_folder(config.output)
    task = Task.of(config, "fake")
    assert LocalPlanner(task, plan).wait() is not None
    todo = pa.concat_tables(read_plan(plan_shards(plan), config.store, Duplicates(), None))
    engines = LocalEngines(task, pages, lambda _: None)
    wide = PageImage(np.zeros((600, 800, 3), np.uint8), 150.0)
    engines.put(DrawnPage(planned_pages(todo)[0], PageView(800, 600, 150.0, image=wide)))
    deadline = time.monotonic() + 60
    while engines._running() and time.monotonic() < deadline:
        engines.put(DrawnPage(planned_pages(todo)[1], PageView(800, 600, 150.0, image=wide)))
        time.sleep(0.1)
    assert not engines.has_room()
    written, problem = engines.finish(todo, time.monotonic() + 60)
    assert len(engines._drawn) == 0, "Ray begins: its memory is free"
    assert not engines._starting
    engines.close()
    assert written.written.rows == 0
    assert problem.startswith("an engine process ended ")
    assert len(engines._runs) == 1


def test_a_job_that_needs_ray_ends_the_engines_and_drops_the_drawn_pages(folder: Path) -> None:
    stages = {"local_engine_pages": SCANS - 1, "pages_per_task": 1, "local_drawn_mib": 1}
    config = config_of(folder, stages=stages)
    with started(config) as local:
        assert not local.wait()
        assert not local.has_room()
        settled = local.finish()
        assert not psutil.Process().children()
    found = read_pages(config)
    assert len(found) == len(set(found)) == settled.written.written.rows < len(ALL)
    assert settled.problem == ""


@pytest.mark.parametrize(("drawn_mib", "factor"), [(512, 2), (0, 1)])
def test_looks_that_draw_for_the_engine_have_its_time_too(
    drawn_mib: int, factor: int, folder: Path
) -> None:
    config = config_of(folder, stages={"local_s": 50, "local_drawn_mib": drawn_mib})
    with started(config) as local:
        assert local.wait()
        assert local._readers_until() == local._begin + factor * 50


def test_pages_of_an_engine_with_a_gpu_are_not_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.job.local_limits.max_pages", lambda _: 0)
    config = config_of(folder)
    with started(config) as local:
        assert not local.has_room()
        assert not local.wait()
        local.finish()
        assert local._engines._given == []


@pytest.mark.parametrize("is_second", [False, True])
def test_an_interrupt_ends_engines_that_have_begun(
    is_second: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = {"local_drawn_mib": 1, "pages_per_task": 1}
    config = config_of(folder, stages=stages, ray={"cpus": 2})
    config = with_fake(config, handler="slow", delay_ms=10_000)
    if is_second:  # while the first one ends the readers
        stop = LocalPass._stop
        monkeypatch.setattr(LocalPass, "_stop", lambda local: (stop(local), _interrupt()))
    with pytest.raises(KeyboardInterrupt):
        _interrupt_once_engines_run(config)
    assert not psutil.Process().children()
    assert read_pages(config) == ALL[SCANS:]


def _interrupt() -> None:
    raise KeyboardInterrupt


def _interrupt_once_engines_run(config: OcrConfig) -> None:
    with started(config) as local:
        assert local.wait()
        assert local._engines._running() == 1
        raise KeyboardInterrupt
