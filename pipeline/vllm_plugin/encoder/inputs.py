"""A page cut up as the input of vLLM's engine, without vLLM's processor.

The processor's work is done already: the count of image tokens is known
(`pipeline.engines.deepseek_ocr.views`), the pictures are bytes, and the prompt is token ids. What
is left is to say where in the prompt the picture's tokens stand.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from vllm.multimodal import inputs as mm

from pipeline.vllm_plugin.encoder.tiles import Tiles

_numbers = itertools.count()


def page_input(ids: Sequence[int], image: int, image_tokens: int, tiles: Tiles) -> dict[str, Any]:
    """What `AsyncLLM.generate` takes for a page.

    Args:
        ids: The prompt, with one token for the picture.
        image: The id of that token.
        image_tokens: How many of it the picture becomes.
        tiles: The page.
    """
    at = ids.index(image)
    expanded = [*ids[:at], *[image] * image_tokens, *ids[at + 1 :]]
    return {
        "type": "multimodal",
        "prompt_token_ids": expanded,
        "mm_kwargs": mm.MultiModalKwargsItems({"image": [_item(tiles)]}),
        # Names the encoder's output in vLLM's cache of them; no page is asked for twice.
        "mm_hashes": {"image": [f"page-{next(_numbers)}"]},
        "mm_placeholders": {"image": [mm.PlaceholderRange(offset=at, length=image_tokens)]},
    }


def _item(tiles: Tiles) -> Any:
    # Batched: one entry a page. Flat: as many as it has tiles. On the CPU: read by Python.
    one = mm.MultiModalBatchedField()
    here = mm.MultiModalBatchedField(keep_on_cpu=True)
    many = mm.MultiModalFlatField(slices=[slice(0, len(tiles.tiles))], dim=0)
    return mm.MultiModalKwargsItem(
        {
            "pixel_values": mm.MultiModalFieldElem(data=torch.from_numpy(tiles.view[0]), field=one),
            "images_spatial_crop": mm.MultiModalFieldElem(
                data=torch.tensor(tiles.grid), field=here
            ),
            "images_crop": mm.MultiModalFieldElem(data=torch.from_numpy(tiles.tiles), field=many),
        }
    )
