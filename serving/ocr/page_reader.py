"""Reads one page: in a reader process, then on a replica. Independent of HTTP and Ray.

A page takes the same steps as in the batch job: `Routes.view` inspects it in a reader process and
may take its text from the text layer, `prepare_request` makes a request of its image, and
`recognise` reads that on a replica.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from pipeline.config import Recipe
from pipeline.documents.sandbox import DocumentInfo
from pipeline.errors import ErrorKind, PageError
from pipeline.recognition.recognise import failed
from pipeline.recognition.result import page_result
from pipeline.recognition.route import Routes
from pipeline.types import Instruction, PageImage, PageRef, PageResult, Recognition, Request, Timing
from serving import tracing
from serving.ocr.reader_pool import OpenDocument


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What all pages of a request have in common.

    Attributes:
        build: Makes the engine's request of a page's image.
        instruction: The task, None for the recipe's.
    """

    build: Callable[[PageImage], Request]
    instruction: Instruction | None = None


class OcrBackend(Protocol):
    """Runs the engine: the replicas, or an engine in this process in tests."""

    async def recognise(self, request: Request) -> Recognition:
        """Read one page.

        Raises:
            ApiError: No replica can read it.
        """
        ...


class PageReader:
    """Reads one page of an open document.

    Args:
        recipe: How pages are read.
        backend: Runs the engine.
    """

    def __init__(self, recipe: Recipe, backend: OcrBackend) -> None:
        self._routes = Routes(recipe)
        self._min_text_score = recipe.quality.min_text_score
        self._backend = backend

    async def read(
        self, document: OpenDocument, page: int, template: RequestTemplate
    ) -> PageResult:
        """Read a page. A page that cannot be read gives a result with its error.

        The times of the result include the waits for a reader process and for a replica.

        Args:
            document: The page's document.
            page: 1-based number of the page.
            template: What is requested.

        Raises:
            ApiError: No replica can read it.
        """
        with tracing.span("page", page=page) as tags:
            result = await self._read(document, page, template)
            tags["status"] = result.recognition.status
            return result

    async def _read(
        self, document: OpenDocument, page: int, template: RequestTemplate
    ) -> PageResult:
        ref = page_ref(document.inspection, page)
        clock = [time.perf_counter()]
        try:
            view = await document.view(page, self._routes, template.instruction)
        except PageError as error:
            return page_result(ref, None, failed(error.kind, str(error)))
        clock.append(time.perf_counter())
        recognition = view.settled
        if view.image is not None:
            try:
                request = await asyncio.to_thread(template.build, view.image)
            except Exception as error:  # as in the batch job: the other pages are still read
                return page_result(ref, None, failed(ErrorKind.INTERNAL, repr(error)))
            clock.append(time.perf_counter())
            recognition = await self._backend.recognise(request)
            clock.append(time.perf_counter())
        assert recognition is not None  # noqa: S101 - a view is settled or has an image
        timing = Timing(*((end - begin) * 1000 for begin, end in pairwise(clock)))
        warnings, least = document.inspection.warnings, self._min_text_score
        return page_result(ref, view, recognition, warnings, timing, least)


def page_ref(inspection: DocumentInfo, page: int) -> PageRef:
    """The identity of a page of a document that has no URI."""
    width_pt, height_pt = inspection.pages[page - 1]
    return PageRef(
        uri="",
        doc_id=inspection.doc_id,
        page=page,
        page_count=len(inspection.pages),
        media_type=inspection.media_type,
        width_pt=width_pt,
        height_pt=height_pt,
    )
