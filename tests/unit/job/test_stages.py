from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.config import (
    EngineConfig,
    FakeConfig,
    InputConfig,
    LadderConfig,
    OcrOptions,
    OnnxConfig,
    Recipe,
)
from pipeline.documents.listing import Listing
from pipeline.documents.look import PageView
from pipeline.engines.recipe import make_recipe
from pipeline.engines.request import prepare_request
from pipeline.job.metrics import StageReport
from pipeline.job.stages import rows
from pipeline.job.stages.inspect import Inspect
from pipeline.job.stages.list_documents import list_documents
from pipeline.job.stages.quarantine import Isolation, Quarantine
from pipeline.job.stages.recognise import Recognise
from pipeline.job.stages.records import PreparedPage
from pipeline.job.stages.render import Render
from pipeline.output import schema
from pipeline.types import Document, Generation, PageIds, PageImage, PageRef, Request, Status
from tests.support import job_stages, sample_documents
from tests.support.job_stages import SettledTables, ignore


@pytest.fixture
def options(tmp_path: Path) -> OcrOptions:
    engine = EngineConfig(kind="fake", fake=FakeConfig(handler="echo"))
    return OcrOptions(output=str(tmp_path / "out"), engine=engine, text_layer="never")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.pdf").write_bytes(sample_documents.text_pdf(3))
    (tmp_path / "locked.pdf").write_bytes(sample_documents.encrypted_pdf("secret"))
    (tmp_path / "empty.pdf").write_bytes(b"")
    return tmp_path


def run(options: OcrOptions, plan: pa.Table) -> list[dict]:
    recipe = make_recipe(options, options.engine.kind)
    reports: list[StageReport] = []
    table = asyncio.run(job_stages.results(options, recipe, plan, reports.append))
    looked = [report for report in reports if report.stage == "render"]
    assert sum(report.pages for report in looked) == plan.num_rows
    assert sum(report.finished for report in reports) == plan.num_rows
    failed = [row for row in table.to_pylist() if row["status"] == "failed"]
    assert sum(report.failed for report in reports) == len(failed)
    return table.to_pylist()


def test_every_page_of_every_document_is_planned(options: OcrOptions, folder: Path):
    names = ("good.pdf", "locked.pdf", "empty.pdf", "gone.pdf")
    reports: list[StageReport] = []
    paths = [folder / name for name in names]
    plan = job_stages.plan_of(options, *paths, send=reports.append)
    assert plan.schema == schema.PLAN
    seen = [(Path(row["uri"]).name, row["page"], row["error_kind"]) for row in plan.to_pylist()]
    assert seen == [
        ("good.pdf", 1, None),
        ("good.pdf", 2, None),
        ("good.pdf", 3, None),
        ("locked.pdf", 0, "password"),
        ("empty.pdf", 0, "empty"),
        ("gone.pdf", 0, "not_found"),
    ]
    assert sum(report.failed for report in reports) == 3


def test_pages_go_through_and_failures_go_along(options: OcrOptions, folder: Path):
    plan = job_stages.plan_of(options, folder / "good.pdf", folder / "locked.pdf")
    rows = run(options, plan)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "failed"]
    assert [row["source"] for row in rows] == ["ocr", "ocr", "ocr", None]
    assert [row["page_id"] for row in rows] == plan["page_id"].to_pylist()
    good, failed = rows[0], rows[3]
    assert (good["width_px"], good["dpi"], good["engine"]) == (1275, 150.0, "fake")
    assert good["render_ms"] > 0
    assert good["generate_ms"] >= 0
    assert (failed["error_kind"], failed["text"], failed["width_px"]) == ("password", "", 0)


def test_a_document_that_goes_between_plan_and_run_fails_by_page(options: OcrOptions, folder: Path):
    plan = job_stages.plan_of(options, folder / "good.pdf")
    (folder / "good.pdf").unlink()
    assert [row["error_kind"] for row in run(options, plan)] == ["not_found"] * 3


