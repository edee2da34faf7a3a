from __future__ import annotations

import io
import time

import pytest

from pipeline.errors import JobError
from pipeline.job.progress import Progress, RecentSpeed, Snapshot, duration
from pipeline.output.receipt import StageMetrics


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3723, "1:02:03"), (-1, "0:00")]
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_line_says_how_far_how_fast_and_how_long():
    now = Snapshot(done=50, total=200, failed=2, seconds=25, started=True, pages_per_s=2.0)
    assert now.line("recognise") == ("recognise 50/200 pages, 2.0 pages/s, 2 failed, 1:15 left")


def test_a_line_without_a_speed_has_no_time_left():
    now = Snapshot(done=1, total=200, failed=0, seconds=125, started=True)
    assert now.line("recognise") == "recognise 1/200 pages, 0 failed"


def test_an_engine_that_loads_says_so():
    assert Snapshot(0, 9, 0, 61.2, started=False).line("recognise") == "recognise: starting (61 s)"


def speed(*samples: tuple[float, int]) -> float | None:
    recent = RecentSpeed(window_s=60)
    for seconds, done in samples:
        recent.add(seconds, done)
    return recent.pages_per_s


def test_the_speed_is_not_known_before_there_are_pages_at_two_times():
    assert speed() is None
    assert speed((10, 0), (300, 0)) is None
    assert speed((10, 0), (300, 4)) is None
    assert speed((300, 4), (300, 5)) is None


def test_the_time_until_the_first_page_does_not_count():
    assert speed((10, 0), (300, 0), (310, 4), (320, 24)) == 2.0


def test_the_speed_follows_the_last_minute():
    fast = [(float(second), 100 * second) for second in range(1, 11)]
    slow = [(10.0 + second, 1000 + second) for second in range(10, 101, 10)]
    assert speed(*fast, *slow) == 1.0


def test_a_stage_that_stands_still_has_no_speed():
    assert speed((10, 5), (20, 50), (100, 50), (170, 50)) == 0.0
    now = Snapshot(50, 60, 0, 170, started=True, pages_per_s=0.0)
    assert now.line("recognise") == "recognise 50/60 pages, 0.0 pages/s, 0 failed"


def test_minutes_are_left_although_the_engine_loaded_for_minutes():
    clock, stage, settled = [0.0], StageMetrics(), StageMetrics()
    progress = Progress(
        "recognise", ("render", "recognise"), 400,
        lambda: {"render": settled, "recognise": stage}, io.StringIO(), 10,
        now=lambda: clock[0],
    )  # fmt: skip
    lines = []
    for seconds, read in ((180.0, 0), (190.0, 0), (200.0, 20), (210.0, 40)):
        clock[0], stage.finished = seconds, read
        settled.finished, settled.failed = int(seconds > 180), int(seconds > 200)
        lines.append(progress.snapshot().line("recognise"))
    assert lines == [
        "recognise: starting (180 s)",
        "recognise 1/400 pages, 0 failed",
        "recognise 21/400 pages, 2.0 pages/s, 0 failed, 3:10 left",
        "recognise 41/400 pages, 2.0 pages/s, 1 failed, 3:00 left",
    ]


def test_where_there_is_no_terminal_plain_lines_come():
    out = io.StringIO()
    stages = {"recognise": StageMetrics(finished=3)}
    with Progress("recognise", ("recognise",), 4, lambda: stages, out, 0.05):
        time.sleep(0.2)
    lines = out.getvalue().splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("recognise 3/4 pages") for line in lines)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar():
    out = Terminal()
    stages = {"recognise": StageMetrics(finished=3)}
    with Progress("recognise", ("recognise",), 4, lambda: stages, out, 10):
        time.sleep(1.2)
    assert "3/4 pages" in out.getvalue()
    assert "\x1b[" in out.getvalue()


def test_it_ends_in_silence_when_the_job_cannot_be_asked_any_more(
    capfd: pytest.CaptureFixture[str],
):
    def poll() -> dict[str, StageMetrics]:
        raise JobError("the process that holds the job's state has ended")

    out = io.StringIO()
    with Progress("recognise", ("recognise",), 4, poll, out, 0.02) as progress:
        progress._thread.join(timeout=10)
        assert not progress._thread.is_alive()
    assert (out.getvalue(), capfd.readouterr().err) == ("", "")
