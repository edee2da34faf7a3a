"""Documents in requests, read by the OCR model: as chat completions, and as `/v1/ocr`."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from pipeline.config import Recipe
from pipeline.engines.recipe import check, tasks
from pipeline.engines.registry import SPECS
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError
from pipeline.recognition.retry_ladder import WITHOUT_FIRST_ENGINE
from pipeline.types import Instruction, Recognition, Sampling, Source, Task
from serving.config import ServeConfig
from serving.errors import ApiError, of_kind
from serving.http import bodies
from serving.http.middleware import Record
from serving.ocr import chat_response, document_response
from serving.ocr.chat_request import ChatAsk, OcrAsk, parse_chat
from serving.ocr.prompt_task import ask
from serving.ocr.service import Ocr, Prepare, ReadPage, Sent
from serving.ocr.uploads import Attachment
from serving.ocr.url_fetch import Fetcher

PageDone = Callable[[str, Recognition], None]
"""Told of every page: the model, and what became of it."""


@dataclass(frozen=True, slots=True)
class OcrModel:
    """The OCR model as it is served.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        recipe: How its pages are read: the batch's own.
        ocr: Opens documents and has them read.
        fetcher: Gets documents that are named by URL.
        config: Limits and settings.
        page_done: Told of every page.
    """

    names: tuple[str, ...]
    recipe: Recipe
    ocr: Ocr
    fetcher: Fetcher
    config: ServeConfig
    page_done: PageDone

    async def respond(self, body: dict[str, Any], record: Record, late_s: float) -> Response:
        """Answer a chat completion.

        Args:
            body: The request.
            record: Gets pages and tokens.
            late_s: When it must be answered, by `time.monotonic`.

        Raises:
            ApiError: The request is wrong, a document cannot be read, or nobody can read it.
        """
        asked = await asyncio.to_thread(parse_chat, body, self.config.limits)
        prepare = self._prepare(self._ask(asked.prompt), asked.max_tokens, asked.sampling)
        head = chat_response.Head(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), self.names[0])
        if asked.stream:
            return await self._streamed(self._events(asked, head, prepare, record), record, late_s)
        async with bodies.until(late_s):
            pages = [page async for page in self._chat_pages(asked, prepare)]
        _refuse_if_all_failed(pages)
        answer = chat_response.completion(head, pages, self.config.ocr.page_separator)
        assert answer.usage is not None  # noqa: S101 - `completion` counts
        _note(record, len(pages), answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return JSONResponse(answer.model_dump(mode="json", exclude_unset=True))

    async def respond_with_blocks(
        self, asked: OcrAsk, stream: bool, record: Record, late_s: float
    ) -> Response:
        """Answer a request to `/v1/ocr`.

        Args:
            asked: The document, and what is wanted of it.
            stream: Whether each page is sent as soon as it is read.
            record: Gets pages and tokens.
            late_s: When it must be answered, by `time.monotonic`.

        Raises:
            ApiError: As `respond`.
        """
        wanted = Instruction(asked.task) if asked.task else self._ask(asked.prompt, "prompt")
        prepare = self._prepare(wanted, None, Sampling())
        if stream:
            return await self._streamed(
                self._lines(asked, prepare, record), record, late_s, bodies.LINES
            )
        async with bodies.until(late_s):
            answer = await self._document(asked, prepare)
        _note(record, len(answer.pages), answer.usage.prompt_tokens, answer.usage.output_tokens)
        return Response(answer.model_dump_json(), media_type="application/json")

    # --- what is asked

    def _ask(self, prompt: str, param: str = "messages") -> Instruction:
        wanted = ask(prompt, Task(self.recipe.task))
        if wanted is None:
            known = ", ".join(tasks(self.recipe))
            message = (
                "the OCR model does not take free text. Say nothing, 'Convert to Markdown', "
                f"'Extract all text', or one of its own prompts; its tasks are: {known}"
            )
            raise ApiError(400, "unknown_task", message, param=param)
        return wanted

    def _prepare(self, wanted: Instruction, max_tokens: int | None, sampling: Sampling) -> Prepare:
        try:
            check(wanted, self.recipe)
        except ConfigError as error:
            raise ApiError(400, "unknown_task", str(error), param="messages") from None
        request = partial(
            prepare_request,
            recipe=self.recipe,
            instruction=wanted,
            max_tokens=max_tokens,
            sampling=sampling,
        )
        return Prepare(request, wanted)

    # --- pages

    async def _sent(self, part: Attachment) -> Sent:
        content = part.data
        if content is None:
            content = await self.fetcher.fetch(part.url or "", part.param)
        return Sent(content, param=part.param)

    async def _chat_pages(
        self, asked: ChatAsk, prepare: Prepare
    ) -> AsyncGenerator[chat_response.Page, None]:
        """The pages of a chat completion, in their order."""
        sent = [await self._sent(part) for part in asked.parts]
        async with self.ocr.opened(sent, prepare) as pages, aclosing(pages.in_order()) as read:
            async for page in read:
                self._count(page)
                yield page.number, self._bounded(page, asked)

    def _bounded(self, page: ReadPage, asked: ChatAsk) -> Recognition:
        beside = page.source is not Source.OCR or page.recognition.rung in WITHOUT_FIRST_ENGINE
        if SPECS[self.recipe.engine].keeps_bounds and not beside:
            return page.recognition
        return chat_response.bounded(page.recognition, asked.max_tokens, asked.sampling.stop)

    async def _document(self, asked: OcrAsk, prepare: Prepare) -> document_response.OcrDocument:
        sent = await self._sent_to_ocr(asked)
        async with self.ocr.opened([sent], prepare) as pages, aclosing(pages.in_order()) as read:
            listed = [self._page(page) async for page in read]
            [inspection] = pages.inspections
        return document_response.document(
            self.names[0], inspection.media_type, len(inspection.pages), listed
        )

    async def _sent_to_ocr(self, asked: OcrAsk) -> Sent:
        sent = await self._sent(asked.document)
        return replace(sent, password=asked.password, pages=asked.pages)

    def _page(self, page: ReadPage) -> document_response.OcrPage:
        self._count(page)
        return document_response.page(
            page.page,
            page.recognition,
            width_px=page.width_px,
            height_px=page.height_px,
            dpi=page.dpi,
            warnings=page.warnings,
            source=page.source,
            text_layer_trust=page.text_layer_trust,
            turned_deg=page.turned_deg,
            timing=page.timing,
        )

    def _count(self, page: ReadPage) -> None:
        self.page_done(self.names[0], page.recognition)

    # --- streams

    async def _streamed(
        self,
        pieces: AsyncIterator[str],
        record: Record,
        late_s: float,
        media_type: str = bodies.EVENTS,
    ) -> Response:
        say = (
            chat_response.error_event
            if media_type == bodies.EVENTS
            else document_response.error_line
        )
        return await bodies.streamed(
            pieces,
            record,
            late_s=late_s,
            heartbeat_s=self.config.ingress.heartbeat_s,
            media_type=media_type,
            say=say,
        )

    async def _events(
        self, asked: ChatAsk, head: chat_response.Head, prepare: Prepare, record: Record
    ) -> AsyncIterator[str]:
        """A chat completion as server-sent events.

        A page is sent when it is settled, not token by token: what is read may yet be dropped for
        a better try. So the first event comes with the first page, and what goes wrong before it
        still has a status of its own.
        """
        stream = chat_response.ChatStream(head, self.config.ocr.page_separator, asked.include_usage)
        pages: list[chat_response.Page] = []
        held = stream.start()
        async with aclosing(self._chat_pages(asked, prepare)) as read:
            async for page in read:
                pages.append(page)
                held += stream.page(page)
                if any(recognition.failure is None for _, recognition in pages):
                    yield held
                    held = ""
        _refuse_if_all_failed(pages)
        counts = chat_response.usage(pages)
        _note(record, len(pages), counts.prompt_tokens, counts.completion_tokens)
        yield stream.end()

    async def _lines(self, asked: OcrAsk, prepare: Prepare, record: Record) -> AsyncIterator[str]:
        """Pages as lines of JSON, each as soon as it is read."""
        count = 0
        sent = await self._sent_to_ocr(asked)
        async with self.ocr.opened([sent], prepare) as pages, aclosing(pages.as_done()) as read:
            async for page in read:
                count += 1
                yield self._page(page).model_dump_json() + "\n"
        _note(record, count, None, None)


def _refuse_if_all_failed(pages: Sequence[chat_response.Page]) -> None:
    """Raise the first page's error where no page was read: there is nothing to answer with."""
    failures = [recognition.failure for _, recognition in pages]
    first = failures[0]
    if first is not None and all(failures):
        raise of_kind(first.kind, first.message, "messages")


def _note(record: Record, pages: int, prompt: int | None, completion: int | None) -> None:
    record.fields["pages"] = pages
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    record.fields |= {name: count for name, count in counts.items() if count is not None}
