from __future__ import annotations

from pipeline.text.short_cache import MAX_CHARS, short_cache


def test_a_short_text_is_computed_once() -> None:
    asked: list[str] = []
    cached = short_cache(10)(lambda text: asked.append(text) or len(text))
    assert [cached("four"), cached("four"), cached("a")] == [4, 4, 1]
    assert asked == ["four", "a"]


def test_a_long_text_is_not_kept() -> None:
    asked: list[str] = []
    cached = short_cache(10)(lambda text: asked.append(text) or len(text))
    long = "x" * (MAX_CHARS + 1)
    assert [cached(long), cached(long)] == [len(long)] * 2
    assert asked == [long, long]


def test_it_keeps_no_more_texts_than_it_may() -> None:
    asked: list[str] = []
    cached = short_cache(3)(lambda text: asked.append(text) or len(text))
    for text in ("a", "b", "c", "d", "d", "a"):
        cached(text)
    assert asked == ["a", "b", "c", "d", "a"]
