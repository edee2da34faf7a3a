"""A page that one process drew, and another prepares for its engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import EngineConfig, OcrOptions
from pipeline.engines.recipe import make_recipe
from pipeline.job.stages.quarantine import Quarantine
from pipeline.job.stages.records import DrawnPage
from pipeline.job.stages.render import Render
from pipeline.recognition.orientation import OrientationDetector
from tests.support import job_stages, sample_documents
from tests.support.job_stages import SettledTables, ignore


class Kept:
    """Takes drawn pages; it has room for some."""

    def __init__(self, room: int) -> None:
        self.pages: list[DrawnPage] = []
        self._room = room

    def has_room(self) -> bool:
        self._room -= 1
        return self._room >= 0

    def put(self, page: DrawnPage) -> None:
        self.pages.append(page)


@pytest.fixture
def options(tmp_path: Path) -> OcrOptions:
    return OcrOptions(output=str(tmp_path / "out"), engine=EngineConfig(kind="fake"))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(sample_documents.scan_pdf(b"", picture_pt=(300, 400)))
    return path


def render_of(
    options: OcrOptions, drawn: Kept | None = None, sink: SettledTables | None = None
) -> Render:
    recipe = make_recipe(options, "fake")
    return Render(options, recipe, ignore, Quarantine(2), sink or SettledTables(), drawn)


def drawn_page(options: OcrOptions, path: Path) -> DrawnPage:
    kept = Kept(1)
    [prepared] = render_of(options, kept)(job_stages.todo(job_stages.plan_of(options, path)))
    assert prepared.num_rows == 0
    [page] = kept.pages
    return page


def test_it_is_the_same_request_as_that_of_one_process(options: OcrOptions, scan: Path) -> None:
    [expected] = render_of(options)(job_stages.todo(job_stages.plan_of(options, scan)))
    prepared = render_of(options).prepare([drawn_page(options, scan)])
    times = ["render_ms", "prepare_ms"]
    assert expected.num_rows == 1
    assert prepared.drop_columns(times).equals(expected.drop_columns(times))


def test_pages_for_which_there_is_no_room_and_settled_ones_are_not_drawn(
    options: OcrOptions, scan: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.pdf"
    text.write_bytes(sample_documents.text_pdf(1))
    kept, sink = Kept(0), SettledTables()
    plan = job_stages.plan_of(options, scan, text)
    [prepared] = render_of(options, kept, sink)(job_stages.todo(plan))
    assert (prepared.num_rows, kept.pages) == (0, [])
    assert sink.rows["uri"].to_pylist() == [str(text)]


def test_the_model_that_finds_which_way_is_up_runs_where_it_is_prepared(
    options: OcrOptions, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = drawn_page(options, scan)
    assert page.view.image is not None
    turned = DrawnPage(page.page, replace(page.view, may_need_turn=True))
    monkeypatch.setattr(OrientationDetector, "turn", lambda *_: 90)
    prepared = render_of(options).prepare([turned])
    assert prepared["turned_deg"].to_pylist() == [90]
    height_px, width_px = page.view.image.pixels.shape[:2]
    assert prepared["image_height_px"].to_pylist() == [width_px]
    assert prepared["image_width_px"].to_pylist() == [height_px]


def test_where_that_model_fails_the_page_gets_its_row(
    options: OcrOptions, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise RuntimeError("no model")

    page = drawn_page(options, scan)
    monkeypatch.setattr(OrientationDetector, "turn", fails)
    sink = SettledTables()
    turned = DrawnPage(page.page, replace(page.view, may_need_turn=True))
    prepared = render_of(options, sink=sink).prepare([turned])
    assert prepared.num_rows == 0
    assert sink.rows["error_kind"].to_pylist() == ["internal"]
    assert "no model" in sink.rows["error"].to_pylist()[0]


def test_a_page_that_is_blank_when_it_is_drawn_is_settled_at_once(
    options: OcrOptions, tmp_path: Path
) -> None:
    path = tmp_path / "grey.pdf"
    path.write_bytes(sample_documents.scan_pdf(b""))
    kept, sink = Kept(1), SettledTables()
    [prepared] = render_of(options, kept, sink)(job_stages.todo(job_stages.plan_of(options, path)))
    assert (prepared.num_rows, kept.pages) == (0, [])
    assert sink.rows["status"].to_pylist() == ["blank"]
