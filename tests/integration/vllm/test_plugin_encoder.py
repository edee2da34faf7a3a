"""The plugin's encoder against vLLM's own modules, in float32 on the CPU; more on a GPU."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pipeline.engines.deepseek_ocr import model, views
from pipeline.vllm_plugin.encoder import layout
from pipeline.vllm_plugin.encoder.encoder import Encoder, block_runner, normalise_table
from pipeline.vllm_plugin.encoder.graphs import Graphs, chunks
from pipeline.vllm_plugin.encoder.sam import Sam, from_windows, plain_attention, to_windows
from pipeline.vllm_plugin.encoder.tiles import cut
from pipeline.vllm_plugin.options import Options

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def sam(depth: int, wide: int = 96) -> Any:
    """vLLM's SAM with random weights: few blocks, the last one without windows."""
    from vllm.config import VllmConfig, set_current_vllm_config
    from vllm.model_executor.models.deepencoder import _build_sam

    with set_current_vllm_config(VllmConfig()):
        module = _build_sam(wide, depth, 12, [depth - 1])
    torch.manual_seed(0)
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.05)
    return module.eval()


def distance(made: torch.Tensor, wanted: torch.Tensor) -> float:
    return ((made - wanted).norm() / wanted.norm()).item()


@torch.inference_mode()
@pytest.mark.parametrize(("side_px", "batch"), [(1024, 1), (640, 2), (256, 3)])
def test_sam_is_vllms_in_float32(side_px: int, batch: int) -> None:
    """At the trained size, at a smaller one, and where a window is larger than a part of it."""
    module = sam(2)
    ours = Sam(module, (side_px,), plain_attention)
    pixels = torch.randn(batch, 3, side_px, side_px)
    assert distance(ours(pixels), module(pixels)) < 1e-5


@pytest.mark.parametrize("side", [14, 16, 40, 64])
def test_windows_are_put_together_as_they_were_cut(side: int) -> None:
    x = torch.randn(2, side, side, 3)
    windows = to_windows(x, 14)
    assert windows.shape[1:] == (14, 14, 3)
    assert torch.equal(from_windows(windows, side), x)


def test_bytes_become_the_numbers_of_vllms_processor() -> None:
    from vllm.transformers_utils.processors.deepseek_ocr import ImageTransform

    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    wanted = ImageTransform()(Image.fromarray(np.stack([values] * 3, -1)))
    assert torch.equal(normalise_table(torch.float32, torch.device("cpu")).view(16, 16), wanted[0])


def some_pages() -> list[tuple[int, int]]:
    rng = random.Random(0)
    sizes = [(rng.randint(200, 2000), rng.randint(200, 2000)) for _ in range(6)]
    return [*sizes, (640, 640), (641, 640), (1275, 1650)]


@pytest.mark.parametrize(("width_px", "height_px"), some_pages())
def test_a_page_is_cut_up_as_by_vllms_processor(width_px: int, height_px: int) -> None:
    from vllm.transformers_utils.processors.deepseek_ocr import DeepseekOCRProcessor

    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    grid = views.grid(width_px, height_px, model.OCR)
    made = cut(picture, grid, views.BASE_PX, model.OCR.tile_px)
    vllms = DeepseekOCRProcessor.__new__(DeepseekOCRProcessor)
    fields = {
        "image_token": "<image>",
        "image_token_id": 7,
        "image_size": 640,
        "base_size": 1024,
        "patch_size": 16,
        "downsample_ratio": 4,
        "strategy": "v1",
        "max_crops": 6,
        "ignore_id": -100,
        "image_transform": _Bytes(),
        "encode": lambda text, bos, eos: [],
        "tokenizer": SimpleNamespace(bos_token_id=0, eos_token_id=1, pad_token_id=2),
    }
    vars(vllms).update(fields)
    image = Image.fromarray(picture)
    _, global_views, tiles, _, grids, counts, _ = vllms.tokenize_with_images("<image>", [image])
    assert torch.equal(global_views, torch.from_numpy(made.view))
    assert torch.equal(tiles.to(torch.uint8), torch.from_numpy(made.tiles))
    assert grids.tolist() == [list(made.grid)]
    assert counts == [views.image_tokens(width_px, height_px, model.OCR)]
    assert counts == [layout.tokens_of(made.grid, 16, 10)]
    assert (len(made.tiles) > 0) == (max(width_px, height_px) > 640)


class _Bytes:
    """In place of the processor's transform: the bytes that it starts from."""

    mean = (0.5, 0.5, 0.5)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image).transpose(2, 0, 1).copy())


