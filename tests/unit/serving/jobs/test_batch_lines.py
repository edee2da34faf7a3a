"""Lines of a batch and their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from serving.jobs import batch_lines
from serving.jobs.answer_log import AnswerLog

URL = "/v1/chat/completions"


def line(custom_id: str, **body: Any) -> str:
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": URL, "body": body})


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "in.jsonl"
    path.write_bytes(text.encode())
    return str(path)


def test_lines_are_read_by_their_place_whatever_ends_them(tmp_path: Path) -> None:
    path = written(tmp_path, f"{line('a', n=1)}\r\n\n{line('ü', n=2)}\n{line('c', n=3)}")
    lines, problems = batch_lines.index(path, URL, 10)
    assert not problems
    assert [(one.number, one.custom_id) for one in lines] == [(1, "a"), (3, "ü"), (4, "c")]
    assert [batch_lines.body(path, one) for one in lines] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_more_lines_than_allowed_are_one_problem(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(line(str(number)) for number in range(4)))
    assert len(batch_lines.index(path, URL, 4)[0]) == 4
    lines, [problem] = batch_lines.index(path, URL, 3)
    assert (lines, problem.code) == ([], "too_many_lines")


def test_a_file_full_of_errors_does_not_list_them_all(tmp_path: Path) -> None:
    _, problems = batch_lines.index(written(tmp_path, "x\n" * 10_000), URL, 10**6)
    assert len(problems) == 100


def test_answers_are_given_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    first = AnswerLog(tmp_path)
    for number in (3, 1):
        first.add(number, False, {"n": number, "text": "ü\u2028"})
    first.flush()
    first.add(9, False, {"n": 9})  # never written: it is answered again
    again = AnswerLog(tmp_path)
    assert again.answered() == {1: False, 3: False}
    again.add(2, True, {"n": 2})
    again.add(3, False, {"n": 3, "text": "again"})
    again.flush()
    again.flush()
    with again.output() as output:
        assert [json.loads(row)["n"] for row in output.lines(errors=False)] == [1, 3]
        assert list(output.lines(errors=True)) == [b'{"n": 2}\n']
    again.remove()
    assert AnswerLog(tmp_path).answered() == {}


def test_answers_that_cannot_be_written_are_still_there(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    log.add(1, False, {"n": 1})
    (tmp_path / "answers").rmdir()
    with pytest.raises(FileNotFoundError):
        log.flush()
    (tmp_path / "answers").mkdir()
    log.flush()
    assert log.answered() == {1: False}
