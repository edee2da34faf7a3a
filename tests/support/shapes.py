"""The page shapes whose reading order is tested. Each function fills a sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tests.support.page_shapes import SIZE_PX, Sheet

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


def amounts(sheet: Sheet, *, pitch: float, rows: int = 14, wordy: int = 3) -> None:
    sheet.line(4, 100, 90, size=30)
    cells = [[" ".join(sheet.words(1 + (i * 7) % wordy)), sheet.amount()] for i in range(rows)]
    sheet.table((100, 1140), 160, cells, rights=(1,), pitch=pitch)
    sheet.prose(100, 180 + rows * pitch * SIZE_PX, 1040, 10)


def faint_table(sheet: Sheet, *, pitch: float) -> None:
    cells = [
        [f"{i + 1:02d}/03", " ".join(sheet.words(4 + i % 3)), sheet.amount(), sheet.amount()]
        for i in range(18)
    ]
    for i, row in enumerate(cells):
        row[0] = f"{row[0]}/{i + 70}x"
        row[2 if i % 3 else 3] = "" if i % 2 else row[2 if i % 3 else 3]
    sheet.prose(100, 90, 1040, 5)
    sheet.table((100, 260, 900, 1140), 260, cells, rights=(2, 3), pitch=pitch)


def wordy_table(sheet: Sheet) -> None:
    cells = [[" ".join(sheet.words(3)), " ".join(sheet.words(4))] for _ in range(12)]
    sheet.table((100, 560), 160, cells)


def wrapped_cells(sheet: Sheet) -> None:
    """Each row has a wrapped description; its amount stands beside the first line."""
    y = 150.0
    for _ in range(9):
        row = sheet.prose(100, y, 600, 2, ragged=True, last=0.6)
        row.lines[0] += sheet.line(sheet.amount(), 900, y).lines[0]
        row.lines[0] += sheet.line(sheet.amount(), 1060, y).lines[0]
        del sheet.parts[-2:]
        y += 2 * _STEP + 16


def contents(sheet: Sheet) -> None:
    sheet.line(1, 100, 90, size=34)
    for i in range(22):
        title = " ".join(sheet.words(2 + i * 5 % 4))
        dots = "." * max(4, int((900 - 10 * len(title)) / 10))
        page = f"{i * 3 + 1}p{i}"
        line = sheet.line(f"{title} {dots} {page}", 100, 160 + i * 1.25 * SIZE_PX)
        line.lines[0][-1] = replace(line.lines[0][-1], x0=1110, x1=1140)


def contents_without_leaders(sheet: Sheet) -> None:
    cells = [[" ".join(sheet.words(2 + i * 5 % 5)), f"{i * 3 + 1}p{i}"] for i in range(22)]
    sheet.table((100, 1140), 160, cells, rights=(1,), pitch=1.2)


def form(sheet: Sheet) -> None:
    cells = [
        [f"{' '.join(sheet.words(1 + i % 2))}:", " ".join(sheet.words(1 + i % 3))] for i in range(8)
    ]
    sheet.table((100, 420), 150, cells, pitch=1.5)


def form_in_two_columns(sheet: Sheet) -> None:
    cells = []
    for i in range(7):
        left = [f"{sheet.word(capital=True)}:", " ".join(sheet.words(1 + i % 2))]
        cells.append([*left, f"{sheet.word(capital=True)}:", sheet.amount()])
    sheet.table((100, 330, 660, 900), 150, cells, pitch=1.7)


def table_across_columns(sheet: Sheet) -> None:
    sheet.prose(100, 110, 500, 14)
    sheet.prose(640, 110, 500, 14)
    y = 110 + 15 * _STEP
    sheet.line(9, 160, y, size=20)
    cells = [[sheet.word(), *(sheet.amount() for _ in range(4))] for _ in range(9)]
    sheet.table((140, 500, 700, 900, 1100), y + 40, cells, rights=(1, 2, 3, 4))
    y += 40 + 10 * 1.4 * SIZE_PX
    sheet.prose(100, y, 500, 20)
    sheet.prose(640, y, 500, 20)


def table_in_a_column(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 50)
    sheet.prose(640, 120, 500, 12)
    y = 120 + 13 * _STEP
    cells = [[sheet.word(), *(sheet.amount() for _ in range(2))] for _ in range(8)]
    sheet.table((650, 950, 1120), y, cells, rights=(1, 2), size=20)
    sheet.prose(640, y + 9 * 28, 500, 27)


def bullets_beside_text(sheet: Sheet) -> None:
    sheet.prose(100, 120, 500, 48)
    y = 120.0
    for _ in range(14):
        item = sheet.prose(670, y, 470, 2, ragged=True, last=0.6)
        item.lines[0] = [*sheet.line("•", 640, y).lines[0], *item.lines[0]]
        sheet.parts.pop()
        y += 2 * _STEP + 14


def numbered_equations(sheet: Sheet) -> None:
    y = 150.0
    for i in range(5):
        y = sheet.prose(100, y, 1040, 5).bottom + 20
        sheet.line(f"{sheet.word()} = {sheet.word()}", 480, y)
        sheet.parts[-1].lines[0] += sheet.line(f"({i + 1})", 1100, y).lines[0]
        sheet.parts.pop()
        y += 50


def numbered_items(sheet: Sheet) -> None:
    y = 150.0
    for i in range(9):
        item = sheet.prose(180, y, 900, 3, ragged=True)
        item.lines[0] = [*sheet.line(f"{i + 1}.", 110, y).lines[0], *item.lines[0]]
        sheet.parts.pop()
        y += 3 * _STEP + 16


def addresses(sheet: Sheet) -> None:
    for x in (100, 700):
        for i in range(4):
            sheet.line(2 + i % 2, x, 120 + i * _STEP)
    sheet.prose(100, 320, 1040, 20)


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
