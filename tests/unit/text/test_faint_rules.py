"""Tables of which only some rules were found: no row loses its left half."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.text.layout.rows import rows
from pipeline.text.structure import PageSigns, structured
from pipeline.text.structure.table_rows import row_starts
from pipeline.types import Line
from tests.unit.text.test_structure import HEIGHT_PX, WIDTH_PX, cells

FEES = [
    ("Mooring for May", "1,250.00"),
    ("Crane", "480.50"),
    ("Pilot by night", "(310.00)"),
    ("Water", "42.75"),
    ("Night watch", "96.00"),
    ("Ropes", "18.20"),
    ("Coal", "733.10"),
    ("Stamps", "3.15"),
]
CREW = [(name, place) for name, place in zip("ABCDEFGH", "SRQPONML", strict=True)]


def table(rows: Sequence[tuple[str, str]], ruled: Sequence[int]) -> list[str]:
    """The rows of a table with a rule below the first so many rows of `ruled`."""
    lines = cells(400, rows)
    tops = sorted({line.box[1] for line in lines})
    levels = [tops[0] - 8, *(tops[i] - 4 for i in ruled), tops[-1] + 40]
    across = [(90.0, y, 700.0, y + 1) for y in levels]
    down = [(float(x), levels[0], float(x) + 1, levels[-1]) for x in (90, 340, 700)]
    [block] = structured(lines, WIDTH_PX, HEIGHT_PX, PageSigns(rules=(*across, *down)))
    assert block.kind == "table"
    return [line for line in block.text.splitlines() if not line.startswith("| -")]


@pytest.mark.parametrize("ruled", [(2, 4, 6), (1, 2, 3, 4), (4, 5, 6, 7), (3, 4, 7)])
def test_amounts_between_two_rules_are_in_rows_of_their_own(ruled: Sequence[int]) -> None:
    assert table(FEES, ruled) == [f"| {name} | {amount} |" for name, amount in FEES]


def test_lines_as_far_apart_as_rows_are_in_rows_of_their_own() -> None:
    found = table(CREW, (4, 5, 6, 7))
    assert found == [f"| {name} | {place} |" for name, place in CREW]


def test_an_amount_below_the_first_line_of_its_name_stays_with_it() -> None:
    rows = [("Harbour dues of", ""), ("the quay", "96.00"), ("Coal", "1.00"), ("Tin", "2.00")]
    assert table([*rows, ("Tar", "3.00")], (2, 3, 4))[0] == "| Harbour dues of the quay | 96.00 |"


def starts(*bands: Sequence[tuple[str, ...]]) -> list[list[bool]]:
    """Which lines start rows, where there are rules between the bands, and 28 px a line."""
    lines, across, y = [], [], 100.0
    for band in bands:
        for row in band:
            for x, text in enumerate(row):
                box = (100.0 + 250 * x, y, 100.0 + 250 * x + 12 * len(text), y + 24)
                lines += [Line(text, box, 1.0)] if text else []
            y += 28
        across.append(y + 8)
        y += 20
    texts = [[[text] if text else [] for text in row] for band in bands for row in band]
    found = iter(row_starts(rows(lines), texts, across[:-1], 24, has_columns=True))
    return [[next(found) for _ in band] for band in bands]


SHIPS = [[("Anna", "12", "tin")], [("Berta", "9", "lead")], [("Clara", "7", "coal")]]


@pytest.mark.parametrize(
    "band",
    [
        [("Part", "10", "bolt"), ("", "20", "long")],
        [("Tel.", "030 1234", ""), ("", "030 5678", "")],
        [("030 1234", "Tel.", ""), ("030 5678", "", "")],
        [("Part", "10", "bolt"), ("", "20", "long"), ("", "30", "")],
    ],
)
def test_numbers_in_one_cell_stay_in_it_where_a_rule_is_under_every_row(
    band: Sequence[tuple[str, ...]],
) -> None:
    *singles, found = starts(*SHIPS, band)
    assert singles == [[True]] * 3
    assert found == [True] + [False] * (len(band) - 1)


@pytest.mark.parametrize("row", [("Dora", "8", ""), ("13", "8", ""), ("", "8", "zinc", "wet")])
def test_a_number_with_cells_beside_it_is_in_a_row_of_its_own(row: tuple[str, ...]) -> None:
    above = ("12", "6", "iron", "dry")[: len(row)]
    singles = [[tuple([*one[0], "x"][: len(row)])] for one in SHIPS]
    assert starts(*singles, [above, row])[-1] == [True, True]


def test_a_number_alone_is_a_row_where_rules_are_missing_elsewhere() -> None:
    alone = [("Part", "10", "bolt"), ("", "20", "long")]
    without_rule = [("Dora", "8", "zinc"), ("Emma", "6", "iron")]
    assert starts(*SHIPS, without_rule, alone)[-1] == [True, True]
    assert starts(*SHIPS, alone, alone)[-1] == [True, False]
