"""The answers of a batch on disk."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from pipeline.storage.paths import AnyPath
from serving.jobs import answer_log
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


def test_a_write_that_was_given_up_and_lands_late_removes_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up: list[tuple[AnyPath, bytes]] = []
    write = answer_log.write_bytes

    def times_out(path: AnyPath, content: bytes) -> None:
        given_up.append((path, content))
        raise TimeoutError

    log = AnswerLog(tmp_path)
    log.add(1, False, {"n": 1})
    monkeypatch.setattr(answer_log, "write_bytes", times_out)
    with pytest.raises(TimeoutError):
        log.flush()
    monkeypatch.setattr(answer_log, "write_bytes", write)
    log.add(2, False, {"n": 2})
    log.flush()
    [(path, content)] = given_up
    write(path, content)
    assert log.answered() == {1: False, 2: False}


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
