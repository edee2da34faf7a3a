"""Answers requests to `/v1/ocr/jobs`. Independent of HTTP's routes and of Ray."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.responses import Response, StreamingResponse

from serving.config import ServeConfig
from serving.errors import ApiError
from serving.jobs import listing, records, responses, store_calls
from serving.jobs.admission import Admission
from serving.jobs.document_jobs import DocumentJobs
from serving.jobs.folders import write_bytes
from serving.jobs.records import JobRecord, JobState, JobStatus
from serving.jobs.requests import ParsedJobRequest
from serving.jobs.responses import OcrJob, OcrJobDeleted, OcrJobList
from serving.jobs.results import MEDIA_TYPES, Result, ResultFormat
from serving.jobs.runner import Runner
from serving.jobs.sources import Sources
from serving.jobs.store import Key, Kind, Store, new_key
from serving.jobs.webhook import Webhook
from serving.ocr.handler import OcrHandler

_RETRY_S: Final = 5.0
_MAX_NAME_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class OcrJobs:
    """The jobs of all owners.

    Attributes:
        store: Where they are.
        work: Knows how far they are.
        runner: Works on them.
        admission: How many an owner may have.
        sources: Which URIs are fetched.
        webhook: Which hosts are told.
        ocr: The OCR model.
        config: Settings of the service.
    """

    store: Store
    work: DocumentJobs
    runner: Runner
    admission: Admission
    sources: Sources
    webhook: Webhook
    ocr: OcrHandler
    config: ServeConfig

    async def create(self, owner: str, request: ParsedJobRequest) -> OcrJob:
        """Make a job. It has survived a restart as soon as this returns.

        Raises:
            ApiError: 400: the request is wrong, 404: it names another model, 429: the owner has its
                maximum.
        """
        asked = request.ocr
        if asked.model not in ("", *self.ocr.names):
            raise ApiError(404, "model_not_found", "there is no such OCR model", param="model")
        self.ocr.ocr_template(asked.task, asked.prompt)
        if asked.document.url is not None:
            self.sources.check(asked.document.url, asked.document.param)
        if request.webhook_url:
            self.webhook.check(request.webhook_url, "webhook_url")
        record = JobRecord(
            model=asked.model,
            filename=asked.document.filename[:_MAX_NAME_CHARS],
            ranges=asked.pages.ranges,
            task=asked.task or "",
            prompt=asked.prompt,
            recipe_hash=self.ocr.recipe.hash(),
            webhook_url=request.webhook_url,
        )
        key = new_key(owner, Kind.JOB)
        size_bytes = len(asked.document.data or b"")
        async with self.admission.admitted(owner, Kind.JOB, size_bytes):
            await store_calls.done(self._write, key, record, request)
        self.runner.wake()
        return self._answer(key, record, JobState())

    def _write(self, key: Key, record: JobRecord, request: ParsedJobRequest) -> None:
        folder, upload = self.store.make_folder(key), request.ocr.document
        if upload.data is not None:
            write_bytes(folder / records.DOCUMENT, upload.data)
        else:
            write_bytes(folder / records.SOURCE, (upload.url or "").encode())
        if request.ocr.password:
            write_bytes(folder / records.PASSWORD, request.ocr.password.encode())
        self.store.create(key, record)

    async def get(self, owner: str, job_id: str) -> OcrJob:
        """How far a job is.

        Raises:
            ApiError: 404: the owner has no such job.
        """
        return self._answer(*await self.store.asked(self._found, owner, job_id))

    async def list(self, owner: str, after: str, limit: int) -> OcrJobList:
        """The owner's jobs, the newest first.

        Args:
            owner: Whose.
            after: The id after which the list begins, "" for its start.
            limit: Maximum jobs.
        """
        keys = await self.store.asked(self.store.keys, owner, Kind.JOB)
        chosen, has_more = listing.page(keys, after, limit)
        found = await self.store.asked(lambda: [self._read(key) for key in chosen])
        jobs = [self._answer(*job) for job in found if job is not None]
        return OcrJobList(object="list", data=jobs, has_more=has_more)

    async def delete(self, owner: str, job_id: str) -> OcrJobDeleted:
        """Cancel a job and remove it with its result.

        Raises:
            ApiError: 404: the owner has no such job.
        """
        key, _, _ = await self.store.asked(self._found, owner, job_id)
        await store_calls.done(self.store.remove_record, key)
        await self.runner.end(key)
        await store_calls.done(self.store.remove_data, key)
        return OcrJobDeleted(id=key.id, object="ocr.job", deleted=True)

    async def result(self, owner: str, job_id: str, wanted: ResultFormat) -> Response:
        """The result of a job.

        Raises:
            ApiError: 404: the owner has no such job; 409: it has not ended, or has failed; 503: the
                store does not answer.
        """
        key, _, state = await self.store.asked(self._found, owner, job_id)
        if state.problem is not None:
            raise ApiError(409, "job_failed", f"{state.problem.code}: {state.problem.message}")
        if state.status is not JobStatus.COMPLETED:
            message = f"{state.done} of {state.total or '?'} pages are done; ask for the status"
            raise ApiError(409, "job_not_ended", message, retry_after_s=_RETRY_S)
        begun = partial(self._begun, key, state, wanted)
        try:
            pieces, first = await store_calls.asked_in_steps(self.config.job.answer_s, begun)
        except FileNotFoundError:
            raise _not_found() from None  # removed just now
        content = store_calls.streamed(first, pieces)
        return StreamingResponse(content, media_type=MEDIA_TYPES[wanted])

    def _begun(
        self, key: Key, state: JobState, wanted: ResultFormat, on_read: Callable[[], object]
    ) -> tuple[Generator[bytes, None, None], bytes]:
        """A result, and its first piece: what cannot be read is an error by then."""
        folder = self.store.folder(key) / "pages"
        result = Result(folder, self.config.ocr.page_separator, on_read)
        pieces = store_calls.guarded(
            result.write(wanted, self.ocr.names[0], state.media_type, state.page_count)
        )
        return pieces, next(pieces, b"")

    def _found(self, owner: str, job_id: str) -> tuple[Key, JobRecord, JobState]:
        key = self.store.find(owner, job_id, Kind.JOB)
        found = self._read(key) if key else None
        if found is None:
            raise _not_found()
        return found

    def _read(self, key: Key) -> tuple[Key, JobRecord, JobState] | None:
        record = self.store.read(key, JobRecord)
        return None if record is None else (key, record, self.work.state(key))

    def _answer(self, key: Key, record: JobRecord, state: JobState) -> OcrJob:
        return responses.job(key, record, state, self.config.job.kept_s)


def _not_found() -> ApiError:
    return ApiError(404, "job_not_found", "there is no such job: it may have expired")
