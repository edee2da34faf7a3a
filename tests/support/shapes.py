"""The page shapes whose reading order is tested. Each function fills a sheet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.support.page_shapes import SIZE_PX, Sheet
from tests.support.table_shapes import (
    addresses,
    amounts,
    bullets_beside_text,
    contents,
    contents_without_leaders,
    faint_table,
    form,
    form_in_two_columns,
    numbered_equations,
    numbered_items,
    table_across_columns,
    table_in_a_column,
    wordy_table,
    wrapped_cells,
)

_STEP = SIZE_PX * 1.2


def columns(
    sheet: Sheet,
    number: int,
    *,
    gutter: float = 34,
    ragged: bool = False,
    phase: float = 0.0,
    indent: float = 0.0,
) -> None:
    width = (1040 - gutter * (number - 1)) / number
    for i in range(number):
        x = 100 + i * (width + gutter)
        sheet.prose(x, 150 + phase * i, width, 48, ragged=ragged, indent=indent)


def uneven_last_page(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 50, indent=20)
    sheet.prose(640, 120, 500, 17)
    sheet.line(1, 640, 610, size=26)
    sheet.prose(640, 660, 500, 6, hanging=24, sentence=4)


def uneven_short_left(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 9)
    sheet.prose(640, 120, 500, 44)


def references_beside_text(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 52, indent=20)
    y = 120.0
    for _ in range(13):
        part = sheet.prose(640, y, 500, 4, hanging=28, sentence=3, ragged=True, last=0.3)
        y = part.lines[-1][0].y + _STEP


def spaced_references_beside_text(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 50, indent=20)
    y = 120.0
    for i in range(17):
        number = sheet.line(f"[{i + 1}]", 640, y)
        reference = sheet.prose(685, y, 455, 2, sentence=3, ragged=True, last=0.4)
        sheet.parts[-2:] = []
        number.lines[0] += reference.lines[0]
        number.lines += reference.lines[1:]
        sheet.add(number)
        y += 3 * _STEP


def spanning_heads(sheet: Sheet) -> None:
    sheet.line(7, 220, 60, size=40)
    y = 140.0
    for rows in (12, 16, 14):
        sheet.line(5, 100, y, size=30)
        y += 46
        sheet.prose(100, y, 500, rows)
        sheet.prose(640, y, 500, rows)
        y += rows * _STEP + 24


def abstract_and_columns(sheet: Sheet) -> None:
    sheet.line(8, 200, 70, size=38)
    sheet.line(6, 400, 130)
    sheet.prose(180, 200, 880, 8, size=20)
    sheet.prose(100, 440, 500, 42)
    sheet.prose(640, 440, 500, 42)


def sidebar(sheet: Sheet) -> None:
    sheet.prose(100, 150, 680, 46)
    sheet.line(2, 840, 160, size=24)
    sheet.prose(840, 200, 290, 16, size=18, ragged=True)


def sidebar_on_the_left(sheet: Sheet) -> None:
    sheet.prose(80, 300, 230, 12, size=18, ragged=True, is_free=True)
    sheet.prose(370, 150, 770, 46)


def margin_notes(sheet: Sheet) -> None:
    for y in (205, 560, 1000):
        sheet.prose(80, y, 170, 4, size=16, ragged=True, is_free=True)
    sheet.prose(300, 150, 840, 50)


def caption_beside_table(sheet: Sheet) -> None:
    sheet.prose(80, 310, 250, 6, size=18, ragged=True, is_free=True)
    rows = [[sheet.word(), sheet.amount(), sheet.amount(), sheet.amount()] for _ in range(9)]
    sheet.table((400, 760, 940, 1120), 300, rows, rights=(1, 2, 3))
    sheet.prose(400, 660, 740, 14)


def stamp_beside_title(sheet: Sheet, *, in_pieces: bool) -> None:
    texts = ["arXiv:2301.01234v1", "[cs.CL]", "12", "Jan", "2023"]
    sheet.stamp(texts if in_pieces else ["arXiv:2301.01234v1 [cs.CL]"], 30, 1000)
    sheet.line(7, 200, 90, size=40)
    sheet.line(5, 400, 170)
    sheet.prose(180, 250, 880, 9, size=20)
    sheet.prose(100, 520, 500, 38)
    sheet.prose(640, 520, 500, 38)


def chart_beside_column(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 50)
    places = [(650.0, 130 + 41.0 * i, f"{5 - i}.{sheet.amount()[-2:]}7{i}") for i in range(6)]
    places += [(720 + 90.0 * i, 390, sheet.word()) for i in range(4)]
    places += [(760, 150, f"{sheet.word()} {sheet.word()}"), (900, 235, sheet.word())]
    places += [(1010, 181, sheet.word())]
    sheet.labels(places)
    sheet.prose(640, 430, 500, 2, size=18)
    sheet.prose(640, 520, 500, 33)


def chart_left_of_column(sheet: Sheet) -> None:
    places = [(110.0, 133 + 37.0 * i, f"{90 - i * 10}.{sheet.amount()[-2:]}{i}") for i in range(8)]
    places += [(180 + 100.0 * i, 440, sheet.word()) for i in range(4)]
    places += [(300, 170, f"{sheet.word()} {sheet.word()}"), (420, 289, sheet.word())]
    sheet.labels(places)
    sheet.prose(100, 480, 500, 2, size=18)
    sheet.prose(100, 560, 500, 30)
    sheet.prose(640, 120, 500, 49)


def figure_beside_abstract(sheet: Sheet) -> None:
    sheet.line(7, 150, 70, size=40)
    places = [(700 + 150.0 * (i % 3), 180 + 63.0 * (i // 3), sheet.word()) for i in range(9)]
    places += [(770, 211, sheet.word()), (910, 333, sheet.word())]
    abstract = sheet.prose(100, 170, 540, 17, size=20)
    sheet.labels(places)
    y = abstract.bottom + 60
    sheet.prose(100, y, 500, 36)
    sheet.prose(640, y, 500, 36)


def text_around_a_picture(sheet: Sheet) -> None:
    sheet.prose(100, 150, 1040, 8)
    sheet.prose(100, 150 + 8 * _STEP, 420, 12)
    sheet.prose(100, 150 + 20 * _STEP, 1040, 20)


def caption_in_wrapped_text(sheet: Sheet) -> None:
    sheet.prose(100, 150, 1040, 8)
    sheet.prose(100, 150 + 8 * _STEP, 480, 16)
    sheet.prose(640, 150 + 18.4 * _STEP, 480, 4, size=17, is_free=True)
    sheet.prose(100, 150 + 24.5 * _STEP, 1040, 20)


def footnotes(sheet: Sheet) -> None:
    sheet.line(4, 100, 60, size=18)
    sheet.prose(100, 130, 500, 44)
    sheet.prose(100, 130 + 45 * _STEP, 500, 4, size=16)
    sheet.prose(640, 130, 500, 49)
    sheet.line("417", 600, 1640, size=18)


def footnotes_across(sheet: Sheet) -> None:
    sheet.prose(100, 130, 500, 46)
    sheet.prose(640, 130, 500, 46)
    sheet.prose(100, 1400, 1040, 4, size=16)
    sheet.line("417", 600, 1660, size=18)


def running_heads(sheet: Sheet) -> None:
    head = sheet.line(3, 100, 50, size=18)
    head.lines += sheet.line("447", 1100, 50, size=18).lines
    sheet.parts.pop()
    sheet.prose(100, 130, 500, 50)
    sheet.prose(640, 130, 500, 50)
    sheet.line("448", 100, 1690, size=18)


SHAPES: dict[str, Callable[[Sheet], None]] = {
    **{f"{n} columns": partial(columns, number=n) for n in (2, 3, 4)},
    **{
        f"{n} ragged columns out of phase": partial(columns, number=n, ragged=True, phase=9.0)
        for n in (2, 3)
    },
    "2 columns close together": partial(columns, number=2, gutter=20.0, indent=20.0),
}
_FILLS = (
    uneven_last_page,
    uneven_short_left,
    references_beside_text,
    spaced_references_beside_text,
    spanning_heads,
    abstract_and_columns,
    sidebar,
    sidebar_on_the_left,
    margin_notes,
    caption_beside_table,
    chart_beside_column,
    chart_left_of_column,
    figure_beside_abstract,
    text_around_a_picture,
    caption_in_wrapped_text,
    footnotes,
    footnotes_across,
    running_heads,
    wordy_table,
    wrapped_cells,
    contents,
    contents_without_leaders,
    form,
    form_in_two_columns,
    table_across_columns,
    table_in_a_column,
    bullets_beside_text,
    numbered_equations,
    numbered_items,
    addresses,
)
SHAPES |= {fill.__name__.replace("_", " "): fill for fill in _FILLS}
SHAPES["stamp in pieces"] = partial(stamp_beside_title, in_pieces=True)
SHAPES["stamp"] = partial(stamp_beside_title, in_pieces=False)
SHAPES["amounts, close rows"] = partial(amounts, pitch=1.15)
SHAPES["amounts"] = partial(amounts, pitch=1.6)
SHAPES["amounts, wordy"] = partial(amounts, pitch=1.2, wordy=8)
SHAPES["faint table, close rows"] = partial(faint_table, pitch=1.2)
SHAPES["faint table"] = partial(faint_table, pitch=1.6)
