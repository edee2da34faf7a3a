"""The routes of jobs, files and batches."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Query, Request
from openai.types import Batch, FileDeleted, FileObject
from starlette.responses import Response

from serving.config import LimitConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.middleware import log_entry
from serving.jobs import requests, results
from serving.jobs.ocr_jobs import OcrJobs
from serving.jobs.responses import OcrJob, OcrJobDeleted, OcrJobList
from serving.jobs.results import ResultFormat
from serving.jobs.service import JobService
from serving.jobs.store import owner_of

_REF: Final = "#/components/schemas/"
_JOB_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": f"{_REF}OcrJobRequest"}},
            "multipart/form-data": {"schema": {"$ref": f"{_REF}OcrJobForm"}},
        },
    }
}
_RESULTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The result.",
        "content": {
            "application/json": {"schema": {"$ref": f"{_REF}OcrDocument"}},
            "application/x-ndjson": {"schema": {"$ref": f"{_REF}OcrPage"}},
            "text/markdown": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_FILE_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": ["batch"]},
                    },
                    "required": ["file", "purpose"],
                }
            }
        },
    }
}
_BATCH_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"{_REF}BatchRequest"}}},
    }
}
_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {"application/jsonl": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_Limit = Annotated[int, Query(ge=1, le=100, description="Maximum entries.")]
_After = Annotated[str, Query(description="The id after which the list begins.")]
_Format = Annotated[
    ResultFormat | None, Query(description="The format. Empty: what Accept says, else json.")
]


def add_routes(app: FastAPI, jobs: JobService | None, limits: LimitConfig) -> None:
    """Add the routes to an application.

    Args:
        app: The application.
        jobs: What they call, None where the operator keeps no jobs: they answer 404.
        limits: Limits of one request.
    """
    routes = _JobRoutes(jobs, limits)
    path = "/v1/ocr/jobs"
    add = partial(app.add_api_route, tags=["OCR"])
    add(path, routes.create, methods=["POST"], status_code=202, openapi_extra=_JOB_BODY)
    add(path, routes.list, methods=["GET"])
    add(path + "/{job_id}", routes.get, methods=["GET"])
    add(path + "/{job_id}", routes.delete, methods=["DELETE"])
    result = path + "/{job_id}/result"
    add(result, routes.result, methods=["GET"], responses=_RESULTS, response_class=Response)
    add = partial(app.add_api_route, tags=["OpenAI"])
    files = _FileRoutes(jobs)
    add("/v1/files", files.create, methods=["POST"], openapi_extra=_FILE_BODY)
    add("/v1/files", files.list, methods=["GET"])
    add("/v1/files/{file_id}", files.get, methods=["GET"])
    add("/v1/files/{file_id}", files.delete, methods=["DELETE"])
    content = "/v1/files/{file_id}/content"
    add(content, files.content, methods=["GET"], responses=_CONTENT, response_class=Response)
    batches = _BatchRoutes(jobs)
    add("/v1/batches", batches.create, methods=["POST"], openapi_extra=_BATCH_BODY)
    add("/v1/batches", batches.list, methods=["GET"])
    add("/v1/batches/{batch_id}", batches.get, methods=["GET"])
    add("/v1/batches/{batch_id}/cancel", batches.cancel, methods=["POST"])


class _JobRoutes:
    """The routes of jobs, each a method."""

    def __init__(self, jobs: JobService | None, limits: LimitConfig) -> None:
        self._all = jobs
        self._limits = limits

    async def create(self, request: Request) -> OcrJob:
        """Make a job of a long document: its pages are read when other requests leave time.

        The document comes as for `/v1/ocr`, or as the URI of an object that the operator allows.
        """
        jobs = self._jobs()
        parsed = await requests.parse(request, self._limits)
        job = await jobs.create(_owner(request), parsed)
        log_entry(request.scope).fields["job"] = job.id
        return job

    async def list(self, request: Request, limit: _Limit = 20, after: _After = "") -> OcrJobList:
        """The jobs of this key, the newest first."""
        return await self._jobs().list(_owner(request), after, limit)

    async def get(self, request: Request, job_id: str) -> OcrJob:
        """How far a job is."""
        return await self._jobs().get(_owner(request), job_id)

    async def delete(self, request: Request, job_id: str) -> OcrJobDeleted:
        """Cancel a job and remove it with its result."""
        return await self._jobs().delete(_owner(request), job_id)

    async def result(
        self,
        request: Request,
        job_id: str,
        format: _Format = None,  # noqa: A002 - its name
    ) -> Response:
        """The result of a job that is completed: JSON as from `/v1/ocr`, or another format.

        NDJSON has a line for each page, Markdown the text of all pages, and Parquet the rows of the
        batch job's output.
        """
        jobs = self._jobs()
        wanted = format or results.choose(request.headers.get("accept", "*/*"))
        return await jobs.result(_owner(request), job_id, wanted)

    def _jobs(self) -> OcrJobs:
        jobs = _kept(self._all).ocr_jobs
        if jobs is None:
            raise ApiError(404, "model_not_found", "this service has no OCR model")
        return jobs


class _FileRoutes:
    """The routes of files, each a method."""

    def __init__(self, jobs: JobService | None) -> None:
        self._all = jobs

    async def create(self, request: Request) -> FileObject:
        """Keep a file with the lines of a batch."""
        return await _kept(self._all).files.create(_owner(request), request)

    async def list(
        self,
        request: Request,
        purpose: Annotated[str, Query(description="Only files with it.")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000, description="Maximum entries.")] = 10_000,
        after: _After = "",
        order: Annotated[Literal["asc", "desc"], Query(description="By their time.")] = "desc",
    ) -> dict[str, Any]:
        """The files of this key."""
        newest_first = order == "desc"
        files, owner = _kept(self._all).files, _owner(request)
        return await files.list(owner, purpose, after, limit, newest_first=newest_first)

    async def get(self, request: Request, file_id: str) -> FileObject:
        """What is known of a file."""
        return await _kept(self._all).files.get(_owner(request), file_id)

    async def content(self, request: Request, file_id: str) -> Response:
        """The bytes of a file."""
        return await _kept(self._all).files.content(_owner(request), file_id)

    async def delete(self, request: Request, file_id: str) -> FileDeleted:
        """Remove a file. A batch that has been made of it goes on."""
        return await _kept(self._all).files.delete(_owner(request), file_id)


class _BatchRoutes:
    """The routes of batches, each a method."""

    def __init__(self, jobs: JobService | None) -> None:
        self._all = jobs

    async def create(self, request: Request) -> Batch:
        """Answer the lines of a file, each as `/v1/chat/completions` would."""
        batches = _kept(self._all).batches
        return await batches.create(_owner(request), await bodies.json_body(request))

    async def list(
        self, request: Request, limit: _Limit = 20, after: _After = ""
    ) -> dict[str, Any]:
        """The batches of this key, the newest first."""
        return await _kept(self._all).batches.list(_owner(request), after, limit)

    async def get(self, request: Request, batch_id: str) -> Batch:
        """How far a batch is."""
        return await _kept(self._all).batches.get(_owner(request), batch_id)

    async def cancel(self, request: Request, batch_id: str) -> Batch:
        """Answer no more lines of a batch. What was answered is kept."""
        return await _kept(self._all).batches.cancel(_owner(request), batch_id)


def _kept(jobs: JobService | None) -> JobService:
    if jobs is None:
        raise jobs_are_off()
    return jobs


def jobs_are_off() -> ApiError:
    """The error for a service that keeps nothing."""
    message = "this service keeps no jobs and files: its operator can set job.folder"
    return ApiError(404, "jobs_off", message)


def _owner(request: Request) -> str:
    return owner_of(log_entry(request.scope).caller)
