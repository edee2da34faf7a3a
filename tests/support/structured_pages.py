"""Made pages with all that structure is made of, as PDFs."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.sample_documents import LETTER, Page, pdf, prose, stream

HEADER, FOOTER = "Bay of harbours, annual report", "Page 17"
TITLE = "Ships and cargo of the bay"
HEADINGS = ("Weather on the coast", "Ledgers and tariffs")
BULLETS = ("copper from the north", "tin and lead in bars", "wool in small bales")
RULED = (("Ship", "Cargo", "Tons"), ("Anna", "Copper", "12"), ("Berta", "Tin", "9"))
UNRULED = (("Year", "Ships", "Days"), ("1901", "14", "200"), ("1902", "17", "185"))
CAPTION = "Figure 1: The bay in spring"
FOOTNOTE = "1 Counted by the daughter of the harbour master."

_PICTURE = bytes((x * y) % 251 for y in range(40) for x in range(60))


def text(x: float, y: float, size: float, words: str, font: str = "F1") -> bytes:
    """Words at a place, points from the lower left corner."""
    escaped = words.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    shown = escaped.encode("cp1252")
    return b"BT /%s %g Tf %g %g Td (%s) Tj ET\n" % (font.encode(), size, x, y, shown)


def paragraph(x: float, y: float, lines: Sequence[str], size: float = 10) -> bytes:
    """Lines of text, 12 pt apart."""
    return b"".join(text(x, y - 12 * i, size, line) for i, line in enumerate(lines))


def table(x: float, y: float, rows: Sequence[Sequence[str]], *, ruled: bool) -> bytes:
    """A table with columns of 100 pt and rows of 18 pt."""
    cells = b"".join(
        text(x + 4 + 100 * j, y - 18 * i, 10, cell)
        for i, row in enumerate(rows)
        for j, cell in enumerate(row)
    )
    if not ruled:
        return cells
    width, top, bottom = 100 * len(rows[0]), y + 12, y + 12 - 18 * len(rows)
    across = [(x, top - 18 * i, x + width, top - 18 * i) for i in range(len(rows) + 1)]
    down = [(x + 100 * j, top, x + 100 * j, bottom) for j in range(len(rows[0]) + 1)]
    return cells + b"0.5 w " + b"".join(b"%g %g m %g %g l S\n" % line for line in across + down)


def page(entries: bytes = b"", size_pt: tuple[float, float] = LETTER, turn: bytes = b"") -> bytes:
    """A page with everything, from top to bottom in one column.

    Args:
        entries: More of the page's dictionary.
        size_pt: Its size.
        turn: A transformation before the content.
    """
    lines = prose(12)
    content = b"".join(
        [
            text(72, 760, 8, HEADER),
            text(72, 715, 20, TITLE),
            paragraph(72, 685, lines[:4]),
            text(72, 620, 14, HEADINGS[0]),
            b"".join(text(84, 600 - 14 * i, 10, f"\u2022 {b}") for i, b in enumerate(BULLETS)),
            table(72, 535, RULED, ruled=True),
            text(72, 460, 10, HEADINGS[1], "F2"),
            paragraph(72, 440, lines[4:8]),
            table(72, 370, UNRULED, ruled=False),
            b"q 180 0 0 100 200 190 cm /Im Do Q\n",
            text(225, 176, 9, CAPTION),
            paragraph(72, 150, lines[8:11]),
            text(72, 90, 7, FOOTNOTE),
            text(290, 36, 8, FOOTER),
        ]
    )
    return _pdf(turn + content, entries, size_pt)


def two_columns() -> bytes:
    """A title over two columns of prose, with a table below both."""
    lines = [line[:44] for line in prose(60)]
    content = b"".join(
        [
            text(150, 720, 20, TITLE),
            paragraph(60, 670, lines[:30], 9),
            paragraph(320, 670, lines[30:], 9),
            table(60, 270, [row + row[:2] for row in UNRULED], ruled=True),
        ]
    )
    return _pdf(content, b"", LETTER)


def figure(rows: Sequence[Sequence[str]], drawn: bytes, entries: bytes = b"") -> bytes:
    """Prose above words in columns of 100 pt and rows of 18 pt from (72, 500), and what is drawn.

    Args:
        rows: The words; none where there is "".
        drawn: What is drawn on them.
        entries: More of the page's dictionary.
    """
    words = b"".join(
        text(76 + 100 * j, 500 - 18 * i, 10, word)
        for i, row in enumerate(rows)
        for j, word in enumerate(row)
        if word
    )
    return _pdf(paragraph(72, 685, prose(12)) + words + drawn, entries, LETTER)


def turned(deg: int) -> bytes:
    """The page with everything, whose dictionary turns it."""
    return page(b"/Rotate %d" % deg)


def _pdf(content: bytes, entries: bytes, size_pt: tuple[float, float]) -> bytes:
    bold = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>"
    plain = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
    image = (
        b"/Type/XObject/Subtype/Image/Width 60/Height 40/BitsPerComponent 8/ColorSpace/DeviceGray"
    )
    resources = b"/Resources<</Font<</F1 5 0 R/F2 4 0 R>>/XObject<</Im 6 0 R>>>>"
    objects = [bold, plain, stream(_PICTURE, image)]
    return pdf([Page(content, size_pt, entries + resources)], objects=objects)
