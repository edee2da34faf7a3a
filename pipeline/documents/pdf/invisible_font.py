"""A font whose glyphs are never drawn: for text that is found, selected and copied.

Every character has the same glyph, a box, and the width that `pipeline.text.char_widths` gives it.
Glyphs without an outline would do for MuPDF and poppler; PDFium drops rotated text of such a font.
The characters of a document get codes in the order of their first use, and `ToUnicode` maps the
codes back, whatever they are. Sources: PDF 32000-1, 9.7 (composite fonts) and 9.10.3 (ToUnicode);
OpenType's chapters on the tables of a TrueType font. Pure.
"""

from __future__ import annotations

import struct
from typing import Final

from pipeline.text.char_widths import char_width

ASCENT: Final = 0.8
DESCENT: Final = 0.2
"""Parts of the height of a line above and below its baseline."""
_UNITS: Final = 1000
_BOX_WIDTH: Final = 500
_MAX_CODE: Final = 0xFFFF
_REPLACEMENT: Final = "\ufffd"
_PER_SECTION: Final = 100
"""Mappings that one section of a CMap may have."""


class InvisibleFont:
    """Gives the characters of a document their codes, and says what the font has to hold."""

    def __init__(self) -> None:
        self._codes = {_REPLACEMENT: 1}

    def encode(self, text: str) -> bytes:
        """The codes of a text, two bytes each.

        A document with more characters than there are codes has U+FFFD for the others.
        """
        return b"".join(struct.pack(">H", self._code(char)) for char in text)

    def _code(self, char: str) -> int:
        if char not in self._codes:
            is_full = len(self._codes) == _MAX_CODE
            # A lone surrogate, which some text layers have, is no character.
            if is_full or "\ud800" <= char <= "\udfff":
                return self._codes[_REPLACEMENT]
            self._codes[char] = len(self._codes) + 1
        return self._codes[char]

    def widths(self) -> list[int]:
        """The widths of the codes from 1 on, thousandths of an em."""
        return [round(char_width(char) * _UNITS) for char in self._codes]

    def glyphs(self) -> bytes:
        """The map from codes to glyphs: all have glyph 1, but for the code 0, which none has."""
        return b"\0\0" + b"\0\1" * len(self._codes)

    def to_unicode(self) -> bytes:
        """The map from codes to characters, a CMap."""
        mappings = [
            b"<%04x> <%s>" % (code, char.encode("utf-16-be").hex().encode())
            for char, code in self._codes.items()
        ]
        sections = [
            mappings[begin : begin + _PER_SECTION]
            for begin in range(0, len(mappings), _PER_SECTION)
        ]
        lines = [
            b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
            b"/CMapName /RayscribeInvisible def /CMapType 2 def",
            b"1 begincodespacerange <0000> <ffff> endcodespacerange",
        ]
        for section in sections:
            lines += [b"%d beginbfchar" % len(section), *section, b"endbfchar"]
        return b"\n".join([*lines, b"endcmap end end"])


def font_file() -> bytes:
    """A TrueType font with two glyphs, both a box of half an em from descent to ascent."""
    outline = _box_outline()
    tables = {
        b"glyf": outline * 2,
        b"head": _head(),
        b"hhea": _hhea(),
        b"hmtx": struct.pack(">HhHh", _BOX_WIDTH, 0, _BOX_WIDTH, 0),
        b"loca": struct.pack(">HHH", *(len(outline) // 2 * index for index in range(3))),
        b"maxp": struct.pack(">I14H", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
    }
    directory, body, offset = b"", b"", 12 + 16 * len(tables)
    for tag, content in tables.items():
        directory += tag + struct.pack(">III", _checksum(content), offset + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    search = 16 * 4  # the largest power of two of six tables, times 16
    head = struct.pack(">IHHHH", 0x10000, len(tables), search, 2, 16 * len(tables) - search)
    return head + directory + body


def bounds() -> tuple[int, int, int, int]:
    """The box of the glyphs: x0, y0, x1, y1 in thousandths of an em."""
    return 0, -round(DESCENT * _UNITS), _BOX_WIDTH, round(ASCENT * _UNITS)


def _box_outline() -> bytes:
    x0, y0, x1, y1 = bounds()
    corners = b"\1" * 4  # all on the outline, each coordinate in two bytes
    across = struct.pack(">4h", x0, 0, x1 - x0, 0)
    down = struct.pack(">4h", y0, y1 - y0, 0, y0 - y1)
    last_point, no_instructions = 3, 0
    head = struct.pack(">5hHH", 1, x0, y0, x1, y1, last_point, no_instructions)
    return head + corners + across + down


def _head() -> bytes:
    magic, flags, no_date, regular, smallest_ppem = 0x5F0F3CF5, 3, 0, 0, 8
    left_to_right, short_offsets, glyph_format = 2, 0, 0
    return struct.pack(
        ">IIIIHHqq4hHHhhh",
        *(0x10000, 0x10000, 0, magic, flags, _UNITS, no_date, no_date, *bounds()),
        *(regular, smallest_ppem, left_to_right, short_offsets, glyph_format),
    )


def _hhea() -> bytes:
    _, descender, width, ascender = bounds()
    slope = (1, 0, 0)
    return struct.pack(
        ">IhhhHhhh3h4hhH",
        *(0x10000, ascender, descender, 0, width, 0, 0, width, *slope),
        *(0, 0, 0, 0, 0, 2),
    )


def _checksum(content: bytes) -> int:
    padded = content + b"\0" * (-len(content) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
