"""Mistral's form of `/v1/ocr`."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from pipeline.page_range import PageSelection
from pipeline.types import Block, PageRef, PageResult, Recognition, Status
from serving.errors import ApiError
from serving.ocr import document_response, mistral, mistral_response
from serving.ocr.uploads import Upload

DATA = b"%PDF-1.7"
PDF = f"data:application/pdf;base64,{base64.b64encode(DATA).decode()}"
DOCUMENT = {"type": "document_url", "document_url": PDF}


def request(**more: Any) -> mistral.ParsedMistralRequest:
    return mistral.parse({"model": "m", "document": DOCUMENT, **more})


def test_a_request_of_mistrals_client() -> None:
    found = request(pages=[0, 2], include_image_base64=True, image_limit=3, id="1")
    assert found.ocr.document == Upload("document.document_url", DATA, media_type="application/pdf")
    assert [page for page in range(1, 9) if page in found.ocr.pages] == [1, 3]
    assert (found.ocr.model, found.image_limit, found.image_min_px) == ("m", 3, 0)


@pytest.mark.parametrize("blocks", [False, True])
def test_what_mistrals_client_always_sends(blocks: bool) -> None:
    found = request(include_blocks=blocks, confidence_scores_granularity=None)
    assert (found.ocr.pages, found.include_blocks) == (PageSelection(), blocks)


def test_pages_as_text() -> None:
    pages = request(pages="0, 2-4").ocr.pages
    assert [page for page in range(1, 9) if page in pages] == [1, 3, 4, 5]


@pytest.mark.parametrize("url", ["https://a.example/x.png", {"url": "https://a.example/x.png"}])
def test_an_image_alone_or_in_an_object(url: object) -> None:
    found = mistral.parse({"document": {"type": "image_url", "image_url": url}})
    assert found.ocr.document == Upload("document.image_url", url="https://a.example/x.png")


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"document": {"type": "file", "file_id": "x"}}, "invalid_value", "document.type"),
        ({"document_annotation_format": {"type": "json_schema"}}, "unsupported_parameter", None),
        ({"table_format": "html"}, "invalid_value", "table_format"),
        ({"extract_header": True}, "invalid_value", "extract_header"),
        ({"pages": [-1]}, "invalid_value", "pages[0]"),
        ({"pages": ["1"]}, "invalid_type", "pages[0]"),
        ({"pages": []}, "invalid_value", "pages"),
        ({"pages": ""}, "invalid_value", "pages"),
        ({"pages": "1-"}, "invalid_value", "pages"),
        ({"pages": "3-1"}, "invalid_value", "pages"),
        ({"pages": 1}, "invalid_value", "pages"),
        ({"confidence_scores_granularity": "page"}, "invalid_value", None),
        ({"prompt": "x"}, "unsupported_parameter", "prompt"),
    ],
)
def test_what_is_refused(more: dict[str, Any], code: str, param: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        request(**more)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert caught.value.param == (param or next(iter(more)))


def test_only_a_document_that_is_an_object_is_mistrals() -> None:
    assert mistral.is_mistral({"document": DOCUMENT})
    assert not mistral.is_mistral({"document": PDF})
    assert not mistral.is_mistral({})


BLOCKS = (
    Block("title", "# A"),
    Block("image", "", (10.4, 20.6, 110, 220)),
    Block("image", "", (0, 0, 5, 5)),
    Block("image", "", None),
)
TEXT = "# A\n\n![image](#block-2)\n\n![image](#block-3)\n\n![image](#block-4)"


def document() -> document_response.OcrDocument:
    ref = PageRef("", "d", 2, 3, "application/pdf", 612, 792)
    recognition = Recognition(status=Status.OK, text=TEXT, blocks=BLOCKS)
    result = PageResult(ref, recognition, width_px=1275, height_px=1650, dpi=150.0)
    return document_response.document("ocr", "application/pdf", 3, [document_response.page(result)])


def test_the_answer_has_mistrals_names() -> None:
    answer = mistral_response.answer(document(), request(image_min_size=50)).model_dump()
    [page] = answer.pop("pages")
    assert answer == {
        "model": "ocr",
        "usage_info": {"pages_processed": 1, "doc_size_bytes": len(DATA)},
        "document_annotation": None,
    }
    assert (page["index"], page["error"]) == (1, None)
    assert page["dimensions"] == {"dpi": 150, "height": 1650, "width": 1275}
    assert page["images"] == [
        {
            "id": "img-0.jpeg",
            "top_left_x": 10,
            "top_left_y": 21,
            "bottom_right_x": 110,
            "bottom_right_y": 220,
            "image_base64": None,
        }
    ]
    assert page["markdown"].split() == ["#", "A", "![img-0.jpeg](img-0.jpeg)"]


def test_no_more_images_than_asked_for() -> None:
    [page] = mistral_response.answer(document(), request(image_limit=1)).pages
    assert [image.id for image in page.images] == ["img-0.jpeg"]
    [page] = mistral_response.answer(document(), request(image_limit=0)).pages
    assert page.images == []


def test_blocks_have_mistrals_kinds_and_the_names_of_their_images() -> None:
    [page] = mistral_response.answer(document(), request(include_blocks=True)).pages
    assert page.blocks is not None
    assert [(block.type, block.content, block.image_id) for block in page.blocks] == [
        ("title", "# A", None),
        ("image", "", "img-0.jpeg"),
        ("image", "", "img-1.jpeg"),
    ]
    assert (page.blocks[0].bottom_right_x, page.blocks[0].bottom_right_y) == (1275, 1650)
    assert (page.blocks[1].top_left_x, page.blocks[1].bottom_right_y) == (10, 220)
    [page] = mistral_response.answer(document(), request()).pages
    assert page.blocks is None


def test_every_kind_of_picture_is_listed() -> None:
    blocks = tuple(Block(kind, "", (0, 0, 9, 9)) for kind in ("image", "figure", "picture"))
    recognition = Recognition(status=Status.OK, text="![figure](#block-2)", blocks=blocks)
    result = PageResult(PageRef("", "d", 1, 1, "application/pdf", 9, 9), recognition)
    read = document_response.document("m", "", 1, [document_response.page(result)])
    [page] = mistral_response.answer(read, request()).pages
    assert len(page.images) == 3
    assert page.markdown == "![img-1.jpeg](img-1.jpeg)"
