from __future__ import annotations

import io
import time

import pytest

from pipeline.job.metrics import StageMetrics
from pipeline.job.progress import Progress, Snapshot, clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_clock(seconds: float, text: str):
    assert clock(seconds) == text


def test_a_line_says_how_far_how_fast_and_how_long():
    now = Snapshot(done=50, total=200, failed=2, seconds=25, started=True)
    assert now.line("recognise") == ("recognise 50/200 pages, 2.0 pages/s, 2 failed, 1:15 left")


def test_an_engine_that_loads_says_so():
    assert Snapshot(0, 9, 0, 61.2, started=False).line("recognise") == "recognise: loading (61 s)"


def test_where_there_is_no_terminal_plain_lines_come():
    out = io.StringIO()
    stages = {"recognise": StageMetrics(pages=3)}
    with Progress("recognise", "recognise", 4, lambda: stages, out, 0.05):
        time.sleep(0.2)
    lines = out.getvalue().splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("recognise 3/4 pages") for line in lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar():
    out = Terminal()
    stages = {"recognise": StageMetrics(pages=3)}
    with Progress("recognise", "recognise", 4, lambda: stages, out, 10):
        time.sleep(1.2)
    assert "3/4 pages" in out.getvalue()
    assert "\x1b[" in out.getvalue()
