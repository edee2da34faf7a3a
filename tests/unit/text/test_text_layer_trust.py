"""`pipeline.text.text_layer_trust`: which text layers are believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import RouteConfig
from pipeline.text.text_layer import DrawingStats, TextLayer, TextLayerLine
from pipeline.text.text_layer_trust import assess_trust, broken_share, common_share, word_share
from tests.support import sample_documents
from tests.support.strategies import texts
from tests.unit.text.test_text_layer import layers

LEAST = RouteConfig().min_trust


def layer_of(lines: list[str], visible: bool = True, **drawing: float) -> TextLayer:
    placed = tuple(
        TextLayerLine(line, (100, 20 * i, 900, 20 * i + 15), 0, visible)
        for i, line in enumerate(lines)
    )
    return TextLayer(1000, 1400, 150, placed, DrawingStats(operations=len(lines), **drawing))


@given(layers())
def test_the_score_is_a_share_and_says_why_it_is_low(layer: TextLayer) -> None:
    found = assess_trust(layer)
    assert 0 <= found.score <= 1
    assert found.score > 0.5 or found.doubts


@pytest.mark.parametrize(
    "lines",
    [
        sample_documents.prose(),
        ["Potato"],
        ["Page 12 of 30"],
        ["Der Hafenmeister hatte jedes Schiff aufgeschrieben, das seit dem Frühling kam."] * 5,
        ["Szczęście przychodzi, gdy źródło życia płynie wśród łąk i wzgórz o świcie."] * 5,
        ["코로나 관련 보험약관상 재해보험금 지급문제 및 개선과제"] * 5,
        ["تحسين الإنتاجية وحل المشكلات من خلال البرمجة"] * 5,
        ["国家统计局发布的数据显示\uff0c今年上半年经济运行总体平稳。"] * 5,
        [f"Of the quay {sign * 60} {page}" for page, sign in enumerate("\u00b7._=~\u2024")],
        ["Revenue 1,204.5 (3.1%)", "Costs $998 -12%", "2024-01-31 11:45", "Total 206.5"],
    ],
)
def test_text_of_many_kinds_is_believed(lines: list[str]) -> None:
    assert assess_trust(layer_of(lines)).score >= LEAST


@pytest.mark.parametrize(
    ("layer", "doubt"),
    [
        (layer_of([]), "no visible text"),
        (layer_of(sample_documents.prose(), visible=False), "no visible text"),
        (layer_of(["\ufffd" * 9 + "and words"]), "broken characters"),
        (layer_of(["\ue001\ue002\ue003 and words"]), "broken characters"),
        (layer_of(["Of the quay " + 40 * "\ue001"]), "broken characters"),
        (layer_of(['"7+%-', "#$%& '()*+ ,-./"]), "no words"),
        (layer_of(["xkcd qrst bnmp"] * 3), "no words"),
        (layer_of(sample_documents.swapped(sample_documents.prose())), "letters of no language"),
        (layer_of(sample_documents.prose(), covered_share=0.9), "covered text"),
        (layer_of(sample_documents.prose(), white_share=0.9), "white text"),
        (layer_of(sample_documents.prose(), oversized_box_share=0.9), "boxes without sense"),
        (layer_of(sample_documents.prose(), image_share=1.0), "a picture of the page"),
        (layer_of(sample_documents.prose(), image_without_text_share=0.5), "pictures without text"),
        (
            layer_of(["Page 1 of the vectors"], glyph_like_paths=200, non_text_operations=200),
            "shapes like letters",
        ),
        (layer_of(["7"], non_text_operations=3), "little text"),
    ],
)
def test_what_is_wrong_with_a_layer_is_said(layer: TextLayer, doubt: str) -> None:
    found = assess_trust(layer)
    assert found.score < LEAST
    assert found.doubts[0] == doubt or doubt in found.doubts


def test_hidden_lines_beside_the_visible_ones_are_a_doubt() -> None:
    layer = layer_of(sample_documents.prose())
    half = tuple(replace(line, is_visible=i % 2 == 0) for i, line in enumerate(layer.lines))
    assert assess_trust(replace(layer, lines=half)).doubts == ("invisible text",)


@given(texts)
def test_measures_of_text_are_shares(text: str) -> None:
    assert 0 <= word_share(text) <= 1
    assert all(0 <= share(Counter(text)) <= 1 for share in (broken_share, common_share))


@given(st.text(alphabet="\ufffd\ue000\x01", min_size=1))
def test_characters_that_stand_for_nothing_are_broken(text: str) -> None:
    assert broken_share(Counter(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "https://www.example.org/reports/2024/annual-report.pdf",
        "www.example.org/a?b=1",
        "harbour.master@example.org",
    ],
)
def test_an_address_alone_is_text(text: str) -> None:
    assert word_share(text) == 1
