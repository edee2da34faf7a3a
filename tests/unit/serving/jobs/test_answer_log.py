"""The answers of a batch on disk."""

from __future__ import annotations

import json
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
    answers, errors = log.files()
    assert [json.loads(line)["n"] for line in answers.splitlines()] == [2, 11]
    assert [json.loads(line) for line in errors.splitlines()] == [{"n": 3}]
    log.remove()
    assert not list(tmp_path.iterdir())
