"""A font whose glyphs are never drawn: for text that is found, selected and copied.

Every glyph is a box, as wide as `pipeline.text.char_widths` says of its characters. Glyphs without
an outline would do for MuPDF and poppler; PDFium drops rotated text of such a font, and its
selection is as wide as the outlines. The characters of a document get codes in the order of their
first use, and `ToUnicode` maps the codes back, whatever they are. Sources: PDF 32000-1, 9.7
(composite fonts) and 9.10.3 (ToUnicode); OpenType's chapters on TrueType's tables. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from pipeline.text.char_widths import char_width

ASCENT: Final = 0.8
DESCENT: Final = 0.2
"""Parts of the height of a line above and below its baseline."""
_UNITS: Final = 1000
_MIN_BOX: Final = 100
"""Width of the outline of marks, whose advance is 0."""
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
        """The map from codes to glyphs, from code 0 on."""
        number = {width: index for index, width in enumerate(self._glyph_widths())}
        return b"".join(struct.pack(">H", number[width]) for width in (0, *self.widths()))

    def file(self) -> bytes:
        """A TrueType font with a glyph for each width."""
        return _font_file(self._glyph_widths())

    def bounds(self) -> tuple[int, int, int, int]:
        """A box around all glyphs: x0, y0, x1, y1 in thousandths of an em."""
        return _box(max(self._glyph_widths()))

    def _glyph_widths(self) -> list[int]:
        return sorted({0, *self.widths()})

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


def _font_file(widths: Sequence[int]) -> bytes:
    """A TrueType font with a box for each of some widths, the last one the widest."""
    outlines = [_outline(width) for width in widths]
    ends = list(accumulate((len(outline) for outline in outlines), initial=0))
    # Version, glyphs, points and contours of a glyph, none of a composite one, zones; the rest 0.
    profile = (0x10000, len(widths), 4, 1, 0, 0, 2, *[0] * 8)
    tables = {
        b"glyf": b"".join(outlines),
        b"head": _head(widths[-1]),
        b"hhea": _hhea(widths[-1], len(widths)),
        b"hmtx": b"".join(struct.pack(">Hh", width, 0) for width in widths),
        b"loca": b"".join(struct.pack(">H", end // 2) for end in ends),
        b"maxp": struct.pack(">I14H", *profile),
    }
    directory, body, offset = b"", b"", 12 + 16 * len(tables)
    for tag, content in tables.items():
        directory += tag + struct.pack(">III", _checksum(content), offset + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    search = 16 * 4  # the largest power of two of six tables, times 16
    head = struct.pack(">IHHHH", 0x10000, len(tables), search, 2, 16 * len(tables) - search)
    return head + directory + body


def _box(width: int) -> tuple[int, int, int, int]:
    """The outline of a glyph: x0, y0, x1, y1 in thousandths of an em."""
    return 0, -round(DESCENT * _UNITS), max(width, _MIN_BOX), round(ASCENT * _UNITS)


def _outline(width: int) -> bytes:
    x0, y0, x1, y1 = _box(width)
    corners = b"\1" * 4  # all on the outline, each coordinate in two bytes
    across = struct.pack(">4h", x0, 0, x1 - x0, 0)
    down = struct.pack(">4h", y0, y1 - y0, 0, y0 - y1)
    last_point, no_instructions = 3, 0
    head = struct.pack(">5hHH", 1, x0, y0, x1, y1, last_point, no_instructions)
    return head + corners + across + down


def _head(widest: int) -> bytes:
    magic, flags, no_date, regular, smallest_ppem = 0x5F0F3CF5, 3, 0, 0, 8
    left_to_right, short_offsets, glyph_format = 2, 0, 0
    return struct.pack(
        ">IIIIHHqq4hHHhhh",
        *(0x10000, 0x10000, 0, magic, flags, _UNITS, no_date, no_date, *_box(widest)),
        *(regular, smallest_ppem, left_to_right, short_offsets, glyph_format),
    )


def _hhea(widest: int, glyphs: int) -> bytes:
    _, descender, right, ascender = _box(widest)
    slope = (1, 0, 0)
    return struct.pack(
        ">IhhhHhhh3h4hhH",
        *(0x10000, ascender, descender, 0, widest, 0, 0, right, *slope),
        *(0, 0, 0, 0, 0, glyphs),
    )


def _checksum(content: bytes) -> int:
    padded = content + b"\0" * (-len(content) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF
