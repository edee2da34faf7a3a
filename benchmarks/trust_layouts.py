"""Made pages whose order is easily lost, for `trust_pages`."""

from __future__ import annotations

from typing import Final

import pymupdf

from tests.support import sample_documents

_LEFT: Final = (
    "The quay of the northern basin is made of",
    "cast iron and was laid in the year of the",
    "great flood. Each vessel that came in from",
    "the sea was counted by its masts, and the",
    "keeper wrote them down in a ledger that is",
    "kept in the town hall until this day.",
)
_REFERENCES: Final = (
    "[1] Smith, J.",
    "Harbours of the",
    "north. Leeds 1902.",
    "[2] Brown, A.",
    "Ledgers and tolls.",
    "York 1911.",
)


def columns() -> bytes:
    """Text, and beside it a column of references whose lines lie between those of the text."""
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        for row in range(6):
            page.insert_text((72, 100 + 15 * row), _LEFT[row], fontsize=11)
            page.insert_text((340, 104 + 12.5 * row), _REFERENCES[row], fontsize=9)
        made: bytes = document.tobytes()
    return made


def charted() -> bytes:
    """A column of text, and beside it the numbers of a chart's axes."""
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        for row, line in enumerate((*_LEFT, *(line[:42] for line in sample_documents.prose(20)))):
            page.insert_text((60, 80 + 13 * row), line, fontsize=10)
        for tick in range(6):
            page.insert_text((305, 93 + 26 * tick), f"{100 - 20 * tick}", fontsize=7)
            page.draw_line((325, 90 + 26 * tick), (560, 90 + 26 * tick), width=0.3)
        for year in range(4):
            page.insert_text((330 + 50 * year, 240), f"{1901 + year}", fontsize=7)
        made: bytes = document.tobytes()
    return made


def stamped() -> bytes:
    """A title, and a stamp that runs up the margin beside it."""
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        page.insert_text((90, 90), "The Ledgers of the Old Harbour", fontsize=18)
        page.insert_text((90, 114), "and What They Tell", fontsize=18)
        stamp = "archive:2011.04567v2 [hist.sea] 9 Nov 2011"
        page.insert_text((40, 330), stamp, fontsize=16, rotate=90)
        for row, letter in enumerate("RECEIVED"):
            page.insert_text((64, 80 + 14 * row), letter, fontsize=12)
        for row, line in enumerate(sample_documents.prose(20)):
            page.insert_text((90, 160 + 15 * row), line[:78], fontsize=11)
        made: bytes = document.tobytes()
    return made


def table() -> bytes:
    """Descriptions and amounts far apart, between rules that are hardly seen."""
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        for row, (name, amount) in enumerate(FEES):
            y = 120 + 15 * row
            page.insert_text((76, y), name, fontsize=9)
            page.insert_text((536 - 5 * len(amount), y), amount, fontsize=9)
            page.draw_line((72, y + 4), (540, y + 4), color=(0.85,) * 3, width=0.4)
        for x in (72, 440, 540):
            page.draw_line((x, 109), (x, 124 + 15 * row), color=(0.85,) * 3, width=0.4)
        made: bytes = document.tobytes()
    return made


FEES: Final = (
    ("Mooring fee for the month of May", "1,250.00"),
    ("Crane, two days", "480.50"),
    ("Pilot to the outer buoy and back, by night", "310.00"),
    ("Fresh water", "42.75"),
    ("Night watch", "96.00"),
    ("Ropes", "18.20"),
    ("Harbour dues, northern basin, second quay", "2,075.00"),
    ("Coal", "733.10"),
    ("Repairs of the mast", "1,904.00"),
    ("Stamps", "3.15"),
)
