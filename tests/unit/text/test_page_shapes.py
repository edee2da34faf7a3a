from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.text import layout
from pipeline.types import Line
from tests.support.column_shapes import COLUMN_SHAPES
from tests.support.page_shapes import HEIGHT_PX, WIDTH_PX, Sheet
from tests.support.shapes import SHAPES, columns
from tests.support.sheet_lines import comparable, engine_lines, faults, layer_lines

ALL_SHAPES = SHAPES | COLUMN_SHAPES


def text_of(lines: list[Line]) -> str:
    return "\n\n".join(block.text for block in layout.blocks(lines, WIDTH_PX, HEIGHT_PX))


def filled(shape: str, seed: int) -> Sheet:
    sheet = Sheet(random=Random(seed))
    ALL_SHAPES[shape](sheet)
    return sheet


@pytest.mark.parametrize("shape", ALL_SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_lines_of_a_text_layer_are_read_in_order(shape: str, seed: int) -> None:
    sheet = filled(shape, seed)
    assert not faults(sheet, text_of(layer_lines(sheet)))


@pytest.mark.parametrize("shape", ALL_SHAPES)
@pytest.mark.parametrize("turn_deg", [0.0, 0.3, -1.0, 1.0])
def test_lines_of_an_engine_are_read_in_order(shape: str, turn_deg: float) -> None:
    sheet = filled(shape, 0)
    assert not faults(sheet, text_of(engine_lines(sheet, 5, turn_deg=turn_deg)))


@pytest.mark.parametrize("shape", [shape for shape in COLUMN_SHAPES if "baselines" in shape])
def test_references_are_read_after_the_text_where_lines_are_missing(shape: str) -> None:
    sheet = filled(shape, 0)
    lines = engine_lines(sheet, 5, missing=0.06)
    assert len(lines) < len(engine_lines(sheet, 5))
    assert not faults(comparable(sheet, lines), text_of(lines))


@pytest.mark.parametrize("shape", ["2 columns", "footnotes", "running heads", "two leadings"])
def test_a_line_across_the_gutter_does_not_divide_the_columns(shape: str) -> None:
    sheet = filled(shape, 1)
    lines = engine_lines(sheet, 1, merged=0.04)
    assert not faults(comparable(sheet, lines), text_of(lines))


@pytest.mark.parametrize(
    ("shape", "seed", "turn_deg", "merged"),
    [
        ("chart beside column", 9100, 0.0, 0.05),  # a caption is next to the line, not the text
        ("footnote under one column", 9100, 0.0, 0.05),  # it ends a column
        ("3 columns", 9100, 0.0, 0.05),  # lines across both gutters, one above the other
        ("three columns with a narrow one", 9100, 0.0, 0.05),
        ("contents", 9100, -1.0, 0.0),  # all lines are equally long
        ("contents", 7000, -1.0, 0.0),
        ("uneven last page", 7000, 0.3, 0.0),  # two lines are cut at one place by chance
    ],
)
def test_pages_that_were_once_out_of_order(
    shape: str, seed: int, turn_deg: float, merged: float
) -> None:
    sheet = filled(shape, seed)
    lines = engine_lines(sheet, seed, turn_deg=turn_deg, merged=merged)
    assert not faults(comparable(sheet, lines) if merged else sheet, text_of(lines))


@given(
    st.integers(0, 10_000), st.integers(2, 4), st.floats(18, 70), st.booleans(), st.floats(0, 20)
)
def test_columns_of_any_gutter_are_read_one_after_the_other(
    seed: int, number: int, gutter_px: float, ragged: bool, phase_px: float
) -> None:
    sheet = Sheet(random=Random(seed))
    columns(sheet, number, gutter=gutter_px, ragged=ragged, phase=phase_px)
    assert not faults(sheet, text_of(layer_lines(sheet)))


@pytest.mark.parametrize("shape", ["contents", "contents without leaders"])
def test_every_entry_of_a_list_of_contents_is_a_line(shape: str) -> None:
    sheet = filled(shape, 0)
    entries = [" ".join(word.text for word in line) for part in sheet.parts for line in part.lines]
    found = [" ".join(line.split()) for line in text_of(layer_lines(sheet)).splitlines()]
    assert [line for line in found if line] == entries


def test_a_misplaced_word_is_a_fault() -> None:
    sheet = filled("2 columns", 0)
    words = [word for part in sheet.parts for word in part.words]
    assert not faults(sheet, " ".join(words))
    assert faults(sheet, " ".join([words[1], words[0], *words[2:]]))
    assert faults(sheet, " ".join(words[1:]))


@pytest.mark.parametrize("shape", ["2 columns", "spanning heads", "references beside text", "form"])
@pytest.mark.parametrize("script", ["Hebrew", "Arabic"])
def test_columns_of_right_to_left_scripts_start_on_the_right(shape: str, script: str) -> None:
    sheet = filled(shape, 0)
    first = {"Hebrew": 0x05D0, "Arabic": 0x0627}[script]
    letters = {chr(97 + i): chr(first + i) for i in range(26)}
    mirrored = []
    for each in layer_lines(sheet):
        x0, y0, x1, y1 = each.box
        text = each.text.lower().translate(str.maketrans(letters))
        mirrored.append(Line(text, (WIDTH_PX - x1, y0, WIDTH_PX - x0, y1), 0.9))
    back = str.maketrans({there: here for here, there in letters.items()})
    found = text_of(mirrored).translate(back).split()
    expected = [word.lower() for part in sheet.parts for word in " ".join(part.words).split()]
    assert found == expected
