"""What a worker does at each stage of a job: one class a stage, tables in, tables out.

Nothing here knows Ray. An error of one page or one document becomes that row's `error_kind`
and `error`; the others go on.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.config import EngineConfig, OcrOptions, Recipe
from pipeline.documents.listing import Listing
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import Reader
from pipeline.engines.base import LazyEngine
from pipeline.engines.recipe import engine_and_model
from pipeline.engines.registry import build_engine, build_second_engine, pages_in_flight
from pipeline.engines.request import prepare_request
from pipeline.errors import DocumentError, ErrorKind, RecordedError
from pipeline.imaging.rotation import turn_size
from pipeline.job.metrics import SendReport, StageMonitor
from pipeline.job.stages.inspect import Contents, extractor
from pipeline.job.stages.plan import PlannedPage, Planner
from pipeline.job.stages.quarantine import Isolation, PageMonitor, in_turn
from pipeline.job.stages.weighted_semaphore import WeightedSemaphore
from pipeline.output import schema, shards
from pipeline.output.completed import Ledger
from pipeline.page_range import PageSelection
from pipeline.recognition.recognise import failed, recognise
from pipeline.recognition.retry_ladder import text_source
from pipeline.recognition.route import PageView, Routes
from pipeline.storage.document_cache import Documents
from pipeline.types import (
    Document,
    Failure,
    PageImage,
    PageResult,
    Pixels,
    Recognition,
    Request,
    Source,
    Task,
    Timing,
)

_PLAN_ROWS = 4096
_FEWEST, _MOST = 4, 128
"""Documents that are planned together: few at first, so that every worker has some soon; more
as the listing grows, or a million of them would be so many tasks of Ray's."""

_DEADLY = (
    "the worker's process was killed each time that it worked on this alone; it may need more "
    "memory than there is (stages.max_lone_deaths)"
)


