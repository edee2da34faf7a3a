"""Puts together what works on jobs, with the readers and replicas of other requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from pipeline.config import Recipe
from pipeline.types import Recognition, Task
from serving.config import ServeConfig
from serving.http.middleware import LogEntry
from serving.jobs.admission import Admission
from serving.jobs.document_jobs import DocumentJobs, Reading
from serving.jobs.ocr_jobs import OcrJobs
from serving.jobs.records import JobRecord
from serving.jobs.runner import Runner, Work
from serving.jobs.slots import Slots
from serving.jobs.sources import Sources
from serving.jobs.store import Kind, Store
from serving.jobs.webhook import Webhook
from serving.ocr.handler import OcrHandler
from serving.ocr.page_reader import OcrBackend, PageReader, RequestTemplate
from serving.ocr.reader_pool import ReaderPool
from serving.ocr.service import OcrService

Answer = Callable[[dict[str, Any], LogEntry, float], Awaitable[Response]]
"""Answers a chat completion: its body, an entry for its counts, and its deadline."""


@dataclass(frozen=True, slots=True)
class OcrParts:
    """What reads pages, for all requests.

    Attributes:
        handler: Answers other requests.
        readers: Opens documents and renders pages.
        backend: Runs the engine.
    """

    handler: OcrHandler
    readers: ReaderPool
    backend: OcrBackend

    @property
    def recipe(self) -> Recipe:
        """How pages are read."""
        return self.handler.recipe

    def in_background(self) -> OcrHandler:
        """A handler whose pages do not count as those of other requests, and go one by one."""
        limits = self.handler.config.limits.model_copy(update={"pages_in_flight": 1})
        service = OcrService(self.recipe, self.readers, self.backend, limits)
        return replace(self.handler, service=service)


@dataclass(frozen=True, slots=True)
class JobService:
    """All that is kept and worked on.

    Attributes:
        runner: Works on it.
        ocr_jobs: Answers requests for jobs, None where no OCR model is served.
    """

    runner: Runner
    ocr_jobs: OcrJobs | None


def build(
    config: ServeConfig,
    ocr: OcrParts | None,
    answer: Answer,
    on_end: Callable[[str, str], None],
) -> JobService | None:
    """Put the service together; None where the operator keeps no jobs.

    Args:
        config: Settings of the service.
        ocr: What reads pages, None where no OCR model is served.
        answer: Answers a chat completion in the background.
        on_end: Called with the kind and the status of what has ended.

    Raises:
        JobError: `jobs.folder` cannot be written.
    """
    if not config.jobs.folder:
        return None
    store = Store(config.jobs.folder, config.store)
    admission = Admission(store, config.jobs)
    works: dict[Kind, Work] = {}
    if ocr is None:
        return JobService(Runner(store, works, config.jobs), None)
    slots = Slots(config.jobs.pages_in_flight, ocr.handler.service.pending)
    sources = Sources(config.jobs, config.store, config.limits, ocr.handler.fetcher)
    work = DocumentJobs(
        store,
        _reading(ocr, slots),
        sources,
        config.jobs,
        lambda status: on_end(Kind.JOB, status),
    )
    works[Kind.JOB] = work
    runner = Runner(store, works, config.jobs)
    webhook = Webhook(config.jobs)
    jobs = OcrJobs(store, work, runner, admission, sources, webhook, ocr.handler, config)
    return JobService(runner, jobs)


def _reading(ocr: OcrParts, slots: Slots) -> Reading:
    def template(record: JobRecord) -> RequestTemplate:
        task = Task(record.task) if record.task else None
        return ocr.handler.ocr_template(task, record.prompt)[1]

    def on_page(recognition: Recognition) -> None:
        ocr.handler.on_page(ocr.handler.names[0], recognition)

    page_reader = PageReader(ocr.recipe, ocr.backend)
    return Reading(ocr.recipe, ocr.readers, page_reader, slots, template, on_page)