def test_an_engine_that_crashes_costs_its_pages_alone(options: OcrOptions, folder: Path):
    plan = job_stages.plan_of(options, folder / "good.pdf")
    engine = EngineConfig(kind="fake", fake=FakeConfig(handler="crashes"))
    rows = run(options.model_copy(update={"engine": engine}), plan)
    assert [row["status"] for row in rows] == ["failed"] * 3
    assert {row["error_kind"] for row in rows} == {"engine"}


@pytest.mark.parametrize(
    ("handler", "status", "rung", "attempts"),
    [
        ("loops_far", "ok", "wider_ngram", 2),
        ("needs_small_view", "ok", "other_view", 3),
        ("finds_nothing", "failed", None, 3),
    ],
)
def test_pages_climb_the_ladder_and_their_rows_say_so(
    options: OcrOptions, folder: Path, handler: str, status: str, rung: str | None, attempts: int
):
    (folder / "one.pdf").write_bytes(sample_documents.text_pdf(1))
    plan = job_stages.plan_of(options, folder / "one.pdf", folder / "locked.pdf")
    engine = EngineConfig(kind="fake", fake=FakeConfig(handler=handler))
    row, locked = run(options.model_copy(update={"engine": engine}), plan)
    assert (row["status"], row["rung"], len(row["attempts"])) == (status, rung, attempts)
    assert row["generate_ms"] >= sum(attempt["ms"] for attempt in row["attempts"])
    assert (locked["rung"], locked["attempts"]) == (None, []), "it never came to an engine"


def poisoned(key: str) -> Quarantine:
    """One worker crashed with this, and another one with this alone."""
    quarantine = Quarantine(1)
    quarantine.begin([key])
    quarantine.begin([key])
    quarantine.enter(key, solo=True)
    return quarantine


def test_a_poison_page_gets_a_row_at_every_stage(options: OcrOptions, folder: Path):
    recipe = make_recipe(options, "fake")
    poison, good = str(folder / "poison.pdf"), str(folder / "good.pdf")
    inspect = Inspect(options, "recipe", ignore, poisoned(poison))
    documents = [{"uri": [path], "size_bytes": [9]} for path in (poison, good)]
    plan = pa.concat_tables(inspect(pa.Table.from_pylist(documents)))
    assert plan["error_kind"].to_pylist() == ["crash", None, None, None]
    page = plan["page_id"].to_pylist()[2]
    sink = SettledTables()
    render = Render(options, recipe, ignore, poisoned(page), sink)
    [prepared] = render(job_stages.todo(plan))
    assert sink.rows["error_kind"].to_pylist() == ["crash", "crash"]
    assert sink.rows["error"].to_pylist()[0] == plan["error"].to_pylist()[0]
    assert prepared["page_id"].to_pylist() == [plan["page_id"].to_pylist()[n] for n in (1, 3)]

    async def recognised() -> pa.Table:
        monitor = poisoned(plan["page_id"].to_pylist()[1])
        recognise = Recognise(options.engine, recipe, ignore, monitor)
        [table] = [rows async for rows in recognise(prepared)]
        return table

    table = asyncio.run(recognised())
    assert table["error_kind"].to_pylist() == ["engine", None]
    assert "max_lone_deaths" in table["error"].to_pylist()[0]


