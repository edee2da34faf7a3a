"""`pipeline.recognition.mixed_pages`: the layer of a page and what was read in its pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import EngineConfig, FakeConfig, OcrOptions
from pipeline.documents.look import PageView
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import build_engine
from pipeline.engines.request import prepare_request
from pipeline.errors import ErrorKind
from pipeline.imaging.rotation import TURNS, turn_box
from pipeline.recognition.mixed_pages import with_layer
from pipeline.recognition.recognise import failed, failed_page, recognise
from pipeline.recognition.result import page_result
from pipeline.recognition.route import Routes
from pipeline.types import (
    Block,
    Box,
    Crop,
    Line,
    MixedPage,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    Source,
    Status,
    Task,
)
from tests.unit.documents.test_pdf_pictures import STAMP, page_with

REF = PageRef("/a.pdf", "", 1, 1, "application/pdf", 612.0, 792.0)
PICTURE: Box = (100.0, 400.0, 300.0, 500.0)
WORDS = "words of a picture"


def block(name: str, box: Box | None) -> Block:
    return Block("text", name, box)


COLUMNS = (
    block("title", (100, 50, 900, 90)),
    block("left, above", (100, 100, 450, 380)),
    block("left, below", (100, 520, 450, 900)),
    block("right, above", (550, 100, 900, 420)),
    block("right, below", (550, 430, 900, 900)),
)


def joined(
    boxes: list[Box], found: list[Block], deg: int = 0, blocks: tuple[Block, ...] = COLUMNS
) -> list[str]:
    tops = [sum(int(box[3] - box[1]) + 24 for box in boxes[:index]) for index in range(len(boxes))]
    crops = tuple(Crop(box, 0, top) for box, top in zip(boxes, tops, strict=True))
    read = Recognition(Status.OK, "read", tuple(found), rung=Rung.BASE)
    return [one.text for one in with_layer(read, MixedPage(blocks, crops, 20), deg).blocks]


def test_lines_of_pictures_go_to_their_places_on_the_page() -> None:
    crops = (Crop((100, 400, 300, 500), 0, 0), Crop((500, 600, 700, 650), 0, 124))
    lines = (Line("one", (10, 20, 90, 40), 0.9), Line("two", (5, 130, 90, 150), 0.8))
    blocks = tuple(block(line.text, line.box) for line in lines)
    read = Recognition(Status.OK, "read", blocks, rung=Rung.BASE, lines=lines)
    found = with_layer(read, MixedPage(COLUMNS, crops, 6), 0)
    assert [line.box for line in found.lines] == [(110, 420, 190, 440), (505, 606, 590, 626)]
    assert {line.box for line in found.lines} < {one.box for one in found.blocks}


def test_nothing_is_kept_of_pictures_whose_reading_was_cut_off() -> None:
    line = Line(WORDS, (10, 20, 90, 40), 0.9)
    cut = Recognition(Status.TRUNCATED, WORDS, (block(WORDS, line.box),), lines=(line,))
    assert with_layer(cut, MixedPage(COLUMNS, (Crop(PICTURE, 0, 0),), 6), 0).lines == ()


def in_crop(top: float, text: str = WORDS) -> Block:
    return block(text, (10.0, top + 5, 90.0, top + 20))


@pytest.mark.parametrize(
    ("picture", "before"),
    [
        (PICTURE, "left, above"),
        ((560, 425, 700, 428), "right, above"),
        ((120, 300, 300, 370), "left, above"),  # the text goes around it
        ((560, 600, 700, 700), "right, below"),
        ((100, 910, 900, 990), "left, below"),  # below both columns, near the left one
    ],
)
def test_the_text_of_a_picture_follows_what_starts_above_it_in_its_column(
    picture: Box, before: str
) -> None:
    texts = joined([picture], [in_crop(0)])
    assert texts.index(WORDS) == texts.index(before) + 1
    assert [text for text in texts if text != WORDS] == [one.text for one in COLUMNS]


def test_a_picture_above_all_text_comes_first() -> None:
    assert joined([(100, 0, 300, 40)], [in_crop(0)])[0] == WORDS


def test_blocks_go_to_the_picture_that_they_were_read_in() -> None:
    right: Box = (550.0, 300.0, 800.0, 350.0)
    # In the image: 0 to 100 the left picture, 124 to 174 the right one.
    texts = joined([PICTURE, right], [in_crop(0, "a"), in_crop(60, "b"), in_crop(124, "c")])
    assert texts.index("a") == texts.index("left, above") + 1
    assert texts.index("b") == texts.index("a") + 1
    assert texts.index("c") == texts.index("right, above") + 1


def test_two_pictures_at_one_place_are_read_from_top_to_bottom() -> None:
    lower: Box = (100.0, 505.0, 300.0, 515.0)
    upper: Box = (100.0, 385.0, 300.0, 395.0)
    texts = joined([lower, upper], [in_crop(0, "lower"), in_crop(34, "upper")])
    assert texts.index("upper") == texts.index("left, above") + 1
    assert texts.index("lower") == texts.index("upper") + 1


@pytest.mark.parametrize("deg", TURNS)
def test_a_page_that_lies_has_the_order_of_the_upright_one(deg: int) -> None:
    lying = tuple(
        replace(one, box=one.box and turn_box(one.box, 1000, 1000, -deg % 360)) for one in COLUMNS
    )
    picture = turn_box(PICTURE, 1000, 1000, -deg % 360)
    texts = joined([picture], [block(WORDS, (1, 1, 9, 9))], deg, lying)
    assert texts.index(WORDS) == texts.index("left, above") + 1


def test_boxes_are_on_the_page() -> None:
    crops = (Crop(PICTURE, 0, 0), Crop((550.0, 300.0, 800.0, 350.0), 0, 124))
    read = Recognition(Status.OK, "", (block(WORDS, (10.0, 130.0, 90.0, 140.0)),))
    [found] = [
        one for one in with_layer(read, MixedPage(COLUMNS, crops, 9), 0).blocks if one.text == WORDS
    ]
    assert found.box == (560.0, 306.0, 640.0, 316.0)


def test_an_answer_without_boxes_has_the_place_of_the_first_picture() -> None:
    read = Recognition(Status.OK, WORDS, (block(WORDS, None),))
    one = with_layer(read, MixedPage(COLUMNS, (Crop(PICTURE, 0, 0),), 9), 0)
    [found] = [each for each in one.blocks if each.text == WORDS]
    assert found.box == PICTURE
    two = MixedPage(COLUMNS, (Crop(PICTURE, 0, 0), Crop((0, 0, 9, 9), 0, 200)), 9)
    [found] = [each for each in with_layer(read, two, 0).blocks if each.text == WORDS]
    assert found.box is None


@given(st.lists(st.tuples(*[st.floats(-50, 1050)] * 4), max_size=5), st.sampled_from(TURNS))
def test_every_block_of_layer_and_answer_is_there_once(boxes: list[Box], deg: int) -> None:
    found = [block(f"{index}", box) for index, box in enumerate(boxes)]
    texts = joined([PICTURE, (0.0, 0.0, 9.0, 9.0)], found, deg)
    assert sorted(texts) == sorted(one.text for one in (*COLUMNS, *found))
    assert [text for text in texts if not text.isdigit()] == [one.text for one in COLUMNS]


MIXED = MixedPage(COLUMNS, (Crop(PICTURE, 0, 0),), 40)


@pytest.mark.parametrize(
    "read",
    [
        failed(ErrorKind.ENGINE, "out of memory"),
        Recognition(Status.BLANK),
        Recognition(Status.TRUNCATED, "no end", (block("no end", None),), rung=Rung.BASE),
    ],
)
def test_what_is_not_read_costs_the_page_nothing_of_its_layer(read: Recognition) -> None:
    whole = with_layer(read, MIXED, 0)
    assert whole.status is Status.OK
    assert whole.failure is None
    assert whole.text == "\n\n".join(one.text for one in COLUMNS)
    assert whole.warnings[0] == "about 40 characters in pictures are not in the text layer"
    assert (read.failure is None) or "out of memory" in whole.warnings[1]
    view = PageView(1000, 1000, 150.0, source=Source.MIXED)
    assert page_result(REF, view, whole).source is Source.TEXT_LAYER


@pytest.mark.parametrize(("text", "is_warned"), [("few", True), ("a good part of it", False)])
def test_a_warning_stays_where_little_was_read(text: str, is_warned: bool) -> None:
    read = Recognition(Status.OK, text, (block(text, None),), rung=Rung.BASE)
    whole = with_layer(read, MIXED, 0)
    assert bool(whole.warnings) == is_warned
    assert whole.rung is Rung.BASE


async def read_page(folder: Path, config: EngineConfig) -> PageResult:
    """The stamped page through look, request and engine."""
    path = folder / "stamped.pdf"
    path.write_bytes(page_with(STAMP))
    assert config.kind != "auto"
    recipe = make_recipe(OcrOptions(output="-", engine=config), config.kind)
    with SandboxClient() as reader:
        view = Routes(recipe).view(reader, str(path), 1)
        assert view.image is not None
        request = prepare_request(view.image, recipe)
        assert request.task is Task.TEXT
        return page_result(REF, view, await recognise(build_engine(config), request, recipe))


async def test_the_stamp_of_a_page_is_read_into_its_text(tmp_path: Path) -> None:
    result = await read_page(tmp_path, EngineConfig(kind="onnx"))
    assert result.source is Source.MIXED
    assert not result.warnings
    *layer, last = result.recognition.blocks
    assert "the old harbour" in layer[0].text
    assert "ninth of May" in last.text
    assert "harbour office" in last.text
    assert last.box is not None
    assert (result.width_px, result.height_px) == (1275, 1650)
    assert 560 * 150 / 72 < last.box[1] < last.box[3] < 700 * 150 / 72


async def test_an_engine_that_fails_leaves_the_layer(tmp_path: Path) -> None:
    config = EngineConfig(kind="fake", fake=FakeConfig(handler="crashes"))
    result = await read_page(tmp_path, config)
    assert result.recognition.status is Status.OK
    assert result.source is Source.TEXT_LAYER
    assert "fails on purpose" in result.warnings[-1]


async def test_a_page_that_is_kept_from_the_engine_has_its_layer(tmp_path: Path) -> None:
    path = tmp_path / "stamped.pdf"
    path.write_bytes(page_with(STAMP))
    recipe = make_recipe(OcrOptions(output="-", engine=EngineConfig(kind="fake")), "fake")
    with SandboxClient() as reader:
        view = Routes(recipe).view(reader, str(path), 1)
        assert view.image is not None
        request = prepare_request(view.image, recipe)
        kept = failed_page(request, ErrorKind.ENGINE, "a poison page")
    assert kept.status is Status.OK
    assert "the old harbour" in kept.text
    plain = failed_page(replace(request, mixed=None), ErrorKind.ENGINE, "a poison page")
    assert plain.status is Status.FAILED
