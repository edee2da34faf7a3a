r"""olmOCR-bench: short facts about pages, each true or false of a text.

J. Poznanski et al., "olmOCR: unlocking trillions of tokens in PDFs with vision language models",
2025. A copy has JSONL files with one test a line: `pdf`, `page`, `id`, `type`, `max_diffs` and what
the type needs. These types are run:

- `present`, `absent`: `text` is in the page's text, with at most `max_diffs` edits; `first_n` and
  `last_n` restrict the search to the ends, `case_sensitive: false` folds case.
- `order`: `before` occurs somewhere before `after`.
- `table`: a table has `cell`, with the neighbours that are named.
- `math`: the formula is between the text's `$`, `$$`, `\(` or `\[`.

- `baseline`, `format`, `footnote`: checks of the form (`pipeline.evaluation.page_marks`). Like the
  published runner, `load` adds a `baseline` for page 1 of each document that has none.

The published runner renders formulas in a browser and compares pictures; here they are compared as
LaTeX without white space, so `math` is a lower bound. Tests of other types are counted as not run.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fuzzysearch import find_near_matches
from rapidfuzz import fuzz

from pipeline.errors import ConfigError
from pipeline.evaluation import page_marks
from pipeline.evaluation.table_grid import Cell, grids_of
from pipeline.evaluation.truth import read_text

BASELINE: Final = "baseline"
_MIN_RATIO: Final = 0.5
"""Least similarity of two cells that are taken for the same, however short they are."""
_PLAIN_SIGNS: Final = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | {"\uff3f": "_", "\u00b5": "\u03bc"}
)
_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
_EMPHASIS: Final = (
    re.compile(r"</?[bi]>", re.IGNORECASE),
    re.compile(r"\*\*|__"),
    re.compile(r"(?<![\w*])[*_](?=\S)|(?<=\S)[*_](?![\w*])"),
)
_FORMULAS: Final = (
    re.compile(r"\\\((.+?)\\\)", re.DOTALL),
    re.compile(r"\\\[(.+?)\\\]", re.DOTALL),
    re.compile(r"\$\$(.+?)\$\$", re.DOTALL),
    re.compile(r"\$(.+?)\$", re.DOTALL),
)


@dataclass(frozen=True, slots=True)
class PageTest:
    """A fact about a page.

    Attributes:
        suite: The file that it is from, without its ending.
        pdf: The document, as the file names it.
        page: 1-based number.
        id: Its name.
        kind: Its `type`.
        fields: All of its fields.
    """

    suite: str
    pdf: str
    page: int
    id: str
    kind: str
    fields: Mapping[str, Any]


def load(place: Path) -> list[PageTest]:
    """The tests of a JSONL file, or of all in a folder.

    Raises:
        ConfigError: A line is no test.
    """
    files = [place] if place.is_file() else sorted(place.rglob("*.jsonl"))
    found = [test for path in files for test in _tests(path)]
    checked = {test.pdf for test in found if test.kind == BASELINE}
    others = dict.fromkeys(test.pdf for test in found if test.pdf not in checked)
    return [*found, *(_baseline(pdf) for pdf in others)]


def _baseline(pdf: str) -> PageTest:
    return PageTest(BASELINE, pdf, 1, f"{pdf}_{BASELINE}", BASELINE, {})


def _tests(path: Path) -> Iterator[PageTest]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            kind, page = str(fields["type"]), int(fields["page"])
            test = PageTest(path.stem, str(fields["pdf"]), page, str(fields["id"]), kind, fields)
            for name in _NEEDED.get(kind, ()):
                if not str(fields[name]).strip():
                    raise ValueError(f"{name} is empty")
            if kind == "format" and fields["format"] not in page_marks.FORMATS:
                raise ValueError(f"unknown format {fields['format']!r}")
        except (ValueError, KeyError, TypeError) as error:
            said = f"no {error}" if isinstance(error, KeyError) else error
            raise ConfigError(f"--truth {path}: line {number} is no test: {said}") from None
        yield test


def passes(test: PageTest, text: str) -> bool | None:
    """Whether a page's text passes a test; None for a type that is not run.

    Args:
        test: The test.
        text: The page's text, Markdown.
    """
    run = _RUN.get(test.kind)
    return run(test.fields, text) if run else None


def normal(text: str) -> str:
    """The text without bold and italic marks, with plain quotes and dashes, white space folded."""
    text = _BREAK.sub(" ", text)
    for marks in _EMPHASIS:
        text = marks.sub("", text)
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN_SIGNS).split())


def _present(fields: Mapping[str, Any], text: str) -> bool:
    wanted, found = normal(fields["text"]), normal(text)
    if not fields.get("case_sensitive", True):
        wanted, found = wanted.lower(), found.lower()
    first, last = fields.get("first_n"), fields.get("last_n")
    if first or last:
        found = found[: first or 0] + (found[-last:] if last else "")
    edits = int(fields.get("max_diffs") or 0)
    if len(found) < len(wanted) - edits:
        return False
    return fuzz.partial_ratio(wanted, found) / 100 >= 1 - edits / max(1, len(wanted))


def _absent(fields: Mapping[str, Any], text: str) -> bool:
    return not _present(fields, text)


def _ordered(fields: Mapping[str, Any], text: str) -> bool:
    found, edits = normal(text), int(fields.get("max_diffs") or 0)
    before, after = (
        [match.start for match in find_near_matches(normal(fields[name]), found, max_l_dist=edits)]
        for name in ("before", "after")
    )
    return bool(before and after) and min(before) < max(after)


def _in_table(fields: Mapping[str, Any], text: str) -> bool:
    return any(
        _alike(fields, "cell", cell.text) and _has_neighbours(fields, cell)
        for grid in grids_of(text, pipes=not fields.get("ignore_markdown_tables"))
        for cell in grid.cells
    )


def _has_neighbours(fields: Mapping[str, Any], cell: Cell) -> bool:
    around = {
        "up": cell.above,
        "down": cell.below,
        "left": cell.left,
        "right": cell.right,
        "top_heading": cell.top_headings,
        "left_heading": cell.left_headings,
    }
    return all(
        any(_alike(fields, name, other) for other in texts)
        for name, texts in around.items()
        if fields.get(name)
    )


def _alike(fields: Mapping[str, Any], name: str, text: str) -> bool:
    wanted, edits = normal(fields[name]), int(fields.get("max_diffs") or 0)
    least = max(_MIN_RATIO, 1 - edits / max(1, len(wanted)))
    return bool(fuzz.ratio(wanted, normal(text)) / 100 >= least)


def _has_formula(fields: Mapping[str, Any], text: str) -> bool:
    wanted = _latex(fields["math"])
    patterns = _FORMULAS[:2] if fields.get("ignore_dollar_delimited") else _FORMULAS
    for pattern in patterns:
        if any(_latex(found) == wanted for found in pattern.findall(text)):
            return True
        text = pattern.sub(" ", text)
    return False


def _is_formatted(fields: Mapping[str, Any], text: str) -> bool:
    return page_marks.is_formatted(fields, text, normal)


def _has_reference(fields: Mapping[str, Any], text: str) -> bool:
    return page_marks.has_reference(fields, text, normal)


def _latex(formula: str) -> str:
    return "".join(unicodedata.normalize("NFC", formula).split())


_RUN: Final[Mapping[str, Callable[[Mapping[str, Any], str], bool]]] = {
    "present": _present,
    "absent": _absent,
    "order": _ordered,
    "table": _in_table,
    "math": _has_formula,
    BASELINE: page_marks.is_sound,
    "format": _is_formatted,
    "footnote": _has_reference,
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "math": ("math",),
    "format": ("text", "format"),
    "footnote": ("marker",),
}
