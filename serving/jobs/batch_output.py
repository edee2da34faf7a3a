"""The output files of a batch: their identity, and what they have. Everything here blocks."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from serving.jobs.answer_log import AnswerLog, Output
from serving.jobs.batch_lines import Line
from serving.jobs.files import Files
from serving.jobs.line_answers import output_line
from serving.jobs.records import BatchState, BatchStatus
from serving.jobs.store import Key, Kind, key_at

_OUTPUTS: Final = ("output", "error")
_LINES_AT_A_TIME: Final = 1000


def keys(batch: Key, state: BatchState) -> list[Key]:
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


def keep(files: Files, batch: Key, state: BatchState, output: Output, *, errors: bool) -> str:
    """Keep an output file.

    Args:
        files: Gets it.
        batch: Whose output it is.
        state: As for `keys`.
        output: What was answered.
        errors: Whether it is the file of the errors.

    Returns:
        Its id, "" where it would be empty.

    Raises:
        OSError: It cannot be written.
    """
    if not output.count(errors=errors):
        return ""
    file = keys(batch, state)[errors]
    filename = f"{batch.id}_{_OUTPUTS[errors]}.jsonl"
    files.keep_output(file, filename, output.lines(errors=errors))
    return file.id


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
