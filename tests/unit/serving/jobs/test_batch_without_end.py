"""Batches whose end fails: they end nevertheless, and are removed some time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.config import StoreConfig
from pipeline.storage.paths import AnyPath
from serving.config import ServeConfig
from serving.jobs import batch_end, files, records
from serving.jobs.answer_log import AnswerLog
from serving.jobs.batch_work import BatchWork
from serving.jobs.files import Files
from serving.jobs.folders import write_bytes
from serving.jobs.records import BatchRecord, Problem
from serving.jobs.store import Key, Kind, Store, new_key

UNUSED = cast(Any, None)
URL = "/v1/chat/completions"
FULL = Problem(code="storage_full", message="full")


def held() -> None:
    """The check of a lock that is ours."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), StoreConfig())


@pytest.fixture
def work(store: Store) -> BatchWork:
    config = ServeConfig()
    return BatchWork(store, Files(store, UNUSED, config), UNUSED, config, lambda status: None)


def batch(store: Store, *, is_late: bool) -> Key:
    """A batch of two lines, both answered, the second by an error."""
    key = new_key("anna", Kind.BATCH)
    expires_at = time.time() + (-1 if is_late else 1000)
    record = BatchRecord(
        input_file_id="f", endpoint=URL, completion_window="24h", expires_at=expires_at
    )
    lines = [
        json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": {}}) for name in "ab"
    ]
    write_bytes(store.make_folder(key) / records.CONTENT, "\n".join(lines).encode())
    store.create(key, record)
    log = AnswerLog(store.folder(key))
    log.add(1, False, {"n": 1})
    log.add(2, True, {"n": 2})
    log.flush()
    return key


def fill(monkeypatch: pytest.MonkeyPatch, *, kept: int) -> None:
    """Let the disk be full when so many more files have been kept."""
    write, left = files.write_pieces, [None] * kept

    def full(path: AnyPath, pieces: Iterable[bytes]) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        return write(path, pieces)

    monkeypatch.setattr(files, "write_pieces", full)


async def tried(work: BatchWork, key: Key, times: int) -> None:
    for _ in range(times):
        with pytest.raises(OSError, match="No space"):
            await work.run(key, held)


async def test_a_batch_whose_input_is_gone_fails_with_what_was_answered(
    store: Store, work: BatchWork
) -> None:
    key = batch(store, is_late=False)
    (store.folder(key) / records.CONTENT).unlink()
    await work.run(key, held)
    state = work.state(key)
    assert (state.status, [problem.code for problem in state.problems]) == (
        "failed",
        ["input_file_gone"],
    )
    content = store.folder(Key("anna", state.output_file_id)) / records.CONTENT
    assert json.loads(content.read_bytes()) == {"n": 1}
    assert work.ended_at(key)


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_batch_that_cannot_be_ended_fails_when_its_time_is_over(
    store: Store, work: BatchWork, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    key = batch(store, is_late=True)
    fill(monkeypatch, kept=kept)
    await tried(work, key, batch_end._MAX_LATE_FAULTS - 1)
    assert work.ended_at(key) is None
    await tried(work, key, 1)
    state = work.state(key)
    assert (state.status, [problem.code for problem in state.problems]) == ("failed", ["storage"])
    assert [state.output_file_id] * kept == [file.id for file in store.keys("anna", Kind.FILE)]
    assert not state.error_file_id


async def test_a_batch_whose_time_is_not_over_is_tried_on(
    store: Store, work: BatchWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = batch(store, is_late=False)
    with monkeypatch.context() as full:
        fill(full, kept=0)
        await tried(work, key, batch_end._MAX_LATE_FAULTS + 1)
    assert work.ended_at(key) is None
    await work.run(key, held)
    assert (work.state(key).status, work.state(key).completed) == ("completed", 1)


def test_a_batch_that_cannot_fail_with_its_answers_fails_without(
    store: Store, work: BatchWork
) -> None:
    key = batch(store, is_late=True)
    write_bytes(store.folder(key) / "answers" / "z.jsonl", b"damaged")
    for _ in range(batch_end._MAX_LATE_FAULTS):
        assert work.ended_at(key) is None
        with pytest.raises(ValueError, match="Expecting value"):
            work.fail(key, FULL, held)
    assert work.state(key).status == "failed"
