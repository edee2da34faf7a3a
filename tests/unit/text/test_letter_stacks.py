"""`pipeline.text.letter_stacks`: letters below each other are a word, unless they are labels."""

from __future__ import annotations

import time
from random import Random

import pytest

from pipeline.text.letter_stacks import letter_stacks, with_words_of_stacks
from pipeline.text.text_layer import TextLayer, TextLayerLine, read
from pipeline.types import Line


def stack(
    letters: str, *, x: float = 100, top: float = 100, pitch: float = 30, size: float = 24
) -> list[Line]:
    return [
        Line(letter, (x, top + pitch * i, x + 12, top + pitch * i + size), 1.0)
        for i, letter in enumerate(letters)
    ]


def rows(count: int, *, top: float, pitch: float = 32) -> list[Line]:
    return [
        Line(f"row {i} of a text", (150, top + pitch * i, 600, top + pitch * i + 24), 1.0)
        for i in range(count)
    ]


def test_letters_beside_lines_that_lie_elsewhere_are_a_word() -> None:
    lines = [*rows(3, top=110, pitch=37), *stack("RECEIVED")]
    assert letter_stacks(lines) == [list(range(3, 11))]


def test_two_stacks_side_by_side_are_two_words_whatever_their_order() -> None:
    lines = [*stack("HARBOUR"), *stack("LEDGER", x=180, top=110, pitch=33)]
    lines.reverse()
    words = {"".join(lines[i].text for i in found) for found in letter_stacks(lines)}
    assert words == {"HARBOUR", "LEDGER"}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*stack("XOXXO", pitch=32), *rows(5, top=100)], id="a column of cells"),
        pytest.param(stack("ABCDEF"), id="labels of an axis"),
        pytest.param(stack("ooooo"), id="bullets"),
        pytest.param(stack("RED"), id="too few"),
        pytest.param(stack("HARBOUR", pitch=90), id="too far apart"),
        pytest.param(stack("19041"), id="digits"),
        pytest.param([*stack("HA"), *stack("RBO", top=190), *stack("UR", top=320)], id="uneven"),
    ],
)
def test_other_letters_are_none(lines: list[Line]) -> None:
    assert letter_stacks(lines) == []


def test_the_letters_of_a_stack_become_one_line_in_the_place_of_the_first() -> None:
    before, after = rows(2, top=110, pitch=400)
    joined = with_words_of_stacks([before, *stack("RECEIVED"), after])
    assert joined == [before, Line("RECEIVED", (100, 100, 112, 334), 1.0), after]


def test_a_page_of_letters_alone_is_left_as_it_is_in_time() -> None:
    random = Random(4)
    lines = [
        Line("x", (x, y, x + 9, y + 12), 1.0)
        for x, y in ((random.randrange(800), random.randrange(1000)) for _ in range(20_000))
    ]
    began = time.process_time()
    assert letter_stacks(lines) == []
    assert letter_stacks([Line("x", (0, 0, 9, 12), 1.0)] * 1000) == []
    assert time.process_time() - began < 3


def test_a_page_without_lines_has_none() -> None:
    assert letter_stacks([]) == []


@pytest.mark.parametrize("deg", [0, 90])
def test_the_word_of_a_stamp_stays_out_of_the_title_beside_it(deg: int) -> None:
    title = [
        Line("The Ledgers of the Harbour", (150, 112, 700, 150), 1.0),
        Line("and What They Tell", (150, 160, 600, 198), 1.0),
    ]
    upright = [*stack("RECEIVED"), *title, *rows(12, top=260, pitch=34)]
    # Turned to the left, the page of 800 by 1000 px lies: (x, y) is at (y, 800 - x).
    boxes = [
        line.box if deg == 0 else (line.box[1], 800 - line.box[2], line.box[3], 800 - line.box[0])
        for line in upright
    ]
    size = (800, 1000) if deg == 0 else (1000, 800)
    lines = tuple(
        TextLayerLine(line.text, box, deg) for line, box in zip(upright, boxes, strict=True)
    )
    text, blocks, turned = read(TextLayer(*size, 100, lines), hidden=False)
    assert turned == deg
    assert "The Ledgers of the Harbour and What They Tell\n" in text
    assert blocks[-1].text == "RECEIVED"
    assert blocks[-1].box == ((100, 100, 112, 334) if deg == 0 else (100, 688, 334, 700))
