"""Finds characters of PDF fonts whose glyphs look like something else: a minus stored as "2".

The text of a page comes from a font's table of characters (/ToUnicode, or the names of its
encoding), the ink from its outlines, and nothing keeps the two together. Digits and the signs
around them are compared one by one, by the box of the outline and by the name of the glyph, digits
without such a name by the outline itself: a wrong sign makes another number. Wrong letters make
wrong words, which are noticed where there are many; so of letters the box alone is compared, and a
few of each font (`letter_shapes`).

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
from types import MappingProxyType
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf import font_tables, letter_shapes, mupdf_log
from pipeline.documents.pdf.digit_shapes import looks_like_other
from pipeline.documents.pdf.glyph_signs import (
    CHECKED,
    DIGITS,
    LETTERS,
    NAMED,
    Glyph,
    in_ems,
    is_other_shape,
    is_other_sign,
)

Doubtful = Mapping[str, frozenset[str]]
"""Characters that cannot be believed, for each name of a font."""

_NONE: Final[Doubtful] = MappingProxyType({})
_NO_CHARS: Final[frozenset[str]] = frozenset()
_REPLACEMENT: Final = 0xFFFD
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
    """The doubtful characters of the fonts of one document.

    Args:
        pdf: MuPDF's document.
    """

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._fonts: dict[int, tuple[str, frozenset[str]]] = {}
        self._holders: dict[int, Doubtful] = {}

    def doubtful(self, page: Any) -> Doubtful:
        """The doubtful characters of a page's fonts, by the names that PyMuPDF gives its spans.

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
        found: dict[str, frozenset[str]] = {}
        for name, chars in self._parts(resources, depth):
            found[name] = found.get(name, _NO_CHARS) | chars
        if number:
            self._holders[number] = found
        return found

    def _parts(self, resources: Any, depth: int) -> Iterator[tuple[str, frozenset[str]]]:
        for font in _values(mupdf.pdf_dict_gets(resources, "Font")):
            name, chars = self._of_font(font)
            if chars:
                yield name, chars
        for form in _values(mupdf.pdf_dict_gets(resources, "XObject")):
            yield from self._of_form(form, depth).items()

    def _of_form(self, form: Any, depth: int) -> Doubtful:
        number = mupdf.pdf_to_num(form)
        if number not in self._holders:
            self._holders[number] = _NONE
            inner = mupdf.pdf_dict_gets(form, "Resources")
            self._holders[number] = self._of_resources(inner, depth + 1)
        return self._holders[number]

    def _of_font(self, font: Any) -> tuple[str, frozenset[str]]:
        number = mupdf.pdf_to_num(font)
        if not number:
            return "", _NO_CHARS
        if number not in self._fonts:
            self._fonts[number] = self._look(font)
        return self._fonts[number]

    def _look(self, font: Any) -> tuple[str, frozenset[str]]:
        is_type3 = mupdf.pdf_to_name(mupdf.pdf_dict_gets(font, "Subtype")) == "Type3"
        if is_type3 and not mupdf.pdf_is_dict(mupdf.pdf_dict_gets(font, "Resources")):
            return "", _NO_CHARS
        try:
            with _loaded(self._pdf, font) as loaded:
                if not loaded.font or not (is_type3 or loaded.is_embedded):
                    return "", _NO_CHARS
                name = _SUBSET_PREFIX.sub("", mupdf.ll_fz_font_name(loaded.font))
                return name, _doubtful_of(loaded, font, is_type3=is_type3)
        except mupdf.FzErrorBase as error:
            mupdf_log.check_memory(str(error))
            return "", _NO_CHARS


@contextmanager
def _loaded(pdf: Any, font: Any) -> Iterator[Any]:
    """MuPDF's font of a font dictionary; the page that was read has it in MuPDF's cache."""
    loaded = mupdf.ll_pdf_load_font(pdf.m_internal, None, font.m_internal)
    try:
        yield loaded
    finally:
        mupdf.ll_pdf_drop_font(loaded)


def _doubtful_of(loaded: Any, font: Any, *, is_type3: bool) -> frozenset[str]:
    """The doubtful characters of a font, all of them where its letters are others."""
    told, guessed = font_tables.characters(font)
    all_codes = guessed | told
    glyphs = [
        (code, char, index)
        for code, char in all_codes.items()
        if (char in CHECKED or char in LETTERS)
        and (index := mupdf.ll_pdf_font_cid_to_gid(loaded, code)) > 0
    ]
    if is_type3:
        return _doubtful_chars(in_ems(list(_measured(loaded, glyphs, told))))
    letters = ((char, index, _name(loaded, index)) for _, char, index in glyphs if char in LETTERS)
    if letter_shapes.stores_others(loaded.font, letters):
        return CHECKED | LETTERS
    return _doubtful_chars(list(_measured(loaded, glyphs, told)))


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
        yield Glyph(char, name, right - left, top - bottom, bottom, is_other)


def _says_other(glyph_name: str, char: str) -> bool:
    """Whether a glyph's name is that of another character, which MuPDF takes where none is told."""
    meant = mupdf.ll_fz_unicode_from_glyph_name(glyph_name)
    return meant not in (_REPLACEMENT, ord(char))


def _doubtful_chars(glyphs: list[Glyph]) -> frozenset[str]:
    """The doubtful characters of a font.

    A digit or two signs that are something else say that the table is that of another font; then
    the others, whose shapes may fit by chance, cannot be believed either.
    """
    found = {glyph.char for glyph in glyphs if is_other_sign(glyph) or is_other_shape(glyph)}
    is_other_font = len(found) > 1 or any(char in DIGITS for char in found)
    return frozenset(glyph.char for glyph in glyphs) if is_other_font else frozenset(found)


def count_in_line(spans: Sequence[Mapping[str, Any]], doubtful: Doubtful) -> int:
    """The number of places in a line where a doubtful character is in or beside a number.

    Args:
        spans: PyMuPDF's spans of the line.
        doubtful: From `GlyphCheck.doubtful`.
    """
    marked = "".join(_marked(span["text"], doubtful.get(span["font"])) for span in spans)
    return len(_DOUBTFUL_NUMBER.findall(marked)) if _MARK in marked else 0


def _marked(text: str, chars: frozenset[str] | None) -> str:
    return text.translate(dict.fromkeys(map(ord, chars), _MARK)) if chars else text


def _values(dictionary: Any) -> Iterator[Any]:
    for index in range(mupdf.pdf_dict_len(dictionary)):
        yield mupdf.pdf_dict_get_val(dictionary, index)
