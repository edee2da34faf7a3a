r"""Checks of olmOCR-bench on the form of a page's text. Pure.

- `baseline`: the page has letters or digits, does not end in a loop, and has no characters of
  scripts that the bench does not have; or, with `max_length`, it has no more than so many.
- `format`: `text` is a heading, bold or italic, in Markdown or HTML.
- `footnote`: `marker` is a reference, as `[^1]`, `<sup>1</sup>` or a superior digit, right after
  `appears_before_marker` and right before `appears_after_marker`. Either text may stand at another
  of the references of that marker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from rapidfuzz import fuzz

Normal = Callable[[str], str]
"""Folds what two equal texts may differ in: `pipeline.evaluation.olmocr_bench.normal`."""

_MAX_REPEATS: Final = 30
_MAX_PERIOD: Final = 5
"""A text ends in a loop if its last characters, this many at most, are there more than
`max_repeats` times in a row."""
_FOREIGN: Final = re.compile(
    "[\u3040-\u30ff\u4e00-\u9fff"  # kana and Han
    "\U0001f1e6-\U0001f1ff\U0001f300-\U0001f64f\U0001f680-\U0001f6ff]"  # flags and emoji
)
_PICTURE: Final = re.compile(r"!\[.*?\]\(.*?\)")
FORMATS: Final[Mapping[str, tuple[re.Pattern[str], ...]]] = {
    "heading": (
        re.compile(r"^#{1,6}\s+(.+?)$", re.MULTILINE),
        re.compile(r"<h[1-6][^>]*>(.*?)</h[1-6]>", re.IGNORECASE | re.DOTALL),
    ),
    "bold": (
        re.compile(r"\*\*(.*?)\*\*", re.DOTALL),
        re.compile(r"__(.*?)__", re.DOTALL),
        re.compile(r"<(?:b|strong)(?:\s[^>]*)?>(.*?)</(?:b|strong)>", re.IGNORECASE | re.DOTALL),
    ),
    "italic": (
        re.compile(r"(?<!\*)\*(?!\*)(.*?)(?<!\*)\*(?!\*)", re.DOTALL),
        re.compile(r"(?<!_)_(?!_)(.*?)(?<!_)_(?!_)", re.DOTALL),
        re.compile(r"<(?:i|em)(?:\s[^>]*)?>(.*?)</(?:i|em)>", re.IGNORECASE | re.DOTALL),
    ),
}
"""What is of a format, by its name."""
_SUPERIOR: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_NEAR_CHARS: Final = 200
"""Characters of the text beside a footnote's reference that are looked at."""


def is_sound(fields: Mapping[str, Any], text: str) -> bool:
    """The check `baseline`."""
    if (most := fields.get("max_length")) is not None:
        if fields.get("max_length_skips_image_alt_tags"):
            text = _PICTURE.sub("", text)
        return len(_bare(text)) <= int(most)
    if not _bare(text) or loops(text) > int(fields.get("max_repeats") or _MAX_REPEATS):
        return False
    is_strict = fields.get("check_disallowed_characters", True)
    return not (is_strict and _FOREIGN.search(text))


def loops(text: str) -> int:
    """How often the last characters of a text are repeated before its end, at most."""
    text = re.sub(r"\s+", " ", text)
    return max((_repeats(text, period) for period in range(1, _MAX_PERIOD + 1)), default=0)


def _repeats(text: str, period: int) -> int:
    end, count = text[-period:], 0
    while len(end) == period and text.endswith(end, 0, len(text) - count * period):
        count += 1
    return count


def is_formatted(fields: Mapping[str, Any], text: str, normal: Normal) -> bool:
    """The check `format`."""
    found = [match for each in FORMATS[fields["format"]] for match in each.findall(text)]
    wanted = normal(fields["text"])
    texts = [normal(each) for each in found]
    if not fields.get("case_sensitive", True):
        wanted, texts = wanted.lower(), [each.lower() for each in texts]
    least = 1 - int(fields.get("max_diffs") or 0) / max(1, len(wanted))
    return any(fuzz.partial_ratio(wanted, each) / 100 >= least for each in texts)


def has_reference(fields: Mapping[str, Any], text: str, normal: Normal) -> bool:
    """The check `footnote`."""
    places = list(_references(str(fields["marker"]), text))
    before = [_bare(normal(text[max(0, at - _NEAR_CHARS) : at])) for at, _ in places]
    after = [_bare(normal(text[end : end + _NEAR_CHARS])) for _, end in places]
    return bool(places) and all(
        not fields.get(name)
        or any(_is_beside(normal(fields[name]), near, fields, is_before) for near in texts)
        for name, texts, is_before in (
            ("appears_before_marker", before, True),
            ("appears_after_marker", after, False),
        )
    )


def _references(marker: str, text: str) -> Iterator[tuple[int, int]]:
    """Where a marker is a reference to a footnote: begin and end of each."""
    escaped = re.escape(marker)
    patterns = [rf"\[\^{escaped}\](?!:)", rf"<sup[^>]*>{escaped}</sup>"]
    if marker.isdecimal() and marker.isascii():
        patterns.append(re.escape(marker.translate(_SUPERIOR)))
    for pattern in patterns:
        yield from (match.span() for match in re.finditer(pattern, text, re.IGNORECASE))


def _is_beside(wanted: str, near: str, fields: Mapping[str, Any], is_before: bool) -> bool:
    """Whether a text is at the end, or the beginning, of what stands beside a reference."""
    least = 1 - int(fields.get("max_diffs") or 0) / max(1, len(wanted))
    bare = _bare(wanted)
    part = near[-2 * len(bare) :] if is_before else near[: 2 * len(bare)]
    return bool(part and bare) and fuzz.partial_ratio(bare, part) / 100 >= least


def _bare(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return "".join(char for char in text if char.isalnum()).lower()
