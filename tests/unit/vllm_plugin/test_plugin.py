"""The parts of the plugin that need neither torch nor vLLM."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.config import VllmConfig
from pipeline.vllm_plugin import choice
from pipeline.vllm_plugin.encoder import layout, tiles
from pipeline.vllm_plugin.encoder.tiles import GREY, cut
from pipeline.vllm_plugin.options import Options

OCR = "deepseek-ocr"
PARTS = ("ngram", "encoder", "graphs", "compiled", "steps", "outputs")
ALL = Options(
    ngram=True,
    encoder=True,
    graphs=True,
    compiled=True,
    steps=True,
    outputs=True,
    prefill_pages=4,
)
grids = st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (1, 6), (5, 1)])


# --- where tokens come from


def page_by_hand(grid: layout.Grid, tiles: Any, view: Any, newline: int) -> list[int]:
    """A page's tokens read off as a person would: row by row of the whole picture."""
    columns, rows = grid
    made: list[int] = []
    if len(tiles):
        side = tiles.shape[1]
        for y in range(rows * side):
            for x in range(columns * side):
                tile = tiles[(y // side) * columns + x // side]
                made.append(int(tile[y % side, x % side]))
            made.append(newline)
    for row in view:
        made += [*map(int, row), newline]
    return [*made, newline + 1]


@given(st.lists(grids, min_size=1, max_size=4))
def test_pages_are_rows_of_the_table(batch: list[layout.Grid]) -> None:
    view_side, tile_side = 3, 2
    count = sum(map(layout.tiles_of, batch))
    tiles = np.arange(count * tile_side**2).reshape(count, tile_side, tile_side)
    first = tiles.size
    views = first + np.arange(len(batch) * view_side**2).reshape(-1, view_side, view_side)
    newline = first + views.size
    wanted: list[int] = []
    at = 0
    for number, grid in enumerate(batch):
        some = tiles[at : at + layout.tiles_of(grid)]
        wanted += page_by_hand(grid, some, views[number], newline)
        at += len(some)
    made = layout.pages(batch, first, view_side, tile_side)
    assert made.tolist() == wanted
    assert len(made) == sum(layout.tokens_of(grid, view_side, tile_side) for grid in batch)


# --- cutting up


def test_tiles_are_the_parts_of_the_page_row_by_row() -> None:
    colours = np.arange(6, dtype=np.uint8).reshape(3, 2, 1) * 40
    picture = np.repeat(np.repeat(np.repeat(colours, 3, 2), 64, 0), 64, 1)
    made = cut(picture, (2, 3), view_px=128, tile_px=64)
    assert made.tiles.shape == (6, 3, 64, 64)
    assert [int(tile[0, 32, 32]) for tile in made.tiles] == [0, 40, 80, 120, 160, 200]
    assert made.grid == (2, 3)


def test_a_small_page_has_a_view_alone_padded_with_grey() -> None:
    made = cut(np.zeros((32, 64, 3), np.uint8), (0, 0), view_px=64, tile_px=64)
    assert made.tiles.shape == (0, 3, 64, 64)
    assert made.grid == (1, 1)
    assert tuple(made.view[0, :, 0, 0]) == GREY
    assert made.view[0, :, 32].max() == 0


# --- options


def test_options_cross_into_another_process() -> None:
    assert pickle.loads(pickle.dumps(ALL)) == ALL
    assert Options.from_config(ALL) is ALL
    assert Options.from_config({}) == Options.from_config(None) == Options()
    assert Options.from_config({"rayscribe": {"ngram": True}}) == Options(ngram=True)


def test_an_unknown_option_is_no_silent_no() -> None:
    with pytest.raises(ValueError, match="ngrams"):
        Options.from_config({"rayscribe": {"ngrams": True}})


def test_options_do_not_make_vllm_compile_anew() -> None:
    assert ALL.compute_hash() == Options().compute_hash()


# --- choice


@pytest.fixture
def vllm_026(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "installed", lambda: (0, 26))


@pytest.mark.usefixtures("vllm_026")
def test_auto_takes_every_part() -> None:
    chosen = choice.choose(VllmConfig(), OCR)
    assert chosen.options == choice.parts(VllmConfig(), OCR) == ALL
    assert chosen.report() == dict.fromkeys(PARTS, "on")
    arguments = choice.engine_args(ALL)
    assert arguments["worker_cls"] == choice.WORKER
    assert arguments["scheduler_cls"] == choice.SCHEDULER
    assert arguments["async_scheduling"] is True
    assert arguments["additional_config"] == ALL
    assert arguments["logits_processors"] == []


@pytest.mark.usefixtures("vllm_026")
@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"plugin": "off"}, Options()),
        ({"plugin": "off", "load_format": "random"}, Options(spread=True)),
        ({"plugin_ngram": False, "plugin_steps": False, "plugin_encoder": False}, Options()),
        ({"plugin_graphs": False}, replace(ALL, graphs=False)),
        ({"enforce_eager": True}, replace(ALL, graphs=False, compiled=False)),
        ({"plugin_outputs": False}, replace(ALL, outputs=False)),
        ({"plugin_steps": False}, replace(ALL, steps=False, outputs=False, prefill_pages=1)),
        ({"plugin_prefill_pages": 1}, replace(ALL, prefill_pages=1)),
        (
            {"pipeline_parallel_size": 2},
            Options(ngram=True, encoder=True, graphs=True, compiled=True),
        ),
    ],
)
def test_each_part_has_a_switch(changes: dict[str, Any], parts: Options) -> None:
    assert choice.parts(VllmConfig(**changes), OCR) == parts


