"""Answers the lines of batches: each as the endpoint itself would, behind other requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.errors import JobError, RayscribeError
from serving.config import ServeConfig
from serving.jobs import batch_end, batch_lines, records
from serving.jobs.answer_log import AnswerLog
from serving.jobs.batch_end import BatchEnd
from serving.jobs.batch_lines import Line
from serving.jobs.files import Files
from serving.jobs.folders import on_disk, read, write_bytes, write_state
from serving.jobs.line_answers import LineAnswers
from serving.jobs.records import (
    BatchRecord,
    BatchState,
    BatchStatus,
    LineProblem,
    Problem,
)
from serving.jobs.repeat import in_thread, repeated
from serving.jobs.store import Key, Kind, Store
from serving.jobs.store_calls import to_thread
from serving.ocr import bounded_tasks

_INPUT_GONE: Final = Problem(
    code="input_file_gone",
    message="the service has lost the input file of this batch; send what has no answer again",
)


@dataclass(slots=True)
class _Live:
    """A batch that this process works on."""

    check: Callable[[], None]
    state: BatchState
    stop: asyncio.Event
    loop: asyncio.AbstractEventLoop


class BatchWork:
    """The work on batches, see `serving.jobs.runner.Work`.

    Args:
        store: Where batches are.
        files: Gets their output.
        answers: Answers a line.
        config: Settings of the service.
        on_end: Called with the status of a batch that has ended.
    """

    def __init__(
        self,
        store: Store,
        files: Files,
        answers: LineAnswers,
        config: ServeConfig,
        on_end: Callable[[str], None],
    ) -> None:
        self._store = store
        self._answers = answers
        self._config = config
        self._flush_s = config.job.flush_s
        self._ending = BatchEnd(store, files, on_end)
        self._live: dict[Key, _Live] = {}

    def state(self, key: Key) -> BatchState:
        """How far a batch is. Blocks."""
        live = self._live.get(key)
        if live is not None:
            return live.state
        return read(self._store.folder(key) / records.STATE, BatchState) or BatchState()

    def ended_at(self, key: Key) -> float | None:
        """See `Work`."""
        state = self.state(key)
        return state.at[state.status] if state.status.has_ended else None

    def cancel(self, key: Key) -> None:
        """Stop a batch, whichever process works on it. Blocks."""
        write_bytes(self._store.folder(key) / records.CANCEL, b"1")
        live = self._live.get(key)
        if live is not None:
            live.loop.call_soon_threadsafe(live.stop.set)

    def is_cancelled(self, key: Key) -> bool:
        """Whether it has been stopped. Blocks."""
        return (self._store.folder(key) / records.CANCEL).exists()

    def fail(self, key: Key, problem: Problem, check: Callable[[], None]) -> None:
        """See `Work`. What was answered until then is kept in the output files."""
        state = self.state(key)
        if state.status.has_ended:
            return
        state = state.reached(BatchStatus.FINALIZING, time.time())
        problems = (LineProblem(code=problem.code, message=problem.message),)
        try:
            log = AnswerLog(self._store.folder(key))
            self._ending.with_files(key, check, state, log, BatchStatus.FAILED, problems=problems)
        except Exception:
            self._ending.count_late_fault(key, check)
            raise

    def is_read(self, key: Key) -> bool:
        """See `Work`: nothing is left of a batch that has ended."""
        return False

    def awaits(self, key: Key) -> bool:
        """See `Work`: an output file whose batch has not ended."""
        for batch in self._store.keys(key.owner, Kind.BATCH):
            if key.id.endswith(batch_end.names(batch)):
                return self.ended_at(batch) is None
        return False

    async def run(self, key: Key, check: Callable[[], None]) -> None:
        """See `Work`."""
        state = await to_thread(self.state, key)
        live = _Live(check, state, asyncio.Event(), asyncio.get_running_loop())
        self._live[key] = live
        try:
            if await to_thread(self.is_cancelled, key):
                live.stop.set()
            record = await to_thread(self._store.read, key, BatchRecord)
            if record is not None:
                await self._run_to_its_end(key, live, record)
        finally:
            del self._live[key]

    async def _run_to_its_end(self, key: Key, live: _Live, record: BatchRecord) -> None:
        content = self._store.folder(key) / records.CONTENT
        if not await to_thread(content.exists):
            await in_thread(self.fail, key, _INPUT_GONE, live.check)
            return
        try:
            async with on_disk(content) as path:
                await self._run(key, live, record, path)
        except (RayscribeError, OSError):
            await in_thread(self._ending.count_late_fault, key, live.check)
            raise

    async def _run(self, key: Key, live: _Live, record: BatchRecord, path: str) -> None:
        limit = self._config.job.max_lines
        lines, problems = await to_thread(batch_lines.index, path, record.endpoint, limit)
        if problems:
            more = {"problems": tuple(problems)}
            await in_thread(
                self._ending.end, key, live.check, live.state, BatchStatus.FAILED, **more
            )
            return
        log = await to_thread(AnswerLog, self._store.folder(key))
        answered = await to_thread(log.answered)
        failed = sum(answered.values())
        counts = {"total": len(lines), "completed": len(answered) - failed, "failed": failed}
        live.state = live.state.reached(BatchStatus.IN_PROGRESS, time.time(), **counts)
        todo = [line for line in lines if line.number not in answered]
        status = await self._answer_all(key, live, log, path, todo, record.expires_at)
        live.state = live.state.reached(BatchStatus.FINALIZING, time.time())
        await in_thread(self._finish, key, live, log, lines, status)

    async def _answer_all(
        self,
        key: Key,
        live: _Live,
        log: AnswerLog,
        path: str,
        todo: Sequence[Line],
        expires_at: float,
    ) -> BatchStatus:
        """Answer lines until all are answered, it is cancelled, or its time is over."""
        left_s = expires_at - time.time()
        if live.stop.is_set() or left_s <= 0:
            return BatchStatus.CANCELLED if live.stop.is_set() else BatchStatus.EXPIRED
        answering = asyncio.ensure_future(self._answer_lines(live, log, path, todo))
        stopping = asyncio.ensure_future(live.stop.wait())
        tasks = answering, stopping
        try:
            async with repeated(partial(self._save_live, key, live, log), self._flush_s):
                await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
                return BatchStatus.COMPLETED
            return BatchStatus.CANCELLED if live.stop.is_set() else BatchStatus.EXPIRED
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await to_thread(log.flush)

    async def _answer_lines(
        self, live: _Live, log: AnswerLog, path: str, todo: Sequence[Line]
    ) -> None:
        tasks = (partial(self._answers.answer, path, line) for line in todo)
        count = self._config.job.pages_in_flight
        async with aclosing(bounded_tasks.as_completed(tasks, count)) as answers:
            async for number, is_error, answer in answers:
                log.add(number, is_error, answer)
                state = live.state
                live.state = state.model_copy(
                    update={
                        "completed": state.completed + (not is_error),
                        "failed": state.failed + is_error,
                    }
                )

    async def _save_live(self, key: Key, live: _Live, log: AnswerLog) -> None:
        """Write answers and the state, and look whether another process has cancelled it."""
        # The next time may succeed; where the lock is lost the runner ends this.
        with suppress(OSError, JobError):
            await to_thread(live.check)
            await to_thread(log.flush)
            await to_thread(write_state, self._store.folder(key), live.state, live.check)
            if await to_thread(self.is_cancelled, key):
                live.stop.set()

    # --- the end

    def _finish(
        self,
        key: Key,
        live: _Live,
        log: AnswerLog,
        lines: Sequence[Line],
        status: BatchStatus,
    ) -> None:
        """End a batch whose lines are answered, or are not answered any more.

        Raises:
            JobError: It would be completed without an answer to each line.
        """
        if status is BatchStatus.EXPIRED:
            batch_end.add_expired(log, lines)
        if status is BatchStatus.COMPLETED:
            missing = {line.number for line in lines} - log.answered().keys()
            if missing:
                raise JobError(f"{key.id}: {len(missing)} answers are not in its files; once more")
        self._ending.with_files(key, live.check, live.state, log, status)
