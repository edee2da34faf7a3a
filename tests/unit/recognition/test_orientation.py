"""`pipeline.recognition.orientation`: pages that lie are turned, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.orientation_pages import LAYOUTS, Printer
from pipeline.config import OcrOptions, RenderConfig
from pipeline.documents.look import PageView
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.ppocr.recogniser import Reading
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS, build_engine
from pipeline.engines.request import prepare_request, read_answer
from pipeline.imaging.projection import (
    _ascender_excess,
    _column_sums,
    _contrast,
    _noise,
    _row_sums,
    ink_sums,
    projection_profile,
)
from pipeline.imaging.rotation import TURNS, turn_pixels
from pipeline.recognition import orientation
from pipeline.recognition.orientation import OrientationDetector, _is_contradicted
from pipeline.recognition.orientation_classifier import (
    Judgement,
    OrientationClassifier,
    PageViews,
    model_path,
)
from pipeline.recognition.route import Routes
from pipeline.types import PageImage, Pixels
from tests.support import sample_documents
from tests.support.sample_documents import LETTER, Page
from tests.support.strategies import pictures


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Pixels:
    path = tmp_path_factory.mktemp("pages") / "prose.pdf"
    path.write_bytes(
        sample_documents.pdf([Page(sample_documents.text_content(sample_documents.prose()))])
    )
    return PdfFile(str(path), "", 10).render(1, RenderConfig()).pixels


@pytest.fixture(scope="module")
def detector() -> OrientationDetector:
    return OrientationDetector()


@given(pictures())
def test_any_picture_can_be_measured(picture: Pixels) -> None:
    found = projection_profile(picture)
    assert found.row_ratio >= 0
    assert -1 <= found.ascender_excess <= 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_ink_beside_the_small_letters_is_summed_line_by_line(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    lines = [random.random(random.integers(6, 70), np.float32) + 0.01 for _ in range(count)]
    pieces: list[Any] = [np.zeros(2, np.float32)]
    spans, at = [], 2
    for line in lines:
        spans.append((at, at + len(line)))
        pieces += [line, np.zeros(random.integers(1, 4), np.float32)]
        at += len(line) + len(pieces[-1])
    above = below = 0.0
    for line in lines:
        core = np.flatnonzero(line >= 0.45 * line.max())
        above += float(line[: core[0]].sum())
        below += float(line[core[-1] + 1 :].sum())
    expected = (above - below) / max(above + below, 1e-6)
    found = _ascender_excess(np.concatenate(pieces), np.array(spans, np.intp).reshape(-1, 2))
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_page_full_of_ink_is_no_overflow() -> None:
    page = np.zeros((1799, 1799, 3), np.uint8)
    page[:1000] = 255  # white is the paper
    samples = 1799 // (8 * 4)
    full = samples * (128 - 24)
    rows = _row_sums(_contrast(page[:, ::4, 0], 255, 24), samples)
    assert rows.shape == (1799, 8)
    assert (rows[:1000].max(), rows[1000:].min(), rows.max()) == (0, full, full)
    columns = _column_sums(_contrast(page[::4, :, 0], 255, 24), samples)
    half_inked = 5 * samples - 1000 // 4
    expected = [0, 0, 0, 0, half_inked * (128 - 24), full, full, full]
    assert np.array_equal(columns[0], expected)


@pytest.mark.parametrize("paper", [0, 100, 255])
def test_contrast_is_the_distance_to_the_paper_between_noise_and_full_ink(paper: int) -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    distance = np.abs(np.arange(256) - paper)
    assert np.array_equal(_contrast(levels, paper, 30)[0], np.clip(distance, 30, 128) - 30)


@pytest.mark.parametrize(
    ("paper", "ink"),
    [((255, 255, 255), (0, 255, 0)), ((0, 0, 0), (255, 0, 0)), ((255, 255, 0), (255, 255, 255))],
)
def test_lines_in_colour_are_found_in_the_channel_that_shows_them(
    paper: tuple[int, int, int], ink: tuple[int, int, int], page: Pixels
) -> None:
    inked = page.min(axis=2, keepdims=True) < 128
    coloured = np.where(inked, np.uint8(ink), np.uint8(paper))
    assert projection_profile(coloured).lines > 20
    assert not projection_profile(coloured).may_need_turn
    assert projection_profile(turn_pixels(coloured, 180)).may_need_turn


@pytest.mark.parametrize("deg", TURNS)
def test_the_sums_of_a_page_give_the_profile_of_each_turn(page: Pixels, deg: int) -> None:
    found = ink_sums(page).profile(deg)
    turned = projection_profile(turn_pixels(page, deg))
    assert found.row_ratio == pytest.approx(turned.row_ratio, rel=0.1)
    assert found.ascender_excess == pytest.approx(turned.ascender_excess, abs=0.15)
    assert found.lines == pytest.approx(turned.lines, rel=0.1)


def test_a_page_of_300_dpi_is_judged_as_one_of_150_dpi(page: Pixels) -> None:
    double = np.repeat(np.repeat(page, 2, axis=0), 2, axis=1)
    assert not projection_profile(double).may_need_turn
    for deg in TURNS[1:]:
        assert projection_profile(turn_pixels(double, deg)).may_need_turn


def test_upright_text_does_not_need_a_turn(page: Pixels) -> None:
    assert not projection_profile(page).may_need_turn


def test_upright_pages_are_not_read(page: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    def views(self: SandboxClient, *_: object) -> Iterator[PageView]:
        height_px, width_px = page.shape[:2]
        yield PageView(width_px, height_px, 150.0, image=PageImage(page, 150.0))

    monkeypatch.setattr(SandboxClient, "look_many", views)
    routes = Routes(make_recipe(OcrOptions(output="-", engine={"kind": "fake"}), "fake"))
    with SandboxClient() as reader:
        assert routes.view(reader, "page.pdf", 1).turned_deg == 0
    assert routes._detector._recogniser is None
    assert routes._detector._classifier is None


def test_paper_noise_does_not_hide_upside_down_lines(page: Pixels) -> None:
    noise = np.random.default_rng(3).normal(0, 25, page.shape[:2])[:, :, None]
    lying = np.clip(0.9 * turn_pixels(page, 180) + noise, 0, 255).astype(np.uint8)
    found = projection_profile(lying)
    assert found.lines > 20
    assert found.may_need_turn


@pytest.mark.parametrize("paper", [200, 255])
@pytest.mark.parametrize(
    ("deviation", "at_least", "at_most"), [(0, 24, 24), (5, 24, 24), (15, 25, 60), (25, 40, 96)]
)
def test_noise_is_measured_beside_ink(
    paper: int, deviation: int, at_least: float, at_most: float
) -> None:
    random = np.random.default_rng(deviation)
    levels = np.clip(random.normal(paper, deviation, 200_000).round(), 0, 255).astype(int)
    levels[:20_000] = 0
    counts = np.bincount(levels, minlength=256)
    assert at_least <= _noise(counts, int(np.argmax(counts[50:])) + 50) <= at_most


@pytest.mark.parametrize("deg", TURNS[1:])
def test_text_that_lies_may_need_turn_and_turned(
    page: Pixels, detector: OrientationDetector, deg: int
) -> None:
    lying = turn_pixels(page, -deg % 360)
    assert projection_profile(lying).may_need_turn
    assert detector.turn(lying) == deg


@pytest.mark.parametrize("deg", TURNS)
def test_a_page_whose_lines_begin_at_the_right_is_not_taken_for_an_upside_down_one(
    detector: OrientationDetector, deg: int
) -> None:
    arabic = Image.new("RGB", (1240, 1754), "white")
    LAYOUTS["prose"](Printer(arabic, "arabic", np.random.default_rng(3)))
    assert detector.turn(turn_pixels(np.asarray(arabic), -deg % 360)) == deg


class _Judge:
    """A classifier with a fixed judgement of a page, and one of the page in a mirror."""

    def __init__(self, deg: int, probability: float, mirrored: tuple[int, float] = (0, 0)) -> None:
        self._answer = deg, probability
        self._mirrored = mirrored

    def mirrored_turn(self, page: PageViews) -> tuple[int, float]:
        return self._mirrored

    def turn(self, page: PageViews, confirms: Callable[[int], bool]) -> Judgement:
        return Judgement(*self._answer, probable=(self._answer[0], 0))


@pytest.mark.parametrize(
    ("lies", "judged", "probability", "expected", "is_read"),
    [
        (0, 0, 0.9, 0, False),
        (90, 90, 0.9, 90, False),
        (180, 180, 0.9, 180, False),
        (180, 0, 0.9, 0, False),  # a page is not turned on the word of its profile
        (0, 0, 0.5, 0, True),  # unsure
        (270, 270, 0.5, 0, True),
        (0, 180, 0.9, 0, True),  # the turned page would plainly be upside down
        (90, 270, 0.9, 0, True),
    ],
)
def test_lines_are_read_only_where_the_classifier_is_in_doubt(
    page: Pixels,
    monkeypatch: pytest.MonkeyPatch,
    lies: int,
    judged: int,
    probability: float,
    expected: int,
    is_read: bool,
) -> None:
    read: list[Pixels] = []
    monkeypatch.setattr(
        OrientationDetector, "_read", lambda self, pixels, *_: read.append(pixels) or 0
    )
    detector = OrientationDetector()
    monkeypatch.setattr(detector, "_classifier", _Judge(judged, probability))
    assert detector.turn(turn_pixels(page, -lies % 360)) == expected
    assert bool(read) is is_read


@pytest.mark.parametrize(
    ("lies", "mirrored", "expected", "is_read"),
    [(180, (180, 0.8), 180, False), (180, (180, 0.6), 0, True), (0, (180, 0.8), 0, True)],
)
def test_a_page_in_doubt_is_judged_in_the_mirror_before_it_is_read(
    page: Pixels,
    monkeypatch: pytest.MonkeyPatch,
    lies: int,
    mirrored: tuple[int, float],
    expected: int,
    is_read: bool,
) -> None:
    read: list[Pixels] = []
    monkeypatch.setattr(
        OrientationDetector, "_read", lambda self, pixels, *_: read.append(pixels) or 0
    )
    detector = OrientationDetector()
    monkeypatch.setattr(detector, "_classifier", _Judge(90, 0.5, mirrored))
    assert detector.turn(turn_pixels(page, -lies % 360)) == expected
    assert bool(read) is is_read


@pytest.mark.parametrize("deg", TURNS)
def test_an_arabic_page_is_plain_to_the_classifier_in_a_mirror(deg: int) -> None:
    arabic = Image.new("RGB", (1240, 1754), "white")
    LAYOUTS["prose"](Printer(arabic, "arabic", np.random.default_rng(3)))
    path = model_path()
    assert path is not None
    lying = turn_pixels(np.asarray(arabic), -deg % 360)
    found, probability = OrientationClassifier(path).mirrored_turn(PageViews(lying[:, :, 0]))
    assert found == deg
    assert probability > 0.6


def test_horizontal_lines_are_not_turned_sideways() -> None:
    bars = np.full((1200, 900, 3), 255, np.uint8)
    for top in range(100, 1100, 40):
        bars[top : top + 16, 100:800] = 0
    assert _is_contradicted(ink_sums(bars), 90)
    assert _is_contradicted(ink_sums(bars), 270)
    assert not _is_contradicted(ink_sums(turn_pixels(bars, 90)), 270)


def test_a_single_line_is_read_whatever_the_classifier_makes_of_it(
    page: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrientationDetector, "_read", lambda self, *_: 0)
    detector = OrientationDetector()
    monkeypatch.setattr(detector, "_classifier", _Judge(180, 0.9))
    assert detector.turn(turn_pixels(page, 180)[-300:]) == 0


def test_every_page_is_read_where_the_classifier_is_not_installed(
    page: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orientation, "model_path", lambda: None)
    monkeypatch.setattr(OrientationDetector, "_read", lambda self, *_: 90)
    assert OrientationDetector().turn(page) == 90


@pytest.mark.parametrize("skew_deg", [-2, 2])
@pytest.mark.parametrize("deg", TURNS)
def test_a_noisy_page_askew_is_turned_without_reading_it(
    page: Pixels, monkeypatch: pytest.MonkeyPatch, deg: int, skew_deg: int
) -> None:
    askew = Image.fromarray(page).rotate(skew_deg, fillcolor=(255, 255, 255))
    noise = np.random.default_rng(5).normal(0, 15, page.shape[:2])[:, :, None]
    scan = np.clip(0.9 * np.asarray(askew) + noise, 0, 255).astype(np.uint8)
    detector = OrientationDetector()
    monkeypatch.setattr(OrientationDetector, "_read", lambda self, *_: pytest.fail("read"))
    assert detector.turn(turn_pixels(scan, -deg % 360)) == deg


class _Reader:
    """A recogniser that is sure of the lines of some pieces; each piece is a level of grey."""

    def __init__(self, *scores: float, characters: int = 12) -> None:
        self.read_pieces: list[int] = []
        self._scores, self._characters = scores, characters

    def read(self, line: Pixels) -> Reading:
        self.read_pieces.append(int(line[0, 0, 0]))
        return Reading("x" * self._characters, self._scores[len(self.read_pieces) - 1])


@pytest.mark.parametrize(
    ("scores", "characters", "is_read", "pieces"),
    [
        ((0.99, 0.96), 12, True, 2),
        ((0.99, 0.96, 0.99), 8, True, 3),  # too few characters in two
        ((0.5, 0.7), 12, False, 2),  # hopeless
        ((0.9, 0.9, 0.9, 0.9), 12, False, 4),  # in doubt to the end
        ((0.9, 0.94, 0.99, 0.99), 12, True, 4),
        ((0.99, 0.99, 0.99, 0.99), 4, False, 4),  # too little to go by
    ],
)
def test_no_more_pieces_are_read_than_can_change_the_answer(
    monkeypatch: pytest.MonkeyPatch,
    scores: tuple[float, ...],
    characters: int,
    is_read: bool,
    pieces: int,
) -> None:
    detector, reader = OrientationDetector(), _Reader(*scores, characters=characters)
    monkeypatch.setattr(detector, "_recogniser", reader)
    given = [np.full((20, 200, 3), level, np.uint8) for level in range(4)]
    assert detector._is_read(given, 0) is is_read
    assert reader.read_pieces == list(range(pieces))


@pytest.mark.parametrize("deg", TURNS)
def test_lines_are_read_with_confidence_after_the_right_turn_alone(
    page: Pixels, detector: OrientationDetector, deg: int
) -> None:
    lying = turn_pixels(page, -deg % 360)
    ink = ink_sums(lying)
    for given_deg in TURNS:
        assert detector._read(lying, ink, [given_deg]) == (deg if given_deg == deg else 0)


@pytest.mark.parametrize("deg", TURNS)
def test_a_page_is_turned_without_the_classifier(
    page: Pixels, monkeypatch: pytest.MonkeyPatch, deg: int
) -> None:
    monkeypatch.setattr(orientation, "model_path", lambda: None)
    assert OrientationDetector().turn(turn_pixels(page, -deg % 360)) == deg


def test_white_on_black_lies_as_black_on_white(page: Pixels, detector: OrientationDetector) -> None:
    assert detector.turn(turn_pixels(255 - page, 90)) == 270


@pytest.mark.parametrize("side_px", [1, 40, 300])
def test_pictures_without_text_are_not_turned(detector: OrientationDetector, side_px: int) -> None:
    noise = np.asarray(sample_documents.noise_picture(side_px, side_px))
    assert detector.turn(noise) == 0
    assert detector.turn(np.full_like(noise, 255)) == 0


def test_a_sideways_scan_is_read_and_its_boxes_are_on_the_page_as_displayed(
    tmp_path: Path,
) -> None:
    lines = [*sample_documents.prose(8), "harbour lights at dusk"]
    content = sample_documents.turned_content(
        sample_documents.text_content(lines, 14, top_pt=560), 90
    )
    path = tmp_path / "scan.pdf"
    path.write_bytes(sample_documents.pdf([Page(content, LETTER)]))
    options = OcrOptions(output="-", engine={"kind": "onnx"}, text_layer="never")
    recipe = make_recipe(options, "onnx")
    with SandboxClient() as reader:
        view = Routes(recipe).view(reader, str(path), 1)
    assert view.turned_deg == 90
    assert (view.width_px, view.height_px) == (1275, 1650)
    assert view.image is not None
    request = prepare_request(view.image, recipe)
    assert (request.page_width_px, request.page_height_px) == (1650, 1275)
    engine: Any = build_engine(options.engine)
    text, blocks = read_answer(asyncio.run(engine.generate(request)), request, SPECS["onnx"])
    assert "harbour lights at dusk" in text
    inked = np.argwhere(view.image.pixels.min(axis=2) < 128)
    boxes = np.array([block.box for block in blocks])
    assert np.allclose(boxes[:, :2].min(axis=0), inked.min(axis=0)[::-1], atol=15)
    assert np.allclose(boxes[:, 2:].max(axis=0), inked.max(axis=0)[::-1], atol=15)
