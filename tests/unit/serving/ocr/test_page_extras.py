"""What a page of an answer has only where it is asked for."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from pydantic_core import PydanticCustomError

from pipeline.errors import ErrorKind, PageError
from pipeline.types import Block, PageRef, PageResult, Pixels, Recognition, Status
from serving.errors import ApiError
from serving.ocr import document_response
from serving.ocr.document_response import OcrPage
from serving.ocr.page_extras import check, extended, parse_include

BOTH = parse_include("html,image")


def page(text: str, *blocks: Block) -> OcrPage:
    ref = PageRef("", "", 1, 1, "application/pdf", 612, 792)
    return document_response.page(PageResult(ref, Recognition(Status.OK, text, blocks)))


async def drawn() -> Pixels:
    return np.full((200, 100, 3), 255, np.uint8)


async def not_drawn() -> Pixels:
    raise PageError(ErrorKind.RENDER, "a damaged page")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", set()), ("html", {"html"}), (" image , html ", {"html", "image"}), (",", set())],
)
def test_parts_are_named_with_commas_between(text: str, expected: set[str]) -> None:
    assert parse_include(text) == expected


def test_an_unknown_part_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PydanticCustomError, match="there is no pdf; choose from: html, image"):
        parse_include("html,pdf")


def test_pictures_are_refused_where_the_service_gives_none() -> None:
    with pytest.raises(ApiError, match=r"limits\.page_image_px") as caught:
        check(BOTH, 0)
    assert (caught.value.status, caught.value.param) == (400, "include")
    check(parse_include("html"), 0)


async def test_each_block_is_rendered_and_cleaned() -> None:
    one = page("", Block("title", "# *One*"), Block("text", "<script>x</script>two"))
    found = await extended(one, BOTH, drawn, 50)
    assert found.html == ["<h1><em>One</em></h1>\n", "two"]


async def test_a_page_without_blocks_is_rendered_as_a_whole() -> None:
    assert (await extended(page("one\n\ntwo"), BOTH, drawn, 50)).html == [
        "<p>one</p>\n<p>two</p>\n"
    ]


async def test_a_picture_is_a_data_uri_of_the_asked_size() -> None:
    found = await extended(page("one"), BOTH, drawn, 50)
    assert found.image
    head, content = found.image.split(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert image.size == (25, 50)


async def test_a_page_that_cannot_be_drawn_keeps_its_text() -> None:
    found = await extended(page("one"), BOTH, not_drawn, 50)
    assert (found.image, found.markdown, found.html) == (None, "one", ["<p>one</p>\n"])


async def test_only_what_is_asked_for_is_added() -> None:
    found = await extended(page("one"), parse_include("html"), not_drawn, 50)
    assert (found.html, found.image) == (["<p>one</p>\n"], None)
