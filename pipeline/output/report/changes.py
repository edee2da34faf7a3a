"""What changed between two outputs: pages of the same bytes and number, compared by their texts.

Documents with equal bytes, and rows of several recipes, count once.

Both indexes are in memory, about half a kilobyte a page of each; texts are read 256 pages at a
time.
"""

from __future__ import annotations

import difflib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from rapidfuzz.distance import Levenshtein

from pipeline.output.row_index import RowIndex
from pipeline.storage.paths import AnyPath
from pipeline.text.words import folded

CHANGE_BINS: Final = 20
SAMPLES: Final = 12
"""Most changed pages that are shown side by side."""
_CHUNK: Final = 256
_MAX_CHARS: Final = 20_000
"""Characters of a page that are compared: the time grows with their square."""
_SHOWN_WORDS: Final = 400
"""Words of a sample."""
_CONTEXT: Final = 12
"""Equal words that are shown before and after a change."""
_COLUMNS: Final = ("text", "status", "text_score", "source")


@dataclass(frozen=True, slots=True, order=True)
class ChangedPage:
    """A page whose text changed.

    Attributes:
        change: Edits over the characters of the longer text, 0 to 1.
        uri: The document.
        page: 1-based number.
        statuses: Before and after.
        scores: Text scores before and after, None where there is none.
        before: Text before, at most some thousand characters.
        after: Text after.
    """

    change: float
    uri: str
    page: int
    statuses: tuple[str, str] = field(compare=False)
    scores: tuple[float | None, float | None] = field(compare=False)
    before: str = field(compare=False)
    after: str = field(compare=False)


@dataclass(slots=True)
class Changes:
    """What changed between two outputs.

    Attributes:
        both: Pages that both have.
        only_here: Pages that only the output has.
        only_there: Pages that only the other has.
        changed: Pages of both with another text, white space apart.
        change_sum: Sum of their changes.
        bins: Changed pages by size of the change, from 0 to 1.
        statuses: Pages of both whose status is another, by both.
        sources: Pages of both whose source is another, by both.
        score_changes: Sum of the changes of the text score, and pages that have one in both.
        most: The pages that changed most, the largest change first.
    """

    both: int = 0
    only_here: int = 0
    only_there: int = 0
    changed: int = 0
    change_sum: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * CHANGE_BINS)
    statuses: Counter[tuple[str, str]] = field(default_factory=Counter)
    sources: Counter[tuple[str, str]] = field(default_factory=Counter)
    score_changes: tuple[float, int] = (0.0, 0)
    most: list[ChangedPage] = field(default_factory=list)


def compare(
    pages: AnyPath, other: AnyPath, report: Callable[[int], object] = lambda pages: None
) -> Changes:
    """Compare an output with another one.

    Args:
        pages: The folder of the output's shards.
        other: That of the other one: what was before.
        report: Told how many pages were compared since its last call.

    Raises:
        JobError: A folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """
    here, there = RowIndex(pages, ["doc_id"]), RowIndex(other, ["doc_id"])
    before = _by_page(there)
    pairs = [(before.get(key), number) for key, number in _by_page(here).items()]
    known = [(old, new) for old, new in pairs if old is not None]
    found = Changes(both=len(known))
    found.only_here, found.only_there = len(pairs) - len(known), len(before) - len(known)
    for start in range(0, len(known), _CHUNK):
        chunk = known[start : start + _CHUNK]
        olds = there.read([old for old, _ in chunk], _COLUMNS)
        news = here.read([new for _, new in chunk], (*_COLUMNS, "uri", "page"))
        for old, new in zip(olds, news, strict=True):
            _add(found, old, new)
        report(len(chunk))
    found.most.sort(reverse=True)
    return found


def _by_page(index: RowIndex) -> dict[tuple[str, int], int]:
    """Rows by the bytes of their document and page; by URI where the bytes are not known."""
    columns = (index.table[name].to_pylist() for name in ("doc_id", "uri", "page"))
    found: dict[tuple[str, int], int] = {}
    for number, (doc_id, uri, page) in enumerate(zip(*columns, strict=True)):
        found.setdefault((doc_id or uri, page), number)
    return found


def _add(found: Changes, old: dict[str, object], new: dict[str, object]) -> None:
    pair = str(old["status"]), str(new["status"])
    sources = str(old["source"] or "none"), str(new["source"] or "none")
    for counts, values in ((found.statuses, pair), (found.sources, sources)):
        if values[0] != values[1]:
            counts[values] += 1
    scores = _score(old["text_score"]), _score(new["text_score"])
    if scores[0] is not None and scores[1] is not None:
        total, count = found.score_changes
        found.score_changes = total + scores[1] - scores[0], count + 1
    before, after = str(old["text"] or ""), str(new["text"] or "")
    change = text_change(before, after)
    if not change:
        return
    found.changed += 1
    found.change_sum += change
    found.bins[min(CHANGE_BINS - 1, int(change * CHANGE_BINS))] += 1
    kept = before[:_MAX_CHARS], after[:_MAX_CHARS]
    page = ChangedPage(change, str(new["uri"]), int(str(new["page"])), pair, scores, *kept)
    if len(found.most) < SAMPLES:
        heapq.heappush(found.most, page)
    else:
        heapq.heappushpop(found.most, page)


def _score(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def text_change(before: str, after: str) -> float:
    """Edits over the characters of the longer text, 0 to 1; white space apart."""
    old, new = folded(before[:_MAX_CHARS]), folded(after[:_MAX_CHARS])
    if old == new and before[_MAX_CHARS:] != after[_MAX_CHARS:]:
        return 1 / max(len(before), len(after))
    return float(Levenshtein.normalized_distance(old, new))


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a text.

    Attributes:
        text: The words.
        is_changed: Whether the other text has others here.
    """

    text: str
    is_changed: bool


def side_by_side(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Two texts as pieces that are equal or changed, from a little before the first change."""
    old, new = before.split(), after.split()
    start = max(0, next(_first_difference(old, new)) - _CONTEXT)
    old, new = old[start : start + _SHOWN_WORDS], new[start : start + _SHOWN_WORDS]
    left: list[Piece] = []
    right: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        for side, words in ((left, old[a:b]), (right, new[c:d])):
            if words:
                side.append(Piece(_shortened(words, kind == "equal"), kind != "equal"))
    return left, right


def _first_difference(old: list[str], new: list[str]) -> Iterator[int]:
    yield from (place for place, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    yield min(len(old), len(new))


def _shortened(words: list[str], is_equal: bool) -> str:
    if not is_equal or len(words) <= 2 * _CONTEXT + 1:
        return " ".join(words)
    return " ".join([*words[:_CONTEXT], "[...]", *words[-_CONTEXT:]])
