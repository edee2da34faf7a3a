"""The end of a batch: its output files and its last state. Everything here blocks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from pipeline.errors import JobError
from serving.jobs import records
from serving.jobs.answer_log import AnswerLog, Output
from serving.jobs.batch_lines import Line
from serving.jobs.files import Files
from serving.jobs.folders import read, write_state
from serving.jobs.line_answers import output_line
from serving.jobs.records import BatchRecord, BatchState, BatchStatus, LineProblem
from serving.jobs.store import Key, Kind, Store, key_at

_OUTPUTS: Final = ("output", "error")
_LINES_AT_A_TIME: Final = 1000
_MAX_LATE_FAULTS: Final = 20
"""Attempts to end a batch whose time is over, after which it has failed: some ten minutes."""
_NOT_KEPT: Final = LineProblem(
    code="storage",
    message="the time of this batch was over, and its answers could not be written to files:"
    " the log of the service says why",
)


class BatchEnd:
    """Ends batches.

    Args:
        store: Where batches are.
        files: Gets their output.
        on_end: Called with the status of a batch that has ended.
    """

    def __init__(self, store: Store, files: Files, on_end: Callable[[str], None]) -> None:
        self._store = store
        self._files = files
        self._on_end = on_end
        self._late_faults: Counter[Key] = Counter()

    def with_files(
        self,
        key: Key,
        check: Callable[[], None],
        state: BatchState,
        log: AnswerLog,
        status: BatchStatus,
        **more: Any,
    ) -> None:
        """Make files of what was answered, and end the batch.

        Args:
            key: The batch.
            check: Raises `JobError` where another process has taken its lock.
            state: How far it is, finalizing.
            log: What was answered.
            status: How it ends.
            more: Other fields of its state.

        Raises:
            JobError: The lock is lost, another process has ended it, or an answer cannot be read.
            OSError: Something cannot be written.
        """
        state = self._with_moment(key, check, state)
        with log.output() as output:
            keep = partial(_kept, self._files, key, state, output)
            self.end(
                key,
                check,
                state,
                status,
                output_file_id=keep(errors=False),
                error_file_id=keep(errors=True),
                completed=output.count(errors=False),
                failed=output.count(errors=True),
                **more,
            )
        with suppress(OSError, JobError):  # else they go with the batch
            log.remove()

    def _with_moment(self, key: Key, check: Callable[[], None], state: BatchState) -> BatchState:
        """The state with the time that the ids of the output files have.

        That of the first attempt, if it has kept a file; else now: a file is removed `job.kept_s`
        after that time, and this process may go on with the batch days later.
        """
        if any(map(self._store.exists, _keys(key, state))):
            return state
        finalizing = {BatchStatus.FINALIZING.value: time.time()}
        state = state.model_copy(update={"at": state.at | finalizing})
        write_state(self._store.folder(key), state, check)
        return state

    def count_late_fault(self, key: Key, check: Callable[[], None]) -> None:
        """End a batch whose time is over and that was often begun to be ended, in vain.

        It has the output files that were kept until then. Without an end it would never be removed.
        """
        record = self._store.read(key, BatchRecord)
        if record is None or time.time() < record.expires_at:
            return
        self._late_faults[key] += 1
        if self._late_faults[key] < _MAX_LATE_FAULTS:
            return
        state = read(self._store.folder(key) / records.STATE, BatchState) or BatchState()
        output_id, error_id = _kept_ids(self._store, key, state)
        self.end(
            key,
            check,
            state,
            BatchStatus.FAILED,
            output_file_id=output_id,
            error_file_id=error_id,
            problems=(_NOT_KEPT,),
        )

    def end(
        self,
        key: Key,
        check: Callable[[], None],
        state: BatchState,
        status: BatchStatus,
        **more: Any,
    ) -> None:
        """End a batch without files; see `with_files`."""
        write_state(self._store.folder(key), state.reached(status, time.time(), **more), check)
        with suppress(OSError):  # else it goes with the batch
            (self._store.folder(key) / records.CONTENT).unlink()
        self._late_faults.pop(key, None)
        self._on_end(status)


def _keys(batch: Key, state: BatchState) -> list[Key]:
    """Those of the answers and of the errors.

    They follow from the batch: a restart does not keep a file twice.

    Args:
        batch: Whose output it is.
        state: Says when it was begun to be finalized.
    """
    moment = state.at[BatchStatus.FINALIZING]
    return [key_at(batch.owner, Kind.FILE, moment, name) for name in names(batch)]


def names(batch: Key) -> tuple[str, ...]:
    """The last 16 digits of the ids of these files."""
    return tuple(sha256(f"{batch.id} {what}".encode()).hexdigest()[:16] for what in _OUTPUTS)


def _kept(files: Files, batch: Key, state: BatchState, output: Output, *, errors: bool) -> str:
    """Keep an output file.

    Args:
        files: Gets it.
        batch: Whose output it is.
        state: As for `_keys`.
        output: What was answered.
        errors: Whether it is the file of the errors.

    Returns:
        Its id, "" where it would be empty.

    Raises:
        OSError: It cannot be written.
    """
    if not output.count(errors=errors):
        return ""
    file = _keys(batch, state)[errors]
    filename = f"{batch.id}_{_OUTPUTS[errors]}.jsonl"
    files.keep_output(file, filename, output.lines(errors=errors))
    return file.id


def _kept_ids(store: Store, batch: Key, state: BatchState) -> tuple[str, str]:
    """The ids of the two files, "" for one that was not kept.

    Args:
        store: Where files are.
        batch: Whose output it is.
        state: As for `_keys`; without that moment no file was kept.
    """
    if BatchStatus.FINALIZING not in state.at:
        return "", ""
    answers, errors = (file.id if store.exists(file) else "" for file in _keys(batch, state))
    return answers, errors


def add_expired(log: AnswerLog, lines: Sequence[Line]) -> None:
    """Give lines without an answer an error."""
    answered = log.answered()
    message = "the batch's time was over before this request was answered (job.window_s)"
    error = {"code": "batch_expired", "message": message}
    left = (line for line in lines if line.number not in answered)
    while some := list(islice(left, _LINES_AT_A_TIME)):
        for line in some:
            log.add(line.number, True, output_line(line, None, error))
        log.flush()
