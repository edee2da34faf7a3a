"""The image data of a PNG as PDF takes it, without decoding it.

PDF's filter `FlateDecode` with the predictors from 10 on is PNG's own compression. Sources: PNG
(third edition), chapters 5 and 11; PDF 32000-1, 7.4.4 and 8.9.5. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOURS: Final = {0: (b"/DeviceGray", 1), 2: (b"/DeviceRGB", 3), 3: (b"/Indexed", 1)}
"""Colour type: colour space of PDF and number of channels. The others have an alpha channel."""
_UNSUITED: Final = (b"tRNS", b"eXIf")
"""Transparency and orientation: the pixels are not what is displayed."""


@dataclass(frozen=True, slots=True)
class ImageStream:
    """An image as a stream object of a PDF.

    Attributes:
        entries: Its dictionary, but for the length.
        data: Its bytes, compressed.
        size_px: Width and height as stored.
    """

    entries: bytes
    data: bytes
    size_px: tuple[int, int]


def png_stream(content: bytes) -> ImageStream | None:
    """The image of a PNG; None for one that has to be decoded, or is none."""
    chunks = list(_chunks(content))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        return None
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if colour not in _COLOURS or interlaced or any(kind in _UNSUITED for kind, _ in chunks):
        return None
    space, channels = _COLOURS[colour]
    if colour == 3:
        palette = next((data for kind, data in chunks if kind == b"PLTE"), b"")
        if not palette:
            return None
        last = len(palette) // 3 - 1
        space = b"[/Indexed/DeviceRGB %d<%s>]" % (last, palette.hex().encode())
    entries = (
        b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent %d/ColorSpace%s"
        b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors %d/BitsPerComponent %d/Columns %d>>"
        % (width, height, bits, space, channels, bits, width)
    )
    data = b"".join(data for kind, data in chunks if kind == b"IDAT")
    return ImageStream(entries, data, (width, height))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The type and the data of each whole chunk."""
    if not content.startswith(_SIGNATURE):
        return
    at = len(_SIGNATURE)
    while at + 8 <= len(content):
        (length,), kind = struct.unpack_from(">I", content, at), content[at + 4 : at + 8]
        if at + 12 + length > len(content):
            return
        yield kind, content[at + 8 : at + 8 + length]
        at += 12 + length
