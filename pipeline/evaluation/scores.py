"""How well each page of an output was read, against its truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import jiwer

from pipeline.evaluation.metrics import character_error_rate, page_metrics
from pipeline.evaluation.output_texts import OutputTexts, ReadPage
from pipeline.evaluation.summary import Measure
from pipeline.evaluation.tables import table_score, tables_of
from pipeline.evaluation.truth import Truth
from pipeline.evaluation.unmarked import without_marks
from pipeline.text.words import folded

MEASURES: Final = (
    Measure("words_f1", "wordsF1"),
    Measure("cer", "CER"),
    Measure("plain_cer", "plain"),
    Measure("wer", "WER"),
    Measure("order", "order"),
    Measure("tables", "tables"),
)
"""What is measured, in the order of the table's columns."""


@dataclass(frozen=True, slots=True)
class PageScore:
    """How well a page was read.

    Attributes:
        document: The document's URI.
        page: 1-based number, 0 for the document as a whole.
        status: Of the row, "" where the output has none: its text counts as empty.
        source: Where the text is from, "" where it is not known.
        words_f1: Harmonic mean of precision and recall of the words, 0 to 1; as `wer` and `order`
            without the marks of Markdown (`pipeline.evaluation.unmarked`).
        cer: Edits of characters over the characters of the truth, marks of Markdown included.
        plain_cer: The same without these marks on both sides.
        wer: Edits of words over the words of the truth.
        order: Kendall's tau over the lines of the truth that are found, None for fewer than two.
        lines: Lines of the truth that are found.
        tables: Mean similarity of the truth's tables (TEDS), None where it has none.
        text_score: The page's own estimate, None where it has none.
    """

    document: str
    page: int
    status: str
    source: str
    words_f1: float
    cer: float
    plain_cer: float
    wer: float
    order: float | None
    lines: int
    tables: float | None
    text_score: float | None


def page_scores(truths: Iterable[Truth], texts: OutputTexts) -> Iterator[PageScore]:
    """Yield the score of each page with truth whose document is in the output.

    Raises:
        ConfigError: The truth of a page may be that of several documents.
        DocumentError: A shard of the output cannot be fetched.
    """
    for truth in truths:
        uri = texts.find(truth.name)
        if uri is not None:
            read = texts.document(uri) if truth.page is None else texts.page(uri, truth.page)
            yield page_score(uri, truth, read)


def page_score(uri: str, truth: Truth, read: ReadPage) -> PageScore:
    """Compare what was read with the truth."""
    text, true = without_marks(read.text), without_marks(truth.text)
    metrics = page_metrics(text, true)
    tables = truth.tables and table_score(tables_of(read.text), truth.tables)
    return PageScore(
        document=uri,
        page=truth.page or 0,
        status=read.status,
        source=read.source,
        words_f1=metrics.words_f1,
        cer=character_error_rate(read.text, truth.text),
        plain_cer=metrics.cer,
        wer=word_error_rate(text, true),
        order=metrics.order,
        lines=metrics.lines,
        tables=tables if isinstance(tables, float) else None,
        text_score=read.text_score,
    )


def word_error_rate(text: str, truth: str) -> float:
    """Words that are replaced, left out or added, for each word of the truth.

    Words are what white space separates. Over 1 where there is more wrong text than truth.
    """
    read, true = folded(text), folded(truth)
    if not true:
        return float(len(read.split()))
    return float(jiwer.wer(true, read))
