"""Reads the documents of jobs: the output of a batch job with one document, page by page.

A job's folder has shards with its rows, which are the ledger too (`pipeline.output.completed`), and
a receipt. Its pages take the way of other requests: the same readers and replicas.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from pipeline.config import OutputConfig, Recipe
from pipeline.engines.recipe import engine_and_model
from pipeline.errors import ErrorKind, JobError, RecordedError
from pipeline.job.stages.settled import SettledRows
from pipeline.output import shards
from pipeline.output.rows import pages_table
from pipeline.output.totals import PlanSummary
from pipeline.recognition.recognise import failed
from pipeline.recognition.result import page_result
from pipeline.storage.paths import AnyPath
from pipeline.types import PageResult, Recognition, Route, Status
from serving.config import JobConfig
from serving.errors import ApiError
from serving.jobs import job_plan, job_receipt, records, telling
from serving.jobs.folders import on_disk, read, write_state
from serving.jobs.job_plan import JobPlan
from serving.jobs.patience import ModelUnavailableError, Patience, patiently
from serving.jobs.records import JobRecord, JobState, JobStatus, Problem, Telling
from serving.jobs.repeat import in_thread, repeated
from serving.jobs.slots import Slots
from serving.jobs.sources import Sources
from serving.jobs.store import Key, Store
from serving.jobs.store_calls import to_thread
from serving.jobs.webhook import Webhook
from serving.ocr import bounded_tasks
from serving.ocr.page_reader import PageReader, RequestTemplate, page_ref
from serving.ocr.reader_pool import OpenDocument, ReaderPool


@dataclass(frozen=True, slots=True)
class Reading:
    """How pages of jobs are read.

    Attributes:
        recipe: Of the service.
        readers: Opens documents and renders pages.
        page_reader: Reads a page.
        slots: Keeps pages of jobs behind others.
        template: What a job requests of its pages.
        on_page: Called with the result of every page.
    """

    recipe: Recipe
    readers: ReaderPool
    page_reader: PageReader
    slots: Slots
    template: Callable[[JobRecord], RequestTemplate]
    on_page: Callable[[Recognition], None]


class DocumentJobs:
    """The work on jobs, see `serving.jobs.runner.Work`.

    Args:
        store: Where jobs are.
        reading: How their pages are read.
        sources: Fetches documents that are named by a URI.
        webhook: Tells hosts of ends.
        config: Limits.
        on_end: Called with the status of a job that has ended.
    """

    def __init__(
        self,
        store: Store,
        reading: Reading,
        sources: Sources,
        webhook: Webhook,
        config: JobConfig,
        on_end: Callable[[str], None],
    ) -> None:
        self._store = store
        self._reading = reading
        self._sources = sources
        self._webhook = webhook
        self._config = config
        self._on_end = on_end
        self._live: dict[Key, JobState] = {}

    def state(self, key: Key) -> JobState:
        """How far a job is. Blocks."""
        live = self._live.get(key)
        return live or read(self._store.folder(key) / records.STATE, JobState) or JobState()

    def ended_at(self, key: Key) -> float | None:
        """See `Work`."""
        state = self.state(key)
        return None if state.webhook is Telling.PENDING else state.ended_at or None

    def is_read(self, key: Key) -> bool:
        """See `Work`: only its host is to be told."""
        return bool(self.state(key).ended_at)

    def awaits(self, key: Key) -> bool:
        """See `Work`: a job has its record before any work is done."""
        return False

    def fail(self, key: Key, problem: Problem, check: Callable[[], None]) -> None:
        """See `Work`. A job that has ended keeps its result: only its host is told no more."""
        state = self.state(key)
        if not state.ended_at:
            self._end(key, check, state, JobStatus.FAILED, problem)
        elif state.webhook is Telling.PENDING:
            telling.give_up(self._store.folder(key), state)

    async def run(self, key: Key, check: Callable[[], None]) -> None:
        """See `Work`."""
        state = await to_thread(self.state, key)
        record = await to_thread(self._store.read, key, JobRecord)
        if record is None:
            return  # removed; the runner notices
        if not state.ended_at:
            await self._read_to_its_end(key, check, record, state)
        elif state.webhook is Telling.PENDING:
            folder = self._store.folder(key)
            await telling.tell(self._webhook, self._config, folder, key, (record, state))

    async def _read_to_its_end(
        self, key: Key, check: Callable[[], None], record: JobRecord, state: JobState
    ) -> None:
        started_at = state.started_at or time.time()
        self._live[key] = state.model_copy(
            update={"status": JobStatus.RUNNING, "started_at": started_at, "pages_per_s": 0.0}
        )
        try:
            await self._read_document(key, check, record)
        except (RecordedError, ApiError) as error:
            await in_thread(self._end_with_error, key, check, error)
        finally:
            del self._live[key]

    async def _read_document(self, key: Key, check: Callable[[], None], record: JobRecord) -> None:
        async with self._opened(key) as document:
            pages = await to_thread(job_plan.pages_folder, self._store.folder(key))
            plan = await to_thread(job_plan.make, pages, record, document.inspection)
            plan.check(self._config.max_pages)
            self._update(key, plan.opened_state(document.inspection))
            async with repeated(partial(self._save_live, key, check), self._config.flush_s):
                rows = OutputConfig(flush_s=self._config.flush_s)
                sink = SettledRows(pages, shards.new_prefix(), rows, check=check)
                await self._read_pages(key, record, document, plan, sink)
        await in_thread(self._end, key, check, self._live[key], JobStatus.COMPLETED)

    # --- the document

    @asynccontextmanager
    async def _opened(self, key: Key) -> AsyncIterator[OpenDocument]:
        folder = self._store.folder(key)
        await self._sources.fetch(folder)
        password = await to_thread(_text, folder / records.PASSWORD)
        async with (
            on_disk(folder / records.DOCUMENT) as path,
            self._reading.readers.open_path(path, password) as document,
        ):
            yield document

    # --- its pages

    async def _read_pages(
        self, key: Key, record: JobRecord, document: OpenDocument, plan: JobPlan, sink: SettledRows
    ) -> None:
        """Read the pages that have no row, and write the receipt."""
        template = self._reading.template(record)
        patience = Patience(
            self._config.model_wait_s,
            self._live[key].waited_s,
            lambda waited_s: self._update(key, {"waited_s": waited_s}),
        )
        begin = time.time()
        jobs = (partial(self._page, document, page, template, patience) for page in plan.todo)
        try:
            async with aclosing(
                bounded_tasks.as_completed(jobs, self._config.pages_in_flight)
            ) as results:
                async for result in results:
                    patience.begin_anew()
                    row = self._row(result, record, plan)
                    await in_thread(sink.take, [result.ref.page], pages_table([row]), [])
                    self._count(key, result, time.time() - begin, len(plan.todo))
        finally:
            written = await to_thread(sink.finish)
        routes = Counter({Route.OCR.value: len(plan.ids)})
        planned = PlanSummary(documents=1, routes=routes, done=plan.before)
        receipt = job_receipt.make(planned, written, begin, self._reading.recipe)
        await to_thread(receipt.write, self._store.folder(key))

    async def _page(
        self, document: OpenDocument, page: int, template: RequestTemplate, patience: Patience
    ) -> PageResult:
        """Read a page, as long as the patience lasts where replicas are busy or starting.

        Raises:
            ModelUnavailableError: There is no more patience.
        """

        async def attempt() -> PageResult:
            async with self._reading.slots.acquired():
                return await self._reading.page_reader.read(document, page, template)

        try:
            return await patiently(attempt, patience)
        except ModelUnavailableError:
            raise
        except ApiError as error:
            ref = page_ref(document.inspection, page)
            return page_result(ref, None, failed(ErrorKind.ENGINE, str(error)))

    def _row(self, result: PageResult, record: JobRecord, plan: JobPlan) -> PageResult:
        """A result with all that its row has and an answer has not."""
        engine, model = engine_and_model(self._reading.recipe, result.recognition.rung)
        ids = replace(plan.ids[result.ref.page], recipe_hash=self._reading.recipe.hash())
        ref = replace(result.ref, uri=record.filename)
        return replace(result, ref=ref, ids=ids, engine=engine, model=model)

    # --- the state

    def _count(self, key: Key, result: PageResult, elapsed_s: float, todo: int) -> None:
        self._reading.on_page(result.recognition)
        state = self._live[key]
        done = state.done + 1
        read_now = todo - (state.total - done)
        is_failed = result.recognition.status is Status.FAILED
        self._update(
            key,
            {
                "done": done,
                "failed": state.failed + is_failed,
                "pages_per_s": read_now / elapsed_s if elapsed_s else 0.0,
                "waited_s": 0.0,
            },
        )

    def _update(self, key: Key, values: dict[str, object]) -> None:
        self._live[key] = self._live[key].model_copy(update=values)

    async def _save_live(self, key: Key, check: Callable[[], None]) -> None:
        """Write the state, for other processes; that of pages is in the rows."""
        # The next time may succeed; where the lock is lost the runner ends this.
        with suppress(OSError, JobError):
            await to_thread(write_state, self._store.folder(key), self._live[key], check)

    def _end_with_error(
        self, key: Key, check: Callable[[], None], error: RecordedError | ApiError
    ) -> None:
        code = error.code if isinstance(error, ApiError) else error.kind.value
        state = self._live[key]
        if code == ErrorKind.NOT_FOUND and state.total:
            # A process that ends a job removes its document: another may have overwritten that end.
            rows = job_plan.rows_by_status(self._store.folder(key))
            if rows.total() == state.total:
                counts = {"done": state.total, "failed": rows[Status.FAILED.value]}
                self._end(key, check, state.model_copy(update=counts), JobStatus.COMPLETED)
                return
        problem = Problem(code=code, message=str(error))
        self._end(key, check, state, JobStatus.FAILED, problem)

    def _end(
        self,
        key: Key,
        check: Callable[[], None],
        state: JobState,
        status: JobStatus,
        problem: Problem | None = None,
    ) -> None:
        record = self._store.read(key, JobRecord)
        telling = Telling.PENDING if record and record.webhook_url else None
        ended = {
            "status": status,
            "ended_at": time.time(),
            "problem": problem,
            "webhook": telling,
        }
        write_state(self._store.folder(key), state.model_copy(update=ended), check)
        for name in (records.DOCUMENT, records.SOURCE, records.PASSWORD):
            with suppress(OSError):  # else they go with the job
                (self._store.folder(key) / name).unlink()
        self._on_end(status)


def _text(path: AnyPath) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