def list_documents(
    listing: Listing, leave_out: Callable[[Counter[str]], object]
) -> Iterator[pa.Table]:
    """Plan: yield `schema.DOCUMENTS` for what a listing names, in bounded memory.

    Args:
        listing: The inputs.
        leave_out: Takes, at the end, the files that are no documents, counted by their ending.
    """
    documents, count = listing.documents(), 0
    while some := list(islice(documents, min(_FEWEST + count // 64, _MOST))):
        count += len(some)
        row = {"uri": [one.uri for one in some], "size_bytes": [one.size_bytes for one in some]}
        yield pa.Table.from_pylist([row], schema=schema.DOCUMENTS)
    leave_out(listing.left_out)


class Inspect:
    """Plan: opens documents and lists their pages."""

    def __init__(
        self, options: OcrOptions, recipe_hash: str, send: SendReport, monitor: PageMonitor
    ) -> None:
        folder = shards.pages_folder(options.output, options.store)
        ledger = Ledger.read(folder, failed=options.retry != "failed")
        selection = PageSelection.parse(options.pages)
        self._planner = Planner(recipe_hash, selection, ledger, options.max_pages)
        self._contents = Contents(options, self._planner)
        self._metrics = StageMonitor("plan", send)
        self._monitor = monitor

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield rows of `schema.PLAN` for rows of `schema.DOCUMENTS`."""
        documents = list(schema.documents_of(table))
        turns = in_turn(self._monitor, [document.uri for document in documents])
        for may_run, document in zip(turns, documents, strict=True):
            with self._metrics.busy():
                pages = self._contents.pages(document) if may_run else [self._quarantined(document)]
            for start in range(0, len(pages), _PLAN_ROWS):
                yield _plan_table(pages[start : start + _PLAN_ROWS])
            self._metrics.report(len(pages), sum(page.failure is not None for page in pages))

    def _quarantined(self, document: Document) -> PlannedPage:
        return self._planner.unreadable(document, DocumentError(ErrorKind.CRASH, _DEADLY))


class Render:
    """Looks at pages and draws those that an engine has to read, in a process that may die."""

    def __init__(
        self, options: OcrOptions, recipe: Recipe, send: SendReport, monitor: PageMonitor
    ) -> None:
        self._reader = Reader(options.read, options.render, options.input)
        self._passwords = Passwords.read(options)
        extract = extractor(self._reader, self._passwords)
        self._documents = Documents(options.store, options.input, options.store.cache_mib, extract)
        self._routes = Routes(recipe)
        self._metrics = StageMonitor("render", send)
        self._monitor = monitor

    def __call__(self, plan: pa.Table) -> Iterator[pa.Table]:
        """Yield `schema.RENDERED` for rows of `schema.PLAN`, in one table."""
        rows, pictures = [], []
        turns = in_turn(self._monitor, plan["page_id"].to_pylist())
        for may_run, row in zip(turns, plan.to_pylist(), strict=True):
            with self._metrics.busy():
                rendered, pixels = self._render(row if may_run else _quarantined(row))
            rows.append(rendered)
            pictures.append(pixels)
        self._metrics.report(len(rows), sum(bool(row["error_kind"]) for row in rows))
        yield _with_pictures(rows, schema.RENDERED, {"pixels": pictures})

    def _render(self, row: dict[str, Any]) -> tuple[dict[str, Any], Pixels | None]:
        if row["error_kind"]:
            return schema.flight_columns(row), None
        begin = time.perf_counter()
        try:
            outer = row["outer"] or ""
            path = self._documents.path(row["uri"], row["doc_id"], outer)
            begin = time.perf_counter()
            passwords = self._passwords.of(row["uri"], outer)
            view = self._routes.view(self._reader, path, row["page"], passwords)
        except RecordedError as error:
            return schema.flight_columns(_failed(row, error.kind, str(error), begin)), None
        except Exception as error:
            return schema.flight_columns(_failed(row, ErrorKind.INTERNAL, repr(error), begin)), None
        seen = row | _view_columns(view) | {"render_ms": _ms_since(begin)}
        seen["warnings"] = [*(row["warnings"] or ()), *view.warnings]
        return schema.flight_columns(seen), view.image.pixels if view.image else None


class Prepare:
    """Turns drawn pages into what the engine takes."""

    def __init__(self, recipe: Recipe, send: SendReport, monitor: PageMonitor) -> None:
        self._recipe = recipe
        self._metrics = StageMonitor("prepare", send)
        self._monitor = monitor

    def __call__(self, rendered: pa.Table) -> pa.Table:
        """`schema.PREPARED` for rows of `schema.RENDERED`."""
        rows: list[dict[str, Any]] = []
        requests: list[Request | None] = []
        pictures = schema.buffers_of(rendered["pixels"])
        seen = rendered.drop_columns(["pixels"]).to_pylist()
        turns = in_turn(self._monitor, rendered["page_id"].to_pylist())
        for may_run, row, picture in zip(turns, seen, pictures, strict=True):
            with self._metrics.busy():
                row, request = self._prepare(row, picture) if may_run else (_quarantined(row), None)
            rows.append(row)
            requests.append(request)
        self._metrics.report(len(rows), 0)
        columns = {
            "image": [None if request is None else request.image for request in requests],
            "tiles": [None if request is None else request.tiles for request in requests],
        }
        return _with_pictures(rows, schema.PREPARED, columns)

    def _prepare(
        self, row: dict[str, Any], pixels: pa.Buffer | None
    ) -> tuple[dict[str, Any], Request | None]:
        picture = schema.picture_of(pixels, (row["height_px"] or 0, row["width_px"] or 0, 3))
        if picture is None:
            return row, None
        begin = time.perf_counter()
        try:
            page = PageImage(picture, row["dpi"], turned_deg=row["turned_deg"], layer=row["layer"])
            request = prepare_request(page, self._recipe)
        except Exception as error:
            return _failed(row, ErrorKind.INTERNAL, repr(error)), None
        return row | _request_columns(request) | {"prepare_ms": _ms_since(begin)}, request


class Recognise:
    """Reads pages with an engine: many at a time, no page waits for another.

    Pages that an engine's process died with are run with few others, then alone
    (`pipeline.job.stages.quarantine`).
    """

    def __init__(
        self,
        config: EngineConfig,
        recipe: Recipe,
        send: SendReport,
        monitor: PageMonitor,
        self_test: bool = True,
    ) -> None:
        self._engine = LazyEngine(lambda: build_engine(config, self_test))
        self._second = build_second_engine(recipe)
        self._slots = WeightedSemaphore(pages_in_flight(config))
        self._monitor = monitor
        self._recipe = recipe
        self._metrics = StageMonitor("recognise", send)

    async def __call__(self, prepared: pa.Table) -> AsyncIterator[pa.Table]:
        """Yield `schema.PAGES` for rows of `schema.PREPARED`, in one table."""
        pictures, tiles = (schema.buffers_of(prepared[name]) for name in ("image", "tiles"))
        rows = prepared.drop_columns(["image", "tiles"]).to_pylist()
        keys = prepared["page_id"].to_pylist()
        if any(picture is not None for picture in pictures):
            # Before the monitor knows of the pages: a crash at the start is not their fault.
            await self._engine.start()
        # In a thread: whatever keeps monitor may be slow to answer, and other pages are at work.
        isolations = await asyncio.to_thread(self._monitor.begin, keys)
        results = await asyncio.gather(
            *(self._result(*page) for page in zip(rows, pictures, tiles, isolations, strict=True))
        )
        await asyncio.to_thread(self._monitor.finish, keys)
        yield schema.to_table(results)

    async def _result(
        self,
        row: dict[str, Any],
        image: pa.Buffer | None,
        tiles: pa.Buffer | None,
        isolation: Isolation,
    ) -> PageResult:
        if isolation is Isolation.POISON:
            result = self._row(row, failed(ErrorKind.ENGINE, _DEADLY), None)
        else:
            result = await self._recognised(row, image, tiles, isolation)
        self._metrics.report(1, int(result.recognition.failure is not None))
        return result

    async def _recognised(
        self,
        row: dict[str, Any],
        image: pa.Buffer | None,
        tiles: pa.Buffer | None,
        isolation: Isolation,
    ) -> PageResult:
        failure = schema.failure_of(row)
        if failure:
            return self._row(row, failed(failure.kind, failure.message), None)
        settled = schema.settled_of(row)
        if settled:
            return self._row(row, settled, None)
        async with self._entered(row["page_id"], isolation):
            begin = time.perf_counter()
            with self._metrics.busy():
                request = _request(row, image, tiles)
                recognition = await recognise(self._engine, request, self._recipe, self._second)
            return self._row(row, recognition, _ms_since(begin))

    @asynccontextmanager
    async def _entered(self, key: str, isolation: Isolation) -> AsyncIterator[None]:
        """Wait for room; a suspect is noted while it is inside."""
        places = isolation.share(self._slots.capacity)
        async with self._slots.acquire(places):
            if isolation is Isolation.NONE:
                yield
                return
            alone = places == self._slots.capacity
            await asyncio.to_thread(self._monitor.enter, key, alone=alone)
            yield
            await asyncio.to_thread(self._monitor.finish, [key])

    def _row(
        self, row: dict[str, Any], recognition: Recognition, generate_ms: float | None
    ) -> PageResult:
        engine, model = engine_and_model(self._recipe, recognition.rung)
        return PageResult(
            page_id=row["page_id"],
            content_id=row["content_id"],
            recipe_hash=row["recipe_hash"],
            ref=schema.ref_of(row),
            recognition=recognition,
            source=text_source(recognition, Source(row["source"]) if row["source"] else None),
            width_px=row["width_px"] or 0,
            height_px=row["height_px"] or 0,
            dpi=row["dpi"] or 0.0,
            warnings=tuple(row["warnings"] or ()),
            text_layer_trust=row["text_layer_trust"],
            text_layer_doubts=tuple(row["text_layer_doubts"] or ()),
            turned_deg=row["turned_deg"] or 0,
            engine=engine,
            model=model,
            timing=Timing(row["render_ms"], row["prepare_ms"], generate_ms),
        )


def _ms_since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000


def _failed(
    row: dict[str, Any], kind: ErrorKind, message: str, begin: float | None = None
) -> dict[str, Any]:
    spent = {} if begin is None else {"render_ms": _ms_since(begin)}
    return row | {"error_kind": kind, "error": message} | spent


def _quarantined(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a page that is not worked on any more; an error that it has already stays."""
    return row if row["error_kind"] else _failed(row, ErrorKind.CRASH, _DEADLY)


def _plan_table(pages: list[PlannedPage]) -> pa.Table:
    return pa.Table.from_pylist([_plan_row(page) for page in pages], schema=schema.PLAN)


def _plan_row(page: PlannedPage) -> dict[str, Any]:
    failure = page.failure or Failure(ErrorKind.INTERNAL, "")
    return schema.ref_columns(page.ref) | {
        "page_id": page.page_id,
        "content_id": page.content_id,
        "recipe_hash": page.recipe_hash,
        "route": page.route,
        "done": page.done,
        "size_bytes": page.size_bytes,
        "outer": page.outer or None,
        "attachments_left_out": page.attachments_left_out,
        "error_kind": failure.kind if page.failure else None,
        "error": failure.message if page.failure else None,
        "warnings": list(page.warnings),
    }


def _with_pictures(
    rows: list[dict[str, Any]], wanted: pa.Schema, pictures: dict[str, list[Pixels | None]]
) -> pa.Table:
    plain = pa.schema([field for field in wanted if field.name not in pictures])
    table = pa.Table.from_pylist(rows, schema=plain)
    columns = {name: table[name] for name in plain.names}
    columns |= {name: schema.binary_column(arrays) for name, arrays in pictures.items()}
    return pa.table([columns[name] for name in wanted.names], schema=wanted)


def _view_columns(view: PageView) -> dict[str, Any]:
    columns = {
        "width_px": view.width_px,
        "height_px": view.height_px,
        "dpi": view.dpi,
        "source": view.source,
        "text_layer_trust": view.trust.score if view.trust else None,
        "text_layer_doubts": list(view.trust.doubts) if view.trust else [],
        "turned_deg": view.turned_deg,
        "layer": view.image.layer if view.image else None,
    }
    return columns | (schema.settled_columns(view.settled) if view.settled else {})


def _request_columns(request: Request) -> dict[str, Any]:
    height_px, width_px = request.image.shape[:2]
    return {
        "image_width_px": width_px,
        "image_height_px": height_px,
        "prompt": request.prompt,
        "task": request.task,
        "max_tokens": request.max_tokens,
        "tile_side_px": 0 if request.tiles is None else request.tiles.shape[1],
        "grid_columns": request.grid[0],
        "grid_rows": request.grid[1],
        "image_tokens": request.image_tokens,
    }


def _request(row: dict[str, Any], image: pa.Buffer | None, tiles: pa.Buffer | None) -> Request:
    side_px = row["tile_side_px"]
    size_px = turn_size(row["width_px"], row["height_px"], row["turned_deg"])
    picture = schema.picture_of(image, (row["image_height_px"], row["image_width_px"], 3))
    return Request(
        image=np.empty((0, 0, 3), np.uint8) if picture is None else picture,
        page_width_px=size_px[0],
        page_height_px=size_px[1],
        prompt=row["prompt"],
        task=Task(row["task"]),
        max_tokens=row["max_tokens"],
        tiles=schema.picture_of(tiles, (-1, side_px, side_px, 3)),
        grid=(row["grid_columns"], row["grid_rows"]),
        image_tokens=row["image_tokens"],
        layer=row["layer"],
        turned_deg=row["turned_deg"],
    )
