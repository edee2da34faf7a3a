"""Pages cut up where they are prepared, for the plugin's encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import Recipe, RenderConfig, VllmConfig
from pipeline.engines.deepseek_ocr import model, requests
from pipeline.types import Instruction, PageImage, Task

CUTS = VllmConfig(plugin_tiles=True)
RECIPE = Recipe(
    engine="vllm",
    model=CUTS.model,
    revision="",
    task=Task.TEXT,
    render=RenderConfig(),
    vllm=CUTS,
)


def noise(width_px: int, height_px: int) -> PageImage:
    pixels = np.random.default_rng(0).integers(0, 256, (height_px, width_px, 3), np.uint8)
    return PageImage(pixels, 150)


@pytest.mark.parametrize("size", [(1275, 1650), (2550, 3300), (1700, 700), (500, 300)])
def test_tiles_made_where_a_page_is_prepared_are_those_that_the_engine_makes(
    size: tuple[int, int],
) -> None:
    made = requests.make_request(noise(*size), Instruction(Task.TEXT), CUTS)
    plain = requests.make_request(noise(*size), Instruction(Task.TEXT), VllmConfig())
    assert made.view is not None
    assert plain.view is plain.tiles is None
    ours, engines = (requests.pieces(request, model.OCR) for request in (made, plain))
    assert np.array_equal(ours.view, engines.view)
    assert np.array_equal(ours.tiles, engines.tiles)
    assert ours.grid == engines.grid
    assert len(ours.tiles) == (0 if max(size) <= 640 else ours.grid[0] * ours.grid[1])


def test_a_page_that_is_read_in_another_size_is_cut_again() -> None:
    made = requests.make_request(noise(1275, 1650), Instruction(Task.TEXT), CUTS)
    other = requests.other_view(made, RECIPE)
    assert other.view is other.tiles is None
    assert requests.pieces(other, model.OCR).tiles.shape[0] == 0
    stale = replace(made, image=other.image)
    assert requests.pieces(stale, model.OCR).tiles.shape[0] == 0


@pytest.mark.parametrize(
    "changes",
    [{"plugin": "off"}, {"plugin_encoder": False}, {"family": "deepseek-ocr-2"}],
)
def test_an_engine_with_vllms_encoder_gets_no_tiles(changes: dict[str, object]) -> None:
    config = CUTS.model_copy(update=changes)
    assert requests.make_request(noise(1275, 1650), Instruction(Task.TEXT), config).view is None
