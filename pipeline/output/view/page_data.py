"""What the viewer shows of one page, from its row. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.output.schema import GENERATION, TIMING
from pipeline.web.markup import html

_PLAIN: Final = (
    *("uri", "page", "page_count", "media_type", "status", "source", "engine", "model", "rung"),
    *("text_score", "text_score_parts", "text_layer_trust", "text_layer_doubts", "turned_deg"),
    *("width_px", "height_px", "dpi", "warnings", "error_kind", "error", "copied_from"),
    *("recipe_hash", "page_id", "attempts", *GENERATION, *TIMING),
)
COLUMNS: Final = (*_PLAIN, "text", "raw", "blocks")
"""The columns of `schema.PAGES` that `page_data` needs."""
MAX_BLOCKS: Final = 2000
"""Blocks of a page that are shown; further ones are in its Markdown."""


def page_data(row: Mapping[str, Any]) -> dict[str, Any]:
    """A page for the viewer: the row's fields, its blocks rendered, boxes in percent of the page.

    Args:
        row: With `COLUMNS`.
    """
    size = row["width_px"] or 0, row["height_px"] or 0
    blocks = row["blocks"] or []
    return {name: row[name] for name in _PLAIN} | {
        "text": row["text"] or "",
        "raw": row["raw"],
        "html": "" if blocks else html(row["text"] or ""),
        "blocks": [_block(block, size) for block in blocks[:MAX_BLOCKS]],
        "blocks_left_out": max(0, len(blocks) - MAX_BLOCKS),
    }


def _block(block: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    return {
        "kind": block["kind"],
        "score": block["score"],
        "html": html(block["text"] or ""),
        "box": _percent(block["box_px"], size),
    }


def _percent(box: Mapping[str, float] | None, size: tuple[int, int]) -> list[float] | None:
    """Left, top, width and height in percent of the page, None without a box."""
    width_px, height_px = size
    if not box or not width_px or not height_px:
        return None
    left, right = sorted((_share(box["x0"], width_px), _share(box["x1"], width_px)))
    top, bottom = sorted((_share(box["y0"], height_px), _share(box["y1"], height_px)))
    return [round(value, 2) for value in (left, top, right - left, bottom - top)]


def _share(at_px: float, length_px: int) -> float:
    return min(100.0, max(0.0, 100 * at_px / length_px))
