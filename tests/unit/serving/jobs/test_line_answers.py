"""Answers to lines of a batch."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from serving.http.middleware import LogEntry
from serving.jobs import batch_lines
from serving.jobs.line_answers import LineAnswers
from serving.jobs.slots import Slots

URL = "/v1/chat/completions"


async def test_a_line_is_read_in_a_thread_that_is_for_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, threads, read = tmp_path / "in.jsonl", list[str](), batch_lines.body
    path.write_text(json.dumps({"custom_id": "a", "method": "POST", "url": URL, "body": {"n": 1}}))

    def watched(*where: Any) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return read(*where)

    async def respond(body: dict[str, Any], entry: LogEntry, deadline_s: float) -> Response:
        return JSONResponse(body)

    monkeypatch.setattr(batch_lines, "body", watched)
    [line], _ = batch_lines.index(str(path), URL, 10)
    answers = LineAnswers(respond, Slots(1, lambda: 0), 20, lambda entry: None)
    number, is_error, written = await answers.answer(str(path), line)
    assert (number, is_error, written["response"]["body"]) == (1, False, {"n": 1})
    assert [name.startswith("rayscribe-store") for name in threads] == [True]
