"""The routes of jobs, files and batches."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from serving.config import LimitConfig
from serving.errors import ApiError
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
    add = app.add_api_route
    add(path, routes.create, methods=["POST"], status_code=202, openapi_extra=_JOB_BODY)
    add(path, routes.list, methods=["GET"])
    add(path + "/{job_id}", routes.get, methods=["GET"])
    add(path + "/{job_id}", routes.delete, methods=["DELETE"])
    result = path + "/{job_id}/result"
    add(result, routes.result, methods=["GET"], responses=_RESULTS, response_class=Response)


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
        if self._all is None:
            raise jobs_are_off()
        if self._all.ocr_jobs is None:
            raise ApiError(404, "model_not_found", "this service has no OCR model")
        return self._all.ocr_jobs


def jobs_are_off() -> ApiError:
    """The error for a service that keeps nothing."""
    message = "this service keeps no jobs and files: its operator can set jobs.folder"
    return ApiError(404, "jobs_off", message)


def _owner(request: Request) -> str:
    return owner_of(log_entry(request.scope).caller)
