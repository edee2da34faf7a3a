"""The answers of a batch on disk."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

from serving.jobs.answer_log import AnswerLog


def test_answers_and_errors_are_in_the_order_of_the_lines_and_each_once(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    for number in (11, 2):
        log.add(number, False, {"n": number, "text": "ä\u2028\nb"})
    log.flush()
    log.add(3, True, {"n": 3})
    log.add(2, False, {"n": 2})
    log.flush()
    log.flush()
    assert log.answered() == {11: False, 2: False, 3: True}
    with log.output() as output:
        assert [json.loads(line)["n"] for line in output.lines(errors=False)] == [2, 11]
        assert [json.loads(line) for line in output.lines(errors=True)] == [{"n": 3}]
        assert [output.count(errors=errors) for errors in (False, True)] == [2, 1]
    log.remove()
    assert not list(tmp_path.iterdir())


def test_the_output_takes_little_memory_however_large_it_is(tmp_path: Path) -> None:
    log, size = AnswerLog(tmp_path), 1 << 18
    for number in range(100, 0, -1):
        log.add(number, number % 2 == 0, {"n": number, "text": "x" * size})
        log.flush()
    tracemalloc.start()
    try:
        with log.output() as output:
            written = sum(map(len, output.lines(errors=False)))
        assert written > 50 * size
        assert tracemalloc.get_traced_memory()[1] < 10 * size
    finally:
        tracemalloc.stop()
