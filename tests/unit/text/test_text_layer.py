"""`pipeline.text.text_layer`: text layers in reading order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.rotation import TURNS, turn_back, turn_box
from pipeline.text.text_layer import DrawingStats, TextLayer, TextLayerLine, read, turn_of
from tests.support.strategies import boxes, texts

lines = st.lists(
    st.builds(TextLayerLine, texts, boxes(), st.sampled_from(TURNS), st.booleans()), max_size=8
)
shares = st.floats(0, 1)
drawings = st.builds(
    DrawingStats, st.integers(0, 99), st.integers(0, 99), shares, shares, shares, st.integers(0, 99)
)


def layers() -> st.SearchStrategy[TextLayer]:
    side = st.integers(1, 3000)
    return st.builds(TextLayer, side, side, st.floats(1, 600), lines.map(tuple), drawings)


@given(layers())
def test_reading_loses_no_word_and_invents_none(layer: TextLayer) -> None:
    text, blocks, deg = read(layer, hidden=True)
    shaped = [line.text for line in layer.lines if any(map(str.isprintable, line.text))]
    wanted = sorted("".join(dict.fromkeys(shaped)).split())
    assert set("".join(wanted)) <= set("".join(text.split()))
    assert deg in TURNS
    assert all(block.score is None for block in blocks)
    shown = read(layer, hidden=False)[0]
    assert set("".join(shown.split())) <= {char for line in layer.visible for char in line.text}


def column(name: str, x: float, count: int = 6) -> list[TextLayerLine]:
    words = f"{name} column has a line of words"
    return [
        TextLayerLine(f"{words} {row}", (x, 100 + 30 * row, x + 380, 122 + 30 * row))
        for row in range(count)
    ]


def test_columns_are_read_one_after_the_other() -> None:
    left, right = column("left", 60), column("right", 500)
    rows = tuple(line for pair in zip(left, right, strict=True) for line in pair)
    text, blocks, deg = read(TextLayer(940, 400, 150, rows), hidden=False)
    assert text.index("left column has a line of words 5") < text.index("right")
    assert deg == 0
    assert blocks[0].box == (60, 100, 440, 272)


@pytest.mark.parametrize("deg", TURNS)
def test_sideways_text_is_read_as_if_upright_and_boxed_where_it_stands(deg: int) -> None:
    upright = [*column("left", 60), *column("right", 500)]
    expected, blocks, _ = read(TextLayer(940, 400, 150, tuple(upright)), hidden=False)
    width, height = (400, 940) if deg % 180 else (940, 400)
    lying = tuple(
        TextLayerLine(line.text, turn_back(line.box, 940, 400, deg), deg) for line in upright
    )
    text, turned, found = read(TextLayer(width, height, 150, lying), hidden=False)
    assert (text, found) == (expected, deg)
    assert [turn_box(b.box, width, height, deg) for b in turned if b.box] == [
        block.box for block in blocks
    ]


def test_right_to_left_script_is_read_from_the_right() -> None:
    first = TextLayerLine("ראשונה", (300, 10, 380, 30))
    second = TextLayerLine("שנייה", (205, 10, 290, 30))
    text, [block], _ = read(TextLayer(400, 100, 150, (second, first)), hidden=False)
    assert text == "ראשונה שנייה"
    assert block.box == (205, 10, 380, 30)


def test_text_that_is_drawn_twice_to_look_bold_is_read_once() -> None:
    line = TextLayerLine("Bold heading", (10, 10, 110, 30))
    again = TextLayerLine("Bold heading", (10.4, 10, 110.4, 30))
    elsewhere = TextLayerLine("Bold heading", (10, 60, 110, 80))
    layer = TextLayer(200, 100, 150, (line, again, elsewhere))
    assert read(layer, hidden=False)[0].count("Bold heading") == 2


def test_hidden_lines_are_taken_only_when_asked_for() -> None:
    hidden = TextLayerLine("beneath", (10, 40, 110, 60), is_visible=False)
    layer = TextLayer(200, 100, 150, (TextLayerLine("above", (10, 10, 110, 30)), hidden))
    assert read(layer, hidden=False)[0] == "above"
    assert "beneath" in read(layer, hidden=True)[0]


def test_without_lines_nothing_is_turned() -> None:
    assert turn_of(()) == 0


def test_signs_without_a_shape_do_not_keep_a_bullet_from_its_text() -> None:
    items = ["copper from the north", "tin and lead in bars"]
    lines = [
        line
        for i, text in enumerate(items)
        for line in (
            TextLayerLine("\u2022", (100, 100 + 40 * i, 115, 122 + 40 * i)),
            TextLayerLine("\x84", (115, 100 + 40 * i, 120, 122 + 40 * i)),
            TextLayerLine(text, (130, 100 + 40 * i, 400, 122 + 40 * i)),
        )
    ]
    text, _, _ = read(TextLayer(1000, 1400, 150.0, tuple(lines), DrawingStats()), hidden=False)
    assert text.split("\n\n") == [f"\u2022 {item}" for item in items]
