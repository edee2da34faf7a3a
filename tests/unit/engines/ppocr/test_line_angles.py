"""At which angle lines lie, by the detector's corners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.engines.ppocr.line_angles import angles
from pipeline.imaging.skewed_boxes import turned

Quad = list[tuple[float, float]]


def quad(x: float, y: float, width: float, height: float, deg: float) -> Quad:
    """The corners of a rectangle, given its middle."""
    ends = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    found = (turned((right * width / 2, down * height / 2), deg) for right, down in ends)
    return [(x + right, y + down) for right, down in found]


def quads(*found: Quad) -> npt.NDArray[np.floating]:
    return np.array(found, np.float32)


def paragraph(deg: float, off: float = 0.1) -> list[Quad]:
    """Lines that lie at an angle, as exactly as a detector says it."""
    return [quad(600, 40 * row, 900, 30, deg + (off, -off, 0)[row % 3]) for row in range(9)]


@pytest.mark.parametrize("deg", [-5, -0.5, 0.5, 2, 5, 12])
def test_the_lines_of_a_page_are_parallel(deg: float) -> None:
    # A number and a bullet, of which the detector cannot say it.
    short = [quad(100, 100, 60, 30, deg + 4), quad(80, 300, 14, 12, -40)]
    assert angles(quads(*paragraph(deg), *short)) == pytest.approx([deg] * 11, abs=0.02)


def test_a_straight_page_has_no_angles() -> None:
    short = [quad(100, 100, 60, 30, 4), quad(80, 300, 14, 12, -40), quad(90, 500, 150, 30, 2)]
    assert angles(quads(*paragraph(0), *short)) == [0.0] * 12
    assert angles(quads(*paragraph(0.15))) == [0.0] * 9
    assert angles(np.empty((0, 4, 2))) == []


@pytest.mark.parametrize("page", [0.0, 3.0])
def test_a_line_that_lies_otherwise_has_its_own_angle(page: float) -> None:
    found = angles(quads(*paragraph(page), quad(600, 600, 300, 30, -14)))
    assert found == pytest.approx([page] * 9 + [-14], abs=0.02)


def test_a_line_that_is_too_steep_is_taken_as_before() -> None:
    assert angles(quads(*paragraph(0), quad(600, 600, 300, 30, 40))) == [0.0] * 10


def test_vertical_lines_have_the_angle_of_the_page() -> None:
    vertical = [quad(40 * column, 600, 30, 900, 2) for column in range(9)]
    assert angles(quads(*vertical)) == pytest.approx([2.0] * 9, abs=0.02)
