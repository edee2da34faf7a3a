"""What a page of an answer has only where it is asked for: its picture, and its text as HTML."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from pydantic_core import PydanticCustomError

from pipeline.errors import PageError
from pipeline.imaging.webp import MEDIA_TYPE, webp
from pipeline.types import Pixels
from pipeline.web.markup import html
from serving.errors import ApiError
from serving.ocr.document_response import OcrPage

Extra = Literal["html", "image"]
"""A part of a page that `include` can name."""
_EXTRAS: Final[tuple[Extra, ...]] = ("html", "image")
_MAX_NAME_CHARS: Final = 80


def parse_include(text: str) -> frozenset[Extra]:
    """The parts of a page that a request names, with commas between.

    Raises:
        PydanticCustomError: There is no such part.
    """
    names = {name for part in text.split(",") if (name := part.strip())}
    if unknown := sorted(names.difference(_EXTRAS)):
        raise PydanticCustomError(
            "invalid_value",
            "there is no {unknown}; choose from: {known}",
            {"unknown": ", ".join(unknown)[:_MAX_NAME_CHARS], "known": ", ".join(_EXTRAS)},
        )
    return frozenset(name for name in _EXTRAS if name in names)


def check(include: frozenset[Extra], side_px: int) -> None:
    """Refuse pictures where the service gives none.

    Args:
        include: What is asked for.
        side_px: Longer side of a picture, pixels; 0 where there are none.

    Raises:
        ApiError: 400.
    """
    if "image" in include and not side_px:
        message = "this service gives no pictures of pages (limits.page_image_px)"
        raise ApiError(400, "unsupported_parameter", message, param="include")


async def extended(
    page: OcrPage,
    include: frozenset[Extra],
    draw: Callable[[], Awaitable[Pixels]],
    side_px: int,
) -> OcrPage:
    """A page with what is asked for.

    Args:
        page: The page.
        include: What it is to have.
        draw: Draws it.
        side_px: Maximum longer side of its picture, pixels.
    """
    added: dict[str, object] = {}
    if "html" in include:
        added["html"] = await asyncio.to_thread(_html, page)
    if "image" in include:
        added["image"] = await _image(draw, side_px)
    return page.model_copy(update=added)


def _html(page: OcrPage) -> list[str]:
    return [html(block.text) for block in page.blocks] or [html(page.markdown)]


async def _image(draw: Callable[[], Awaitable[Pixels]], side_px: int) -> str | None:
    try:
        pixels = await draw()
    except PageError:  # it was read from its text layer, or its own error says why it was not
        return None
    content = await asyncio.to_thread(webp, pixels, side_px)
    return f"data:{MEDIA_TYPE};base64,{base64.b64encode(content).decode()}"
