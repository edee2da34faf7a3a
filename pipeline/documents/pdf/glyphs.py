"""Finds characters of PDF fonts whose glyphs look like something else: a minus stored as "2".

The text of a page comes from a font's table of characters (/ToUnicode, or the names of its
encoding), the ink from its outlines, and nothing keeps the two together. Digits and the signs
around them are compared one by one, by the box of the outline and by the name of the glyph, digits
without such a name by the outline itself: a wrong sign makes another number. Letters are compared
by their boxes too, as a minus may be stored as one; whether a font draws other letters throughout
is told by the outlines of a few of them (`letter_shapes`).

Each font of a document is looked at once. Not looked at: fonts that are not embedded (any viewer
takes its own outlines for their characters), and Type 3 fonts without resources of their own (MuPDF
1.28 dies of them if it has none of a page). Glyphs of Type 3 fonts are drawings of any scale: of
these the boxes alone are compared, in shares of the font's digits or letters.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf import font_tables, letter_shapes, mupdf_log
from pipeline.documents.pdf.digit_shapes import looks_like_other
from pipeline.documents.pdf.glyph_names import UNKNOWN, code_point
from pipeline.documents.pdf.glyph_signs import (
    CHECKED,
    DIGITS,
    LETTERS,
    NAMED,
    Glyph,
    in_ems,
    is_other_shape,
    is_other_sign,
    wrong_letters,
)


@dataclass(frozen=True, slots=True)
class FontDoubts:
    """What cannot be believed of a font.

    Attributes:
        chars: Characters that are drawn as something else.
        is_cipher: Whether its letters are other ones throughout.
    """

    chars: frozenset[str] = frozenset()
    is_cipher: bool = False

    def __bool__(self) -> bool:
        return bool(self.chars) or self.is_cipher

    def __or__(self, other: FontDoubts) -> FontDoubts:
        return FontDoubts(self.chars | other.chars, self.is_cipher or other.is_cipher)


Doubtful = Mapping[str, FontDoubts]
"""The doubts for each name of a font."""

_NONE: Final[Doubtful] = MappingProxyType({})
_NO_DOUBTS: Final = FontDoubts()
"""What MuPDF gives for a name that it does not know."""
_MAX_DEPTH: Final = 10
"""Nesting of forms to which fonts are looked for."""
_MIN_EM: Final = 0.02
"""Minimum size of an outline that is looked at, em; MuPDF gives empty ones a tiny box."""
_SUBSET_PREFIX: Final = re.compile(r"^.{6}\+")
_MARK: Final = "\0"
"""Takes the place of a doubtful character."""
_DOUBTFUL_NUMBER: Final = re.compile(r"\0 ?[($€£.]{0,2}[\d\0]|\d[%)]? ?\0")


class GlyphCheck:
    """The doubts about the fonts of one document.

    Args:
        pdf: MuPDF's document.
    """

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._fonts: dict[int, tuple[str, FontDoubts]] = {}
        self._holders: dict[int, Doubtful] = {}

    def doubtful(self, page: Any) -> Doubtful:
        """The doubts about a page's fonts, by the names that PyMuPDF gives its spans.

        Args:
            page: The page's dictionary.
        """
        resources = mupdf.pdf_dict_get_inheritable(page, mupdf.pdf_new_name("Resources"))
        return self._of_resources(resources, 0)

    def close(self) -> None:
        """Let go of the document."""
        self._pdf = None

    def _of_resources(self, resources: Any, depth: int) -> Doubtful:
        number = mupdf.pdf_to_num(resources)
        if number in self._holders:
            return self._holders[number]
        if depth > _MAX_DEPTH or not resources.m_internal:
            return _NONE
        if number:
            self._holders[number] = _NONE  # ends a cycle
        found: dict[str, FontDoubts] = {}
        for name, doubts in self._parts(resources, depth):
            found[name] = found.get(name, _NO_DOUBTS) | doubts
        if number:
            self._holders[number] = found
        return found

    def _parts(self, resources: Any, depth: int) -> Iterator[tuple[str, FontDoubts]]:
        for font in _values(mupdf.pdf_dict_gets(resources, "Font")):
            name, doubts = self._of_font(font)
            if doubts:
                yield name, doubts
        for form in _values(mupdf.pdf_dict_gets(resources, "XObject")):
            yield from self._of_form(form, depth).items()

    def _of_form(self, form: Any, depth: int) -> Doubtful:
        number = mupdf.pdf_to_num(form)
        if number not in self._holders:
            self._holders[number] = _NONE
            inner = mupdf.pdf_dict_gets(form, "Resources")
            self._holders[number] = self._of_resources(inner, depth + 1)
        return self._holders[number]

    def _of_font(self, font: Any) -> tuple[str, FontDoubts]:
        number = mupdf.pdf_to_num(font)
        if not number:
            return "", _NO_DOUBTS
        if number not in self._fonts:
            self._fonts[number] = self._look(font)
        return self._fonts[number]

    def _look(self, font: Any) -> tuple[str, FontDoubts]:
        is_type3 = mupdf.pdf_to_name(mupdf.pdf_dict_gets(font, "Subtype")) == "Type3"
        if is_type3 and not mupdf.pdf_is_dict(mupdf.pdf_dict_gets(font, "Resources")):
            return "", _NO_DOUBTS
        try:
            with _loaded(self._pdf, font) as loaded:
                if not loaded.font or not (is_type3 or loaded.is_embedded):
                    return "", _NO_DOUBTS
                name = _SUBSET_PREFIX.sub("", mupdf.ll_fz_font_name(loaded.font))
                return name, _doubtful_of(loaded, font, is_type3=is_type3)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return "", _NO_DOUBTS


@contextmanager
def _loaded(pdf: Any, font: Any) -> Iterator[Any]:
    """MuPDF's font of a font dictionary; the page that was read has it in MuPDF's cache."""
    loaded = mupdf.ll_pdf_load_font(pdf.m_internal, None, font.m_internal)
    try:
        yield loaded
    finally:
        mupdf.ll_pdf_drop_font(loaded)


def _doubtful_of(loaded: Any, font: Any, *, is_type3: bool) -> FontDoubts:
    """The doubts about a font; all of it is doubtful where digits are stored as letters."""
    told, guessed = font_tables.characters(font)
    all_codes = guessed | told
    glyphs = [
        (code, char, index)
        for code, char in all_codes.items()
        if (char in CHECKED or char in LETTERS)
        and (index := mupdf.ll_pdf_font_cid_to_gid(loaded, code)) > 0
    ]
    if is_type3:
        return FontDoubts(_doubtful_chars(in_ems(list(_measured(loaded, glyphs, told)))))
    letters = ((char, index, _name(loaded, index)) for _, char, index in glyphs if char in LETTERS)
    seen = letter_shapes.seen_instead(loaded.font, letters)
    if len(seen.intersection(DIGITS)) > len(seen) / 2:
        return FontDoubts(CHECKED | LETTERS, is_cipher=True)
    return FontDoubts(_doubtful_chars(list(_measured(loaded, glyphs, told))), bool(seen))


def _name(loaded: Any, index: int) -> str:
    name: str = mupdf.ll_fz_get_glyph_name2(loaded.font, index)
    return name.partition(".")[0]


def _measured(
    loaded: Any, glyphs: Sequence[tuple[int, str, int]], told: Mapping[int, str]
) -> Iterator[Glyph]:
    """The glyphs of a font that have an outline, given their codes, characters and indices."""
    for code, char, index in glyphs:
        name = ""
        if char in DIGITS or code not in told:  # the shapes of signs say enough
            name = _name(loaded, index)
        if code not in told and _says_other(name, char):
            continue
        box = mupdf.ll_fz_bound_glyph(loaded.font, index, mupdf.fz_identity)
        left, bottom, right, top = box.x0, box.y0, box.x1, box.y1
        if max(right - left, top - bottom) < _MIN_EM:  # not in a subset, or invisible
            continue
        is_nameless = char in DIGITS and name not in NAMED
        is_other = is_nameless and looks_like_other(loaded.font, index, char)
        glyph = Glyph(char, name, right - left, top - bottom, bottom, is_other)
        if char not in DIGITS and is_other_shape(glyph):
            glyph = replace(glyph, is_named=letter_shapes.is_named(char, _name(loaded, index)))
        yield glyph


def _says_other(glyph_name: str, char: str) -> bool:
    """Whether a glyph's name is that of another character, which MuPDF takes where none is told."""
    return code_point(glyph_name) not in (UNKNOWN, ord(char))


