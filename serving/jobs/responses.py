"""Answers of `/v1/ocr/jobs`, with a description of every field. Pure."""

from __future__ import annotations

from typing import Literal

from serving.jobs.records import JobRecord, JobState, JobStatus, Telling
from serving.jobs.store import Key
from serving.ocr.document_response import ResponseModel


class OcrJobPages(ResponseModel):
    """The pages of a job."""

    total: int | None
    """Pages that are wanted; null until the document was opened."""
    done: int
    """Pages that were read, or could not be."""
    failed: int
    """Pages among them that could not be read."""


class OcrJobError(ResponseModel):
    """Why a job failed."""

    code: str
    """What is wrong, as a word for programs."""
    message: str
    """What is wrong."""


class OcrJob(ResponseModel):
    """A job. Times are Unix time in seconds."""

    id: str
    """Its id."""
    object: Literal["ocr.job"]
    """Always `ocr.job`."""
    status: JobStatus
    """queued, running, completed (every page has a result) or failed."""
    filename: str
    """Name of the document; empty where it has none."""
    media_type: str | None
    """Media type of the document; null until it was opened."""
    page_count: int | None
    """Pages of the document, wanted or not; null until it was opened."""
    pages: OcrJobPages
    """How many of the wanted pages are done."""
    seconds_left: float | None
    """Estimate of the time until it has ended; null where nothing was measured yet."""
    created_at: int
    """When it was made."""
    started_at: int | None
    """When it was begun; null while it waits."""
    ended_at: int | None
    """When it ended; null until then."""
    expires_at: int | None
    """When it is removed with its result; null until it has ended."""
    error: OcrJobError | None
    """Why it failed; null where it did not."""
    webhook: Telling | None
    """Whether `webhook_url` was told of the end: pending, told or given_up (it never answered with
    2xx); null where there is none, or the job has not ended."""


class OcrJobList(ResponseModel):
    """Jobs, the newest first."""

    object: Literal["list"]
    """Always `list`."""
    data: list[OcrJob]
    """The jobs."""
    has_more: bool
    """Whether there are older ones; ask with `after` set to the last id."""


class OcrJobDeleted(ResponseModel):
    """A job that was removed."""

    id: str
    """Its id."""
    object: Literal["ocr.job"]
    """Always `ocr.job`."""
    deleted: Literal[True]
    """Always true."""


def job(key: Key, record: JobRecord, state: JobState, kept_s: float) -> OcrJob:
    """The answer for a job.

    Args:
        key: Its identity.
        record: What was requested.
        state: How far it is.
        kept_s: Seconds that it is kept after its end.
    """
    problem = state.problem
    return OcrJob(
        id=key.id,
        object="ocr.job",
        status=state.status,
        filename=record.filename,
        media_type=state.media_type or None,
        page_count=state.page_count or None,
        pages=OcrJobPages(total=state.total or None, done=state.done, failed=state.failed),
        seconds_left=_seconds_left(state),
        created_at=int(key.created_at),
        started_at=int(state.started_at) or None,
        ended_at=int(state.ended_at) or None,
        expires_at=int(state.ended_at + kept_s) if state.ended_at else None,
        error=OcrJobError(code=problem.code, message=problem.message) if problem else None,
        webhook=state.webhook,
    )


def _seconds_left(state: JobState) -> float | None:
    if state.status.has_ended:
        return 0.0
    if not state.pages_per_s:
        return None
    return round((state.total - state.done) / state.pages_per_s, 1)