@pytest.mark.usefixtures("vllm_026")
def test_another_family_keeps_its_own_encoder() -> None:
    chosen = choice.choose(VllmConfig(), "deepseek-ocr-2")
    assert chosen.options == Options(ngram=True, steps=True, outputs=True, prefill_pages=4)
    for part in ("encoder", "graphs", "compiled"):
        assert chosen.report()[part] == "off: the encoder of deepseek-ocr-2 is vLLM's own"


@pytest.mark.usefixtures("vllm_026")
def test_what_is_switched_off_is_named_by_its_switch() -> None:
    config = VllmConfig(plugin_encoder=False, plugin_steps=False, enforce_eager=True)
    report = choice.choose(config, OCR).report()
    assert report["encoder"] == "off: engine.vllm.plugin_encoder is off"
    assert report["graphs"] == "off: engine.vllm.enforce_eager is on"
    assert report["steps"] == "off: engine.vllm.plugin_steps is off"
    assert report["outputs"] == "off: engine.vllm.plugin_steps is off"


def test_without_a_part_only_the_rule_in_python_is_left() -> None:
    assert choice.engine_args(Options()) == {"logits_processors": [choice.PROCESSOR]}


@pytest.mark.parametrize("version", [None, (0, 25), (0, 33), (1, 0)])
def test_another_vllm_does_all_the_work_itself(
    version: tuple[int, int] | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(choice, "installed", lambda: version)
    choice._say.cache_clear()
    chosen = choice.choose(VllmConfig(), OCR)
    assert chosen.options == Options()
    assert set(chosen.left_out) == set(PARTS)
    assert all("the plugin is not for" in line for line in chosen.report().values())
    assert "the plugin is not for vLLM" in caplog.text


def test_what_is_off_on_purpose_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choice, "installed", lambda: (0, 26))
    choice._say.cache_clear()
    choice.choose(VllmConfig(plugin_encoder=False, plugin_steps=False), OCR)
    assert caplog.text == ""


# --- which of vLLM's model runners


@pytest.mark.parametrize("version", [(0, 31), (0, 32)])
def test_a_later_vllm_gets_the_rule_in_its_second_runner(
    version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "installed", lambda: version)
    chosen = choice.choose(VllmConfig(), OCR)
    assert chosen.options == replace(ALL, second_runner=True)
    assert chosen.report()["ngram"] == "on, in the second model runner"
    assert chosen.report()["steps"] == "on, in the scheduler alone"
    arguments = choice.engine_args(chosen.options)
    assert arguments["logits_processors"] == [choice.PROCESSOR_V2]
    assert arguments["scheduler_cls"] == choice.SCHEDULER


@pytest.mark.parametrize(
    ("version", "changes", "processors"),
    [
        ((0, 30), {}, []),
        ((0, 32), {"num_gpus": 0}, []),
        ((0, 32), {"plugin_ngram": False}, [choice.PROCESSOR]),
        ((0, 32), {"plugin": "off"}, [choice.PROCESSOR]),
    ],
)
def test_all_others_run_on_the_first(
    version: tuple[int, int],
    changes: dict[str, Any],
    processors: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "installed", lambda: version)
    options = choice.parts(VllmConfig(**changes), OCR)
    assert not options.second_runner
    assert choice.engine_args(options)["logits_processors"] == processors


def test_how_an_engine_is_run_is_no_part_of_a_recipe() -> None:
    assert {name for name in VllmConfig.model_fields if name.startswith("plugin")} <= (
        VllmConfig.UNREAD
    )


@pytest.mark.parametrize("size", [(7, 5), (640, 1280), (2560, 2560)])
def test_pixels_are_those_of_pillows_own_conversion(size: tuple[int, int]):
    """The largest is more than Pillow keeps in one piece."""
    rng = np.random.default_rng(3)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).resize(size)
    assert np.array_equal(tiles._pixels(image), np.asarray(image))
