"""Puts together what works on jobs, with the readers and replicas of other requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from pipeline.config import Recipe
from pipeline.types import Task
from serving.config import ServeConfig
from serving.http.middleware import LogEntry
from serving.jobs.admission import Admission
from serving.jobs.batch_work import BatchWork
from serving.jobs.batches import Batches
from serving.jobs.document_jobs import DocumentJobs, Reading
from serving.jobs.files import Files
from serving.jobs.line_answers import Answer, LineAnswers
from serving.jobs.ocr_jobs import OcrJobs
from serving.jobs.records import JobRecord
from serving.jobs.runner import Runner, Work
from serving.jobs.slots import Slots
from serving.jobs.sources import Sources
from serving.jobs.store import Kind, Store
from serving.jobs.webhook import Webhook, log_signing, read_secret
from serving.ocr.handler import OcrHandler
from serving.ocr.page_reader import OcrBackend, PageReader, RequestTemplate
from serving.ocr.reader_pool import ReaderPool
from serving.ocr.service import OcrService


@dataclass(frozen=True, slots=True)
class Reports:
    """Who is told what happens.

    Attributes:
        on_end: Called with the kind and the status of a job or a batch that has ended.
        on_line: Called with the log entry of every line of a batch.
    """

    on_end: Callable[[str, str], None]
    on_line: Callable[[LogEntry], None]


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
        files: Answers requests for files.
        batches: Answers requests for batches.
    """

    runner: Runner
    ocr_jobs: OcrJobs | None
    files: Files
    batches: Batches


def build(
    config: ServeConfig, ocr: OcrParts | None, answer: Answer, reports: Reports
) -> JobService | None:
    """Put the service together; None where the operator keeps no jobs.

    Args:
        config: Settings of the service.
        ocr: What reads pages, None where no OCR model is served.
        answer: Answers a chat completion in the background.
        reports: Who is told.

    Raises:
        ConfigError: The secret of webhooks cannot be used.
        JobError: `job.folder` cannot be written.
    """
    if not config.job.folder:
        return None
    store = Store(config.job.folder, config.store, config.job.answer_s)
    admission = Admission(store, config.job)
    slots = Slots(config.job.pages_in_flight, ocr.handler.service.pending if ocr else _none)
    files = Files(store, admission, config)
    on_end = partial(reports.on_end, Kind.BATCH)
    answers = LineAnswers(answer, slots, config.limits.request_s, reports.on_line)
    batch_work = BatchWork(store, files, answers, config, on_end)
    works: dict[Kind, Work] = {Kind.BATCH: batch_work}
    runner = Runner(store, works, config.job)
    batches = Batches(store, files, batch_work, runner, admission, config)
    if ocr is None:
        return JobService(runner, None, files, batches)
    sources = Sources(config.job, config.store, config.limits, ocr.handler.fetcher)
    on_end = partial(reports.on_end, Kind.JOB)
    secret = read_secret(config.job, os.environ)
    log_signing(config.job, secret)
    webhook = Webhook(config.job, secret)
    work = DocumentJobs(store, _reading(ocr, slots), sources, webhook, config.job, on_end)
    works[Kind.JOB] = work
    jobs = OcrJobs(store, work, runner, admission, sources, webhook, ocr.handler, config)
    return JobService(runner, jobs, files, batches)


def _none() -> int:
    return 0


def _reading(ocr: OcrParts, slots: Slots) -> Reading:
    def template(record: JobRecord) -> RequestTemplate:
        task = Task(record.task) if record.task else None
        return ocr.handler.ocr_template(task, record.prompt)[1]

    page_reader = PageReader(ocr.recipe, ocr.backend)
    on_page = partial(ocr.handler.on_page, ocr.handler.names[0])
    return Reading(ocr.recipe, ocr.readers, page_reader, slots, template, on_page)
