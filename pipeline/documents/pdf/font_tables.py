"""Which characters the codes of a PDF font stand for, by its /ToUnicode and its encoding.

Runs in the worker process of `pipeline.documents.sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pymupdf import mupdf

from pipeline.documents.pdf.glyph_names import code_point

_MAX_TABLE_BYTES: Final = 1 << 20
"""Larger /ToUnicode tables are not read."""
_CODES: Final = range(0x21, 0x41)
"""Codes of ASCII's digits and signs, which the usual encodings share."""
_SECTION: Final = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_CHAR: Final = re.compile(rb"<([0-9A-Fa-f]{1,4})>\s*<([0-9A-Fa-f]+)>")
_RANGE: Final = re.compile(
    rb"<([0-9A-Fa-f]{1,4})>\s*<([0-9A-Fa-f]{1,4})>\s*(?:<([0-9A-Fa-f]{4})>|\[([^\]]*)\])"
)
_ITEM: Final = re.compile(rb"<([0-9A-Fa-f]+)>")
_MAX_CODE: Final = 0xFFFF
_MAX_SIMPLE_CODE: Final = 0xFF
_DIGITS_OF_A_CHAR: Final = 4


def characters(font: Any) -> tuple[dict[int, str], dict[int, str]]:
    """The characters that codes of a font are said to stand for, and those of ASCII else."""
    to_unicode = mupdf.pdf_dict_gets(font, "ToUnicode")
    told = dict(_to_unicode(to_unicode)) if mupdf.pdf_is_stream(to_unicode) else {}
    encoding = mupdf.pdf_dict_gets(font, "Encoding")
    if mupdf.pdf_to_name(mupdf.pdf_dict_gets(font, "Subtype")) == "Type0":
        is_identity = mupdf.pdf_to_name(encoding).startswith("Identity")
        return (told if is_identity else {}), {}  # else codes do not say glyphs
    # With a table, a subset's other codes are not used: to look at their glyphs costs much.
    guessed = {} if told else {code: chr(code) for code in _CODES}
    return dict(_differences(encoding)) | told, guessed


def _to_unicode(stream: Any) -> Iterator[tuple[int, str]]:
    """Codes and characters of a /ToUnicode table, "" where several stand for one code."""
    content = bytes(mupdf.pdf_load_stream(stream).fz_buffer_extract())
    if len(content) > _MAX_TABLE_BYTES:
        return
    for kind, body in _SECTION.findall(content):
        if kind == b"range":
            yield from _ranges(body)
        else:
            for code, text in _CHAR.findall(body):
                yield int(code, 16), _char(text)


def _ranges(body: bytes) -> Iterator[tuple[int, str]]:
    for low, high, first, items in _RANGE.findall(body):
        code, last = int(low, 16), min(int(high, 16), _MAX_CODE)
        if items:
            told = zip(range(code, last + 1), _ITEM.findall(items), strict=False)
            yield from ((code, _char(text)) for code, text in told)
        else:
            char = int(first, 16)
            # Beyond both, no code of a simple font and no character that is compared is left.
            count = min(last - code, max(_MAX_SIMPLE_CODE - code, _CODES.stop - char, 0)) + 1
            yield from ((code + i, chr(char + i)) for i in range(count))


def _char(digits: bytes) -> str:
    return chr(int(digits, 16)) if len(digits) <= _DIGITS_OF_A_CHAR else ""


def _differences(encoding: Any) -> Iterator[tuple[int, str]]:
    """Codes and characters of an encoding's /Differences."""
    entries = mupdf.pdf_dict_gets(encoding, "Differences")
    code = 0
    for index in range(mupdf.pdf_array_len(entries)):
        entry = mupdf.pdf_array_get(entries, index)
        if mupdf.pdf_is_int(entry):
            code = mupdf.pdf_to_int(entry)
        else:
            yield code, chr(code_point(mupdf.pdf_to_name(entry)))
            code += 1