class AlreadyTaken(SettledTables):
    """A sink that has taken the row of one page when the task ran before."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self._position = position

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        super().take(positions, rows, others)
        return [position for position in others if position == self._position]


def test_a_page_whose_row_was_taken_before_does_not_go_on(options: OcrOptions, folder: Path):
    recipe = make_recipe(options, "fake")
    plan = job_stages.plan_of(options, folder / "good.pdf")
    render = Render(options, recipe, ignore, Quarantine(2), AlreadyTaken(1))
    [prepared] = render(job_stages.todo(plan))
    assert prepared["page"].to_pylist() == [1, 3]


def test_settled_pages_leave_before_the_engine(options: OcrOptions, folder: Path):
    blank = sample_documents.Page(b"")
    text = sample_documents.Page(sample_documents.text_content(["harbour lights at dusk"], 24))
    (folder / "mixed.pdf").write_bytes(sample_documents.pdf([blank, text]))
    recipe = make_recipe(options, "fake")
    plan = job_stages.plan_of(options, folder / "mixed.pdf", folder / "locked.pdf")
    sink = SettledTables()
    [prepared] = Render(options, recipe, ignore, Quarantine(2), sink)(job_stages.todo(plan))
    assert sink.rows["status"].to_pylist() == ["blank", "failed"]
    assert prepared["page"].to_pylist() == [2]


async def test_suspects_run_alone_and_the_others_together(options: OcrOptions):
    recipe = make_recipe(options, "fake")
    prepared = prepared_pages(recipe, 6)
    quarantine = Quarantine(2)
    quarantine.begin(["0", "1"])
    quarantine.begin(["0", "1"])
    quarantine.enter("0", solo=False)
    quarantine.enter("1", solo=False)
    engine = EngineConfig(kind="fake", pages_in_flight=4)
    recognise = Recognise(engine, recipe, ignore, quarantine)
    active: list[int] = []
    seen: list[int] = []
    inner = recognise._engine.generate

    async def counted(request: Request) -> Generation:
        active.append(1)
        await asyncio.sleep(0.01)
        seen.append(len(active))
        active.pop()
        return await inner(request)

    recognise._engine.generate = counted
    [table] = [rows async for rows in recognise(prepared)]
    assert table["status"].to_pylist() == ["ok"] * 6
    assert seen[:2] == [1, 1]
    assert max(seen) == 4
    assert quarantine.begin(["0", "2"]) == [Isolation.NONE] * 2, "all were outlived"


def test_the_text_layer_of_a_page_travels_with_it(options: OcrOptions):
    engine = EngineConfig(kind="fake", fake=FakeConfig(handler="crashes"))
    recipe = make_recipe(options, "fake")
    prepared = prepared_pages(recipe, 3)
    place = prepared.schema.get_field_index("layer")
    layers = pa.array(["the layer", None, ""], pa.string())
    prepared = prepared.set_column(place, "layer", layers)

    async def recognised() -> list[dict]:
        recognise = Recognise(engine, recipe, lambda report: None, Quarantine(2))
        [table] = [table async for table in recognise(prepared)]
        return table.to_pylist()

    rows = asyncio.run(recognised())
    assert [row["source"] for row in rows] == ["text_layer", None, None]
    assert [row["text"] for row in rows] == ["the layer", "", ""]
    assert [row["error_kind"] for row in rows] == [None, "engine", "engine"]


def test_a_fault_of_our_own_is_a_row_too(
    options: OcrOptions, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    plan = job_stages.plan_of(options, folder / "good.pdf")
    monkeypatch.setattr("pipeline.job.stages.render.prepare_request", broken)
    rows = run(options, plan)
    assert {row["error_kind"] for row in rows} == {"internal"}
    assert "a bug" in rows[0]["error"]


def test_the_real_engine_reads_what_was_drawn(options: OcrOptions, folder: Path):
    (folder / "words.pdf").write_bytes(
        sample_documents.pdf(
            [sample_documents.Page(sample_documents.text_content(["harbour lights at dusk"], 24))]
        )
    )
    plan = job_stages.plan_of(options, folder / "words.pdf")
    engine = EngineConfig(kind="onnx", onnx=OnnxConfig(threads=2))
    [row] = run(options.model_copy(update={"engine": engine}), plan)
    assert row["status"] == Status.OK
    assert "harbour lights at dusk" in row["text"]
    box = row["blocks"][0]["box_px"]
    assert 0 <= box["x0"] < box["x1"] <= row["width_px"]


def test_the_second_engine_reads_what_ended_the_first(options: OcrOptions):
    ladder = LadderConfig(rungs=("second_engine",))
    vllm = make_recipe(options.model_copy(update={"ladder": ladder}), "vllm")
    prepared = prepared_pages(vllm, 1, np.asarray(words_picture("harbour lights")))
    crashes = EngineConfig(kind="fake", fake=FakeConfig(handler="crashes"))

    async def recognised() -> list[dict]:
        recognise = Recognise(crashes, vllm, lambda report: None, Quarantine(2))
        [table] = [table async for table in recognise(prepared)]
        return table.to_pylist()

    [row] = asyncio.run(recognised())
    assert (row["status"], row["rung"], row["engine"]) == ("ok", "second_engine", "onnx")
    assert row["model"].startswith("PP-OCR")
    assert "harbour lights" in row["text"]
    assert [attempt["error"] is None for attempt in row["attempts"]] == [False, True]
    box = row["blocks"][0]["box_px"]
    assert 350 < box["x0"] < box["x1"] <= row["width_px"], "in pixels of the page as drawn"


def words_picture(words: str) -> Image.Image:
    """A page that the model is shown smaller, with words in its right half."""
    page = Image.new("RGB", (700, 2600), "white")
    ImageDraw.Draw(page).text((380, 200), words, "black", ImageFont.load_default(40))
    return page


INKED = np.array([[[0] * 3, [255] * 3]] * 2, np.uint8)


def prepared_pages(recipe: Recipe, count: int, pixels: np.ndarray = INKED) -> pa.Table:
    height_px, width_px = pixels.shape[:2]
    request = prepare_request(PageImage(pixels, 1.0), recipe)
    view = PageView(width_px, height_px, 1.0)
    ref = PageRef("/a.pdf", "", 1, count, "", 0.0, 0.0)
    return rows.prepared_table(
        [PreparedPage(ref, PageIds(f"{number}"), request, view) for number in range(count)]
    )


def test_many_pages_are_in_the_engine_at_a_time():
    engine = EngineConfig(kind="fake", pages_in_flight=4, fake=FakeConfig(handler="slow"))
    options = OcrOptions(output="o", engine=engine)
    recipe = make_recipe(options, "fake")
    prepared = prepared_pages(recipe, 8)

    async def most_at_a_time() -> int:
        recognise = Recognise(engine, recipe, lambda report: None, Quarantine(2))
        active, most = 0, 0
        inner = recognise._engine.generate

        async def counted(request):
            nonlocal active, most
            active, most = active + 1, max(most, active + 1)
            try:
                return await inner(request)
            finally:
                active -= 1

        recognise._engine.generate = counted
        async for _ in recognise(prepared):
            pass
        return most

    assert asyncio.run(most_at_a_time()) == 4


def test_documents_are_listed_in_few_and_then_in_many(tmp_path: Path):
    for number in range(900):
        (tmp_path / f"{number:03}.pdf").touch()
    (tmp_path / "notes.txt").touch()
    left_out: list[Counter[str]] = []
    tables = list(list_documents(Listing([str(tmp_path)], InputConfig()), left_out.append))
    sizes = [len(rows.documents(table)) for table in tables]
    assert (sizes[0], sum(sizes)) == (4, 900)
    assert sizes[:-1] == sorted(sizes[:-1])
    assert sizes[-2] > 12
    assert {table.num_rows for table in tables} == {1}
    assert left_out == [Counter({".txt": 1})]
    uris = [document.uri for table in tables for document in rows.documents(table)]
    assert uris == [str(tmp_path / f"{number:03}.pdf") for number in range(900)]


def test_documents_may_stand_one_in_a_row():
    table = pa.table({"uri": ["a", "b"], "size_bytes": [1, 2]})
    assert rows.documents(table) == [Document("a", 1), Document("b", 2)]
