"""Answers of `/v1/ocr`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ErrorKind
from pipeline.recognition.recognise import failed
from pipeline.types import (
    Attempt,
    Block,
    FinishReason,
    Generation,
    Outcome,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
    Timing,
)
from serving.ocr import document_response
from serving.ocr.document_response import OcrDocument, OcrPage
from tests.support.strategies import recognitions


def result(number: int, recognition: Recognition, **more: Any) -> PageResult:
    ref = PageRef("", "", number, 9, "application/pdf", 0, 0)
    return PageResult(ref, recognition, **more)


def test_a_page_says_all_that_is_known_of_it() -> None:
    blocks = (Block("title", "T", (1, 2, 3, 4), 0.5), Block("text", "x"))
    generation = Generation(prompt_tokens=3, image_tokens=2, output_tokens=1)
    tried = (
        Attempt(Rung.BASE, Outcome.FAILED, ms=5, error="e"),
        Attempt(Rung.SECOND, Outcome.GOOD, FinishReason.STOP, 0.5, 1, 2.5),
    )
    read = Recognition(
        Status.OK,
        "# T\n\nx",
        blocks,
        generation=generation,
        rung=Rung.SECOND,
        attempts=tried,
    )
    page = document_response.page(
        result(
            2,
            read,
            width_px=10,
            height_px=20,
            dpi=150,
            warnings=("w",),
            source=Source.OCR,
            text_layer_trust=0.25,
            turned_deg=90,
            text_score=0.75,
            text_score_parts=ScoreParts(confidence=0.5, words=1.0),
            timing=Timing(1, 2, 3),
        )
    )
    assert json.loads(page.model_dump_json()) == {
        "page": 2,
        "status": "ok",
        "markdown": "# T\n\nx",
        "blocks": [
            {
                "kind": "title",
                "text": "T",
                "score": 0.5,
                "box_px": {"x0": 1, "y0": 2, "x1": 3, "y1": 4},
            },
            {"kind": "text", "text": "x", "score": None, "box_px": None},
        ],
        "error": None,
        "finish_reason": "stop",
        "width_px": 10,
        "height_px": 20,
        "dpi": 150,
        "warnings": ["w"],
        "source": "ocr",
        "text_layer_trust": 0.25,
        "turned_deg": 90,
        "text_score": 0.75,
        "text_score_parts": {
            "confidence": 0.5,
            "ink_covered": None,
            "lines_read": None,
            "words": 1,
            "unrepeated": None,
            "layer_agreement": None,
            "tables": None,
        },
        "rung": "second_engine",
        "attempts": [
            {
                "rung": "base",
                "outcome": "failed",
                "finish_reason": None,
                "repetition": None,
                "output_tokens": None,
                "ms": 5,
                "error": "e",
            },
            {
                "rung": "second_engine",
                "outcome": "good",
                "finish_reason": "stop",
                "repetition": 0.5,
                "output_tokens": 1,
                "ms": 2.5,
                "error": None,
            },
        ],
        "usage": {"prompt_tokens": 3, "image_tokens": 2, "output_tokens": 1},
        "timing": {"render_ms": 1, "prepare_ms": 2, "generate_ms": 3},
        "html": None,
        "image": None,
    }


def test_a_failed_page_says_why() -> None:
    page = document_response.page(result(1, failed(ErrorKind.TIMEOUT, "60 s")))
    assert page.error is not None
    assert (page.error.kind, page.error.message) == (ErrorKind.TIMEOUT, "60 s")
    assert (page.status, page.markdown, page.finish_reason) == (Status.FAILED, "", None)


def test_a_document_sums_its_pages() -> None:
    cut = Generation(finish_reason=FinishReason.LENGTH, output_tokens=2)
    read = [
        Recognition(Status.TRUNCATED, "a", generation=cut),
        Recognition(Status.BLANK, generation=Generation(output_tokens=1)),
        failed(ErrorKind.ENGINE, "x"),
        Recognition(Status.OK, "b"),
    ]
    pages = [document_response.page(result(number, one)) for number, one in enumerate(read, 1)]
    document = document_response.document("m", "application/pdf", 9, pages)
    assert document.markdown == "a\n\nb"
    assert (document.page_count, len(document.pages)) == (9, 4)
    assert document.usage.model_dump() == {
        "prompt_tokens": None,
        "image_tokens": None,
        "output_tokens": 3,
    }


@given(st.lists(recognitions(), max_size=3))
def test_an_answer_can_be_read_again(read: list[Recognition]) -> None:
    pages = [document_response.page(result(number, one)) for number, one in enumerate(read, 1)]
    document = document_response.document("m", "image/png", len(pages), pages)
    assert OcrDocument.model_validate_json(document.model_dump_json()) == document


@pytest.mark.parametrize("name", ["OcrPage", "OcrDocument"])
def test_every_field_is_described(name: str) -> None:
    schema = (OcrPage if name == "OcrPage" else OcrDocument).model_json_schema()
    for shape in (schema, *schema["$defs"].values()):
        for field, described in shape.get("properties", {}).items():
            assert "description" in described, field
