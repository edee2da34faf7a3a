from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.documents.look import PageView
from pipeline.errors import ErrorKind
from pipeline.recognition.recognise import failed
from pipeline.recognition.result import page_result
from pipeline.text.text_layer_trust import Trust
from pipeline.types import (
    Block,
    PageRef,
    PageResult,
    Recognition,
    Rung,
    ScoreParts,
    Source,
    Status,
    Timing,
)

REF = PageRef("", "", 2, 3, "application/pdf", 612.0, 792.0)
VIEW = PageView(40, 20, 150.0, ("of the page",), trust=Trust(0.5, ("few words",)), turned_deg=90)


def test_a_page_has_what_was_seen_and_what_was_read() -> None:
    read, timing = Recognition(Status.OK, "text", score_parts=ScoreParts()), Timing(1, 2, 3)
    assert page_result(REF, VIEW, read, ("of the document",), timing) == PageResult(
        ref=REF,
        recognition=read,
        source=Source.OCR,
        width_px=40,
        height_px=20,
        dpi=150.0,
        warnings=("of the document", "of the page"),
        text_layer_trust=0.5,
        text_layer_doubts=("few words",),
        turned_deg=90,
        text_score=0.5,
        text_score_parts=ScoreParts(words=1.0),
        timing=timing,
    )


def test_a_low_text_score_is_a_warning_and_drops_nothing() -> None:
    read = Recognition(Status.OK, "text", score_parts=ScoreParts())
    [*others, said] = page_result(REF, VIEW, read, min_text_score=0.6).warnings
    assert others == ["of the page"]
    assert said == "low text score (0.50 < 0.6): the text may be wrong; words 1.00"
    assert page_result(REF, VIEW, read, min_text_score=0.5).warnings == ("of the page",)
    assert page_result(REF, VIEW, read).warnings == ("of the page",)


@pytest.mark.parametrize("certainty", [None, 1.0])
def test_tables_in_doubt_are_a_warning(certainty: float | None) -> None:
    cells = "| Ship | Fee |\n| --- | --- |\n| Anna | 12 |\n| Berta | 9 |"
    read = Recognition(
        Status.OK,
        cells,
        (Block("table", cells, certainty=certainty), Block("table", cells, certainty=0.9)),
        score_parts=ScoreParts(),
    )
    result = page_result(REF, VIEW, read, min_text_score=0.1)
    assert result.text_score_parts is not None
    assert result.text_score_parts.tables == 0.9
    assert result.text_score == pytest.approx(0.5 * 0.9 * (result.text_score_parts.words or 0))
    said = "tables in doubt (0.90): words may be in wrong rows or columns"
    assert result.warnings == ("of the page", said)
    assert page_result(REF, VIEW, read).warnings == ("of the page",)
    sure = replace(read, blocks=read.blocks[:1])
    assert page_result(REF, VIEW, sure, min_text_score=0.1).warnings == ("of the page",)


def test_a_page_that_could_not_be_looked_at_has_its_failure_and_the_warnings() -> None:
    gone = failed(ErrorKind.RENDER, "cannot draw")
    assert page_result(REF, None, gone, ("of the document",)) == PageResult(
        REF, gone, warnings=("of the document",)
    )


def test_the_source_follows_the_rung_and_the_failure() -> None:
    from_layer = Recognition(Status.OK, "text", rung=Rung.LAYER)
    assert page_result(REF, VIEW, from_layer).source is Source.TEXT_LAYER
    assert page_result(REF, VIEW, failed(ErrorKind.ENGINE, "no")).source is None