def _doubtful_chars(glyphs: Sequence[Glyph]) -> frozenset[str]:
    """The doubtful characters of a font.

    A digit or two signs that are something else say that the table is that of another font; then
    the others, whose shapes may fit by chance, cannot be believed either. Letters say nothing of
    digits.
    """
    signs = [glyph for glyph in glyphs if glyph.char not in LETTERS]
    found = {glyph.char for glyph in signs if is_other_sign(glyph) or is_other_shape(glyph)}
    if len(found) > 1 or not found.isdisjoint(DIGITS):
        found = {glyph.char for glyph in signs}
    return wrong_letters(glyphs) | found


def ciphered_share(lines: Sequence[Mapping[str, Any]], doubtful: Doubtful) -> float:
    """The share of the characters of a page that are in fonts that draw other letters.

    Args:
        lines: PyMuPDF's lines.
        doubtful: From `GlyphCheck.doubtful`.
    """
    ciphers = {font for font, doubts in doubtful.items() if doubts.is_cipher}
    if not ciphers:
        return 0.0
    spans = [span for line in lines for span in line["spans"]]
    found = sum(len(span["text"]) for span in spans if span["font"] in ciphers)
    return found / max(1, sum(len(span["text"]) for span in spans))


def count_in_line(spans: Sequence[Mapping[str, Any]], doubtful: Doubtful) -> int:
    """The number of places in a line where a doubtful character is in or beside a number.

    Args:
        spans: PyMuPDF's spans of the line.
        doubtful: From `GlyphCheck.doubtful`.
    """
    marked = "".join(
        _marked(span["text"], doubtful.get(span["font"], _NO_DOUBTS).chars) for span in spans
    )
    return len(_DOUBTFUL_NUMBER.findall(marked)) if _MARK in marked else 0


def _marked(text: str, chars: frozenset[str]) -> str:
    return text.translate(dict.fromkeys(map(ord, chars), _MARK)) if chars else text


def _values(dictionary: Any) -> Iterator[Any]:
    for index in range(mupdf.pdf_dict_len(dictionary)):
        yield mupdf.pdf_dict_get_val(dictionary, index)
