"""Straight lines of tables in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.imaging.rules import find_rules

WHOLE = (0.0, 0.0, 1200.0, 1600.0)


def picture(fill: int = 255) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (1200, 1600), (fill,) * 3)
    return image, ImageDraw.Draw(image)


def found(image: Image.Image, box: tuple[float, float, float, float] = WHOLE) -> list[list[float]]:
    return sorted([list(each) for each in find_rules(np.array(image), box)])


@pytest.mark.parametrize(("fill", "ink"), [(255, 0), (255, 190), (210, 120)])
def test_lines_of_a_table_are_found_even_if_faint(fill: int, ink: int) -> None:
    image, draw = picture(fill)
    draw.rectangle((100, 200, 900, 201), (ink,) * 3)
    draw.rectangle((500, 200, 501, 700), (ink,) * 3)
    across, down = found(image)
    assert across == pytest.approx([100, 200, 901, 202], abs=3)
    assert down == pytest.approx([500, 200, 502, 701], abs=3)


def test_text_is_no_line_and_an_area_has_an_upper_and_a_lower_edge() -> None:
    image, draw = picture()
    for y in range(100, 1500, 30):
        draw.text((100, y), "HEEE the harbour master TTT ___ mmm", (0, 0, 0), font_size=22)
    assert found(image) == []
    draw.rectangle((700, 200, 1100, 260), (0, 0, 0))
    edges = ([700, 200, 1100, 201], [700, 259, 1100, 260])
    assert found(image) == [pytest.approx(edge, abs=3) for edge in edges]


def test_only_the_part_is_searched_and_it_may_reach_over_the_edge() -> None:
    image, draw = picture()
    draw.line((100, 200, 900, 200), (0, 0, 0), 2)
    draw.line((100, 800, 900, 800), (0, 0, 0), 2)
    [line] = found(image, (-50.0, 700.0, 5000.0, 9000.0))
    assert line[1] == pytest.approx(800, abs=2)
    assert find_rules(np.array(image), (1300.0, 0.0, 1400.0, 50.0)) == []
