"""Which text layers are refused whose fonts store other digits and signs than they draw.

    python -m benchmarks.broken_fonts [--pages 200] [--seed 16]

Pages are drawn at random: a font of those that Debian installs with DejaVu and Liberation, with
and without the names of its glyphs (many programs leave them out), numbers, and a fault of its
/ToUnicode table or none. Found is a page whose trust is below `route.min_trust`.
"""

from __future__ import annotations

import argparse
import struct
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import ImageFont

from pipeline.config import ReadConfig, RenderConfig, RouteConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.text.text_layer_trust import assess_trust
from tests.support.sample_documents import prose

_FONTS: Final = (
    *("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "DejaVuSans-Bold", "DejaVuSansCondensed"),
    *("LiberationSans-Regular", "LiberationSerif-Regular", "LiberationMono-Regular"),
    *("LiberationSans-Bold", "LiberationSerif-Italic", "LiberationSansNarrow-Regular"),
    *("LiberationMono-Bold", "LiberationSans-Italic", "DejaVuSerif-Italic", "DejaVuSerif-Bold"),
)
_DIGITS: Final = "0123456789"
_MINUS: Final = "\u2212"
_NAMELESS: Final = 0x00030000
"""Version of a font's table `post` without names."""
_FAULTS: Final = (
    *("minus stored as a digit", "plus stored as a digit", "point stored as a colon"),
    *("digits stored as signs", "one digit stored as another", "digits exchanged", "none"),
)


def stored(fault: str, random: np.random.Generator) -> dict[str, str]:
    """What the characters that are drawn are stored as, where that differs."""
    digits = [str(digit) for digit in random.permutation(list(_DIGITS))]
    if fault == "minus stored as a digit":
        return {_MINUS: digits[0]}
    if fault == "plus stored as a digit":
        return {"+": digits[0]}
    if fault == "point stored as a colon":
        return {".": ":"}
    if fault == "digits stored as signs":
        first = int(random.integers(0x21, 0x26))
        return {digit: chr(first + index) for index, digit in enumerate(_DIGITS)}
    if fault == "one digit stored as another":
        return {digits[0]: digits[1]}
    return dict(zip(_DIGITS, digits, strict=True)) if fault == "digits exchanged" else {}


def page(
    font: bytes, table: Mapping[str, str], random: np.random.Generator, numbers: int = 24
) -> bytes:
    """A page of prose and numbers, these in an embedded font with a table of its own."""
    import pymupdf

    with pymupdf.open() as document:
        sheet = document.new_page()
        for row, line in enumerate(prose(30)):
            sheet.insert_text((60, 80 + 13 * row), line, fontsize=10)
        sheet.insert_font(fontname="N1", fontbuffer=font)
        values = random.uniform(-999, 999, numbers)
        for index, value in enumerate(values):
            text = f"{value:+.2f}".replace("-", _MINUS)
            at = (60 + 80 * (index % 6), 500 + 20 * (index // 6))
            sheet.insert_text(at, text, fontname="N1", fontsize=10)
        [xref] = [entry[0] for entry in sheet.get_fonts() if entry[4] == "N1"]
        loaded = pymupdf.Font(fontbuffer=font)
        glyphs = {
            loaded.has_glyph(ord(char)): table.get(char, char) for char in f"+.{_MINUS}0123456789"
        }
        _, said = document.xref_get_key(xref, "ToUnicode")
        document.update_stream(int(said.split()[0]), _to_unicode(glyphs))
        made: bytes = document.tobytes(garbage=3, deflate=True)
    return made


def _to_unicode(glyphs: Mapping[int, str]) -> bytes:
    rows = "".join(f"<{glyph:04x}> <{ord(char):04x}>\n" for glyph, char in glyphs.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def "
        "/CMapType 2 def 1 begincodespacerange <0000> <ffff> endcodespacerange "
        f"{len(glyphs)} beginbfchar\n{rows}endbfchar endcmap end end"
    ).encode()


def without_names(font: bytes) -> bytes:
    """A TrueType font whose table `post` says that it has no names."""
    changed = bytearray(font)
    (tables,) = struct.unpack_from(">H", font, 4)
    for entry in range(12, 12 + 16 * tables, 16):
        if font[entry : entry + 4] == b"post":
            (offset,) = struct.unpack_from(">I", font, entry + 8)
            struct.pack_into(">I", changed, offset, _NAMELESS)
            struct.pack_into(">I", changed, entry + 12, 32)
    return bytes(changed)


def is_refused(content: bytes, path: Path) -> bool:
    """Whether the layer of a page is not trusted."""
    path.write_bytes(content)
    layer = PdfFile(str(path), "", ReadConfig().max_pages).layer(1, RenderConfig())
    return assess_trust(layer).score < RouteConfig().min_trust


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=16)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    made: Counter[tuple[str, bool]] = Counter()
    refused: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.pages):
            kind = (str(random.choice(_FAULTS)), bool(random.random() < 0.5))
            name = ImageFont.truetype(f"{random.choice(_FONTS)}.ttf").path
            font = Path(str(name)).read_bytes()
            content = page(
                font if kind[1] else without_names(font), stored(kind[0], random), random
            )
            made[kind] += 1
            refused[kind] += is_refused(content, Path(folder, "page.pdf"))
    print("| fault | glyphs with names: refused | without names: refused |\n|---|---|---|")
    for fault in _FAULTS:
        cells = [f"{refused[fault, named]} of {made[fault, named]}" for named in (True, False)]
        print(f"| {fault} | {cells[0]} | {cells[1]} |")
    wrong = sum(count for (fault, _), count in made.items() if fault != "none")
    found = sum(count for (fault, _), count in refused.items() if fault != "none")
    print(f"\nprecision {found / max(1, refused.total()):.3f}, recall {found / max(1, wrong):.3f}")


if __name__ == "__main__":
    main()
