"""A report as one HTML file, and as lines of a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html

from pipeline.errors import DocumentError, ErrorKind
from pipeline.output.report import plots
from pipeline.output.report.changes import compare
from pipeline.output.report.cost import costs
from pipeline.output.report.findings import WorstPage, find
from pipeline.output.report.page import page as html_page
from pipeline.output.report.summary import Report, read_receipt
from pipeline.output.report.terminal import lines
from pipeline.types import Failure, Status, Timing
from tests.support.small_outputs import page, write_pages
from tests.unit.output.report.test_cost import RECEIPT

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture
def report(tmp_path: Path) -> Report:
    low = replace(
        page(f"/in/{HOSTILE}.pdf", 1, HOSTILE),
        text_score=0.25,
        warnings=(HOSTILE,),
        timing=Timing(render_ms=12.0),
    )
    bad = page("/in/b.pdf", 3, "", status=Status.FAILED, source=None)
    failure = Failure(ErrorKind.RENDER, HOSTILE)
    bad = replace(bad, recognition=replace(bad.recognition, failure=failure))
    pages = write_pages(tmp_path / "out", [low, bad])
    before = write_pages(tmp_path / "before", [page(f"/in/{HOSTILE}.pdf", 1, f"other {HOSTILE}")])
    changes = compare(pages, before)
    return Report("out", find(pages), RECEIPT, costs(RECEIPT, 0, 0.36), "before", changes)


def test_nothing_of_a_row_runs(report: Report) -> None:
    content = html_page(report, lambda worst: b"RIFF")
    assert "<script" not in content
    root = html.fromstring(content)
    assert {image.get("src")[:16] for image in root.iter("img")} == {"data:image/webp;"}
    assert not [name for element in root.iter() for name in element.attrib if name[:2] == "on"]
    assert not re.search(r"""(?:src|href)=["']?https?:""", content)
    assert "default-src &#39;none&#39;" in content or "default-src 'none'" in content


def test_it_says_what_is_in_the_output(report: Report) -> None:
    said = " ".join(html.fromstring(html_page(report)).text_content().split())
    for words in (
        "2 pages of 2 documents",
        f"/in/b.pdf page 3: {HOSTILE}",
        "1,000 pages at 10.00/s, 200 s in all",
        "a million pages: 40.00 while workers were busy, 120.00 by the clock",
        "1 pages of both, 1 only here, 0 only there",
        "no picture",
    ):
        assert words in said


def test_a_page_that_cannot_be_drawn_has_no_picture(report: Report) -> None:
    def missing(worst: WorstPage) -> bytes:
        raise DocumentError(ErrorKind.NOT_FOUND, worst.uri)

    assert "<img" not in html_page(report, missing)


def test_lines_fit_a_terminal_of_80_columns(report: Report) -> None:
    printed = list(lines(report))
    assert max(map(len, printed)) <= 80
    text = "\n".join(printed)
    for words in (
        "status     1 ok, 1 failed",
        "           0.2         1 ####",
        "against    1 pages of both, 1 only here, 0 only in before",
        "changed    1 texts",
        "           a million pages: 40.00 while busy, 120.00 by the clock",
    ):
        assert words in text


def test_a_name_does_not_move_the_cursor(tmp_path: Path) -> None:
    low = replace(page("/in/\x1b[2Ja.pdf", 1, "x"), text_score=0.1)
    report = Report("o\x07ut", find(write_pages(tmp_path, [low])), {}, None)
    printed = "\n".join(lines(report))
    assert "o?ut: 1 pages" in printed
    assert "?[2Ja.pdf p1" in printed


def test_plots_have_their_labels(report: Report) -> None:
    drawn = plots.scores(report.findings.scores)
    assert drawn.startswith("<svg")
    assert "text score" in drawn
    assert "render: mean 12 ms" in plots.times(report.findings.times)
    assert plots.scores(report.findings.scores) == drawn


def test_the_limit_of_low_scores_is_that_of_the_receipt(report: Report) -> None:
    assert report.low_score == 0.8
    recipe = {"recipe": {"quality": {"min_text_score": 0.5}}}
    assert replace(report, receipt=recipe).low_score == 0.5
    assert report.bad_pages == 1


def test_a_receipt_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_receipt(tmp_path) == {}
    (tmp_path / "receipt.json").write_text("[")
    assert read_receipt(tmp_path) == {}
    (tmp_path / "receipt.json").write_text('{"pages": 1}')
    assert read_receipt(tmp_path) == {"pages": 1}