class Model(nn.Module):
    """What the encoder needs of vLLM's model, with small parts of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.sam_model = sam(1)
        self.mix = nn.Conv2d(1024, 32, 1)
        self.projector = nn.Linear(32 + 1024, 24)
        self.image_newline = nn.Parameter(torch.randn(24))
        self.view_seperator = nn.Parameter(torch.randn(24))

    def vision_model(self, pixels: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        mixed = self.mix(first).flatten(2).transpose(1, 2)
        return torch.cat([mixed[:, :1], mixed], 1)


@torch.inference_mode()
def test_pages_of_a_batch_are_assembled_as_by_vllm() -> None:
    """Of four pages, two with tiles: each equals vLLM's code for a single page."""
    from vllm.model_executor.models.deepseek_ocr import DeepseekOCRForCausalLM as Stock

    torch.manual_seed(0)
    model = Model()
    encoder = Encoder(model, Options(encoder=True), plain_attention)
    grids = [(1, 1), (2, 3), (1, 1), (2, 1)]
    views = torch.randint(0, 256, (4, 3, 1024, 1024), dtype=torch.uint8)
    tiles = torch.randint(0, 256, (8, 3, 640, 640), dtype=torch.uint8)
    made = encoder(views, tiles, grids)
    assert [page.shape[0] for page in made] == [273, 903, 273, 483]
    model._assemble_patch_grid = Stock._assemble_patch_grid.__get__(model)  # type: ignore[assignment]
    floats = [(pictures.float() / 255 - 0.5) / 0.5 for pictures in (views, tiles)]
    parts = floats[1].split([0, 6, 0, 2])
    for number, grid in enumerate(grids):
        wanted = [Stock._encode_global_features(model, floats[0][[number]])]
        if layout.tiles_of(grid):
            crop = torch.tensor(grid)
            wanted.insert(0, Stock._encode_local_features(model, parts[number], crop))
        whole = torch.cat([*wanted, model.view_seperator[None]])
        assert distance(made[number], whole) < 1e-5


def test_an_all_black_page_is_a_page() -> None:
    model = Model()
    encoder = Encoder(model, Options(encoder=True), plain_attention)
    with torch.inference_mode():
        black = torch.zeros(1, 3, 1024, 1024, dtype=torch.uint8)
        (page,) = encoder(black, torch.zeros(0, 3, 640, 640, dtype=torch.uint8), [(1, 1)])
    assert page.shape == (273, 24)
    assert page.isfinite().all()


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, [(1, 2)]),
        (5, [(5, 6)]),
        (6, [(6, 6)]),
        (7, [(6, 6), (1, 2)]),
        (17, [(6, 6), (6, 6), (5, 6)]),
    ],
)
def test_batches_take_the_smallest_graph(count: int, expected: list[tuple[int, int]]) -> None:
    assert chunks(count, (2, 4, 6)) == expected


# --- on a GPU


@GPU
@torch.inference_mode()
@pytest.mark.parametrize(("side_px", "batch"), [(1024, 2), (640, 6)])
@pytest.mark.parametrize("compiled", [False, True])
def test_bfloat16_is_as_near_to_float32_as_vllms(side_px: int, batch: int, compiled: bool) -> None:
    from pipeline.vllm_plugin.encoder.attention import choose

    exact = sam(12, 768).cuda()
    pixels = torch.randn(batch, 3, side_px, side_px, device="cuda")
    true = exact(pixels)
    stock = sam(12, 768).cuda().bfloat16()
    ours = Sam(stock, (side_px,), choose(stock.pos_embed), block_runner(compiled))
    theirs = distance(stock(pixels.bfloat16()).float(), true)
    assert distance(ours(pixels.bfloat16()).float(), true) < 1.1 * theirs


@GPU
@torch.inference_mode()
def test_graphs_of_all_sizes_give_what_the_function_gives() -> None:
    weight = torch.randn(27, 27, device="cuda")

    def function(pictures: torch.Tensor) -> torch.Tensor:
        return (pictures.float().flatten(1) @ weight)[:, None]

    graphs = Graphs(function, (1, 2, 4), torch.cuda.graph_pool_handle())
    for count in (1, 2, 3, 4, 5, 9):
        pictures = torch.randint(0, 256, (count, 3, 3, 3), dtype=torch.uint8, device="cuda")
        assert torch.equal(graphs(pictures), function(pictures))


@GPU
def test_the_rule_never_waits_for_the_gpu() -> None:
    from pipeline.vllm_plugin.ngram_rule.rows import Rows

    rows = Rows(4, 64, torch.device("cuda"))
    rows.renew({"a": ({"ngram_size": 2}, [1, 1]), "b": (None, [])})
    logits = torch.zeros(2, 8, device="cuda")
    rows.ban(["a", "b"], logits)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        rows.ban(["a", "b"], logits)
        rows.push(["a", "b"], torch.ones(2, device="cuda"), torch.zeros(2, device="cuda"))
        rows.renew({"a": ({"ngram_size": 3}, [])})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert logits[0].tolist() == [0, -torch.inf, *[0] * 6]
