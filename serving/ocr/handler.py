"""Documents in requests, read by the OCR model: as chat completions, and as `/v1/ocr`."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response

from pipeline.config import Recipe
from pipeline.engines.recipe import check
from pipeline.engines.registry import SPECS
from pipeline.engines.request import prepare_request
from pipeline.errors import ConfigError
from pipeline.page_range import PageSelection
from pipeline.recognition.retry_ladder import WITHOUT_FIRST_ENGINE
from pipeline.types import Instruction, PageResult, Recognition, Sampling, Source, Task
from serving.config import ServeConfig
from serving.errors import ApiError
from serving.http import streaming
from serving.http.middleware import LogEntry
from serving.http.stream_formats import SSE, StreamFormat
from serving.http.url_fetch import Fetcher
from serving.ocr import chat_response, document_response, mistral_response, page_extras
from serving.ocr.chat_request import ParsedChatRequest, ParsedOcrRequest, parse_chat
from serving.ocr.mistral import ParsedMistralRequest
from serving.ocr.page_extras import Extra
from serving.ocr.page_reader import RequestTemplate
from serving.ocr.prompt_task import AskedPrompt, read_prompt
from serving.ocr.service import LoadedDocument, OcrService, RequestPages
from serving.ocr.uploads import Upload

PROMPT_HEADER = "Rayscribe-Prompt"
"""The header of an answer that says what was made of the request's prompt."""
PAGES_HEADER = "Rayscribe-Pages"
"""The header of a stream of pages that says how many there will be."""


@dataclass(frozen=True, slots=True)
class OcrHandler:
    """Answers the requests that name the OCR model.

    Attributes:
        names: Its names in requests; the first is the one in answers.
        recipe: How pages are read, as in the batch job.
        service: Opens documents and has their pages read.
        fetcher: Fetches documents that are named by URL.
        config: Limits and settings.
        on_page: Called with the model's name and the result of every page.
    """

    names: tuple[str, ...]
    recipe: Recipe
    service: OcrService
    fetcher: Fetcher
    config: ServeConfig
    on_page: Callable[[str, Recognition], None]

    async def respond(self, body: dict[str, Any], entry: LogEntry, deadline_s: float) -> Response:
        """Answer a chat completion.

        Args:
            body: The request.
            entry: Gets the counts of pages and tokens.
            deadline_s: When the answer must be complete, by `time.monotonic`.

        Raises:
            ApiError: The request is wrong, a document cannot be read, or no replica can read it.
        """
        # In a thread: decoding many MiB of base64 would block the event loop.
        request = await asyncio.to_thread(parse_chat, body, self.config.limits)
        asked = self._asked(request.prompt)
        template = self._template(asked.instruction, request.max_tokens, request.sampling)
        header = chat_response.CompletionHeader(
            f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), self.names[0]
        )
        if request.stream:
            events = self._events(request, header, template, entry)
            return _said(await self._streamed(events, entry, SSE, deadline_s), asked)
        async with (
            streaming.timeout_at(deadline_s),
            self._opened(request, template) as numbered,
        ):
            pages = [page async for page in numbered]
        chat_response.raise_if_all_failed(pages)
        answer = chat_response.completion(header, pages, self.config.ocr.page_separator)
        assert answer.usage is not None  # noqa: S101 - `completion` sets it
        entry.add_counts(len(pages), answer.usage.prompt_tokens, answer.usage.completion_tokens)
        return _said(JSONResponse(answer.model_dump(mode="json", exclude_unset=True)), asked)

    async def respond_with_blocks(
        self,
        request: ParsedOcrRequest,
        stream: StreamFormat | None,
        entry: LogEntry,
        deadline_s: float,
    ) -> Response:
        """Answer a request to `/v1/ocr`.

        Args:
            request: The document and its options.
            stream: How each page is sent as soon as it is read; None for one answer.
            entry: Gets the counts of pages and tokens.
            deadline_s: When the answer must be complete, by `time.monotonic`.

        Raises:
            ApiError: As `respond`.
        """
        asked, template = self.ocr_template(request.task, request.prompt)
        page_extras.check(request.include, self.config.limits.page_image_px)
        if stream:
            counts: list[int] = []
            lines = self._lines(request, template, entry, counts.append)
            response = await self._streamed(lines, entry, stream, deadline_s)
            response.headers[PAGES_HEADER] = str(counts[0])
            return _said(response, asked)
        async with streaming.timeout_at(deadline_s):
            answer = await self._document(request, template)
        entry.add_counts(len(answer.pages), answer.usage.prompt_tokens, answer.usage.output_tokens)
        return _said(Response(answer.model_dump_json(), media_type="application/json"), asked)

    async def respond_as_mistral(
        self, request: ParsedMistralRequest, entry: LogEntry, deadline_s: float
    ) -> Response:
        """Answer a request to `/v1/ocr` in Mistral's form.

        Args:
            request: The document and its options.
            entry: Gets the counts of pages and tokens.
            deadline_s: When the answer must be complete, by `time.monotonic`.

        Raises:
            ApiError: As `respond`; also where no page was read.
        """
        template = self._template(Instruction(Task(self.recipe.task)), None, Sampling())
        async with streaming.timeout_at(deadline_s):
            document = await self._document(request.ocr, template)
        answer = mistral_response.answer(document, request)
        usage = document.usage
        entry.add_counts(len(document.pages), usage.prompt_tokens, usage.output_tokens)
        return Response(answer.model_dump_json(), media_type="application/json")

    # --- what is requested

    def ocr_template(self, task: Task | None, prompt: str) -> tuple[AskedPrompt, RequestTemplate]:
        """What a request to `/v1/ocr` asks of its pages.

        Args:
            task: The task, None where the request does not name one.
            prompt: The task in words, "" where there is no prompt.

        Raises:
            ApiError: 400: the model does not know the task.
        """
        asked = AskedPrompt(Instruction(task)) if task else self._asked(prompt, "prompt")
        param = "task" if task else "prompt"
        return asked, self._template(asked.instruction, None, Sampling(), param)

    def _asked(self, prompt: str, param: str = "messages") -> AskedPrompt:
        return read_prompt(prompt, self.recipe, self.config.prompts, param)

    def _template(
        self,
        instruction: Instruction,
        max_tokens: int | None,
        sampling: Sampling,
        param: str = "messages",
    ) -> RequestTemplate:
        try:
            check(instruction, self.recipe)
        except ConfigError as error:
            raise ApiError(400, "unknown_task", str(error), param=param) from None
        build = partial(
            prepare_request,
            recipe=self.recipe,
            instruction=instruction,
            max_tokens=max_tokens,
            sampling=sampling,
        )
        return RequestTemplate(build, instruction)

    async def _loaded(
        self, upload: Upload, password: str = "", pages: PageSelection | None = None
    ) -> LoadedDocument:
        """The document with its bytes, fetched where it is named by URL."""
        content = upload.data
        if content is None:
            content = await self.fetcher.fetch(upload.url or "", upload.param)
        return LoadedDocument(content, password, pages or PageSelection(), upload.param)

    # --- pages

    @asynccontextmanager
    async def _opened(
        self, request: ParsedChatRequest, template: RequestTemplate
    ) -> AsyncIterator[AsyncGenerator[chat_response.NumberedPage, None]]:
        """Open the documents of a chat completion, and give their pages as they are read."""
        documents = [await self._loaded(upload) for upload in request.uploads]
        async with (
            self.service.open(documents, template) as pages,
            aclosing(self._numbered(pages, request)) as numbered,
        ):
            yield numbered

    async def _numbered(
        self, pages: RequestPages, request: ParsedChatRequest
    ) -> AsyncGenerator[chat_response.NumberedPage, None]:
        """The pages of a chat completion, numbered over all its documents, in their order."""
        number = 0
        async with aclosing(pages.in_order()) as results:
            async for result in results:
                number += 1
                self._report(result)
                yield number, self._bounded(result, request)

    def _bounded(self, page: PageResult, request: ParsedChatRequest) -> Recognition:
        """The page's text in the form that is asked for, within `max_tokens` and `stop`."""
        is_by_engine = (
            page.source is Source.OCR and page.recognition.rung not in WITHOUT_FIRST_ENGINE
        )
        size = (page.width_px, page.height_px)
        # Before the bounds, which may cut the text and then drop the blocks.
        recognition = chat_response.as_asked(page.recognition, request.prompt, *size)
        if SPECS[self.recipe.engine].keeps_bounds and is_by_engine:  # vLLM has
            return recognition
        return chat_response.bounded(recognition, request.max_tokens, request.sampling.stop)

    async def _document(
        self, request: ParsedOcrRequest, template: RequestTemplate
    ) -> document_response.OcrDocument:
        document = await self._loaded(request.document, request.password, request.pages)
        async with (
            self.service.open([document], template) as pages,
            aclosing(pages.in_order()) as results,
        ):
            answers = [await self._page(result, pages, request.include) async for result in results]
            [inspection] = pages.inspections
        return document_response.document(
            self.names[0], inspection.media_type, len(inspection.pages), answers
        )

    async def _page(
        self, result: PageResult, pages: RequestPages, include: frozenset[Extra]
    ) -> document_response.OcrPage:
        self._report(result)
        page, side_px = document_response.page(result), self.config.limits.page_image_px
        if not include:
            return page
        return await page_extras.extended(page, include, partial(pages.pixels, page.page), side_px)

    def _report(self, result: PageResult) -> None:
        self.on_page(self.names[0], result.recognition)

    # --- streams

    async def _streamed(
        self,
        pieces: AsyncIterator[str],
        entry: LogEntry,
        stream_format: StreamFormat,
        deadline_s: float,
    ) -> Response:
        return await streaming.response(
            pieces,
            entry,
            stream_format,
            deadline_s=deadline_s,
            heartbeat_s=self.config.ingress.heartbeat_s,
        )

    async def _events(
        self,
        request: ParsedChatRequest,
        header: chat_response.CompletionHeader,
        template: RequestTemplate,
        entry: LogEntry,
    ) -> AsyncIterator[str]:
        """A chat completion as server-sent events.

        The first event comes as soon as the documents are opened, so that an error until then can
        still set the HTTP status. A page is sent when it is finished, not token by token: a bad
        answer may still be replaced by that of another rung.
        """
        stream = chat_response.ChatStream(
            header, self.config.ocr.page_separator, request.include_usage
        )
        pages: list[chat_response.NumberedPage] = []
        async with self._opened(request, template) as numbered:
            yield stream.start()
            async for page in numbered:
                pages.append(page)
                yield stream.page(page)
        chat_response.raise_if_all_failed(pages)
        usage = chat_response.usage(pages)
        entry.add_counts(len(pages), usage.prompt_tokens, usage.completion_tokens)
        yield stream.end()

    async def _lines(
        self,
        request: ParsedOcrRequest,
        template: RequestTemplate,
        entry: LogEntry,
        on_open: Callable[[int], None],
    ) -> AsyncIterator[str]:
        """Pages as lines of JSON, each as soon as it is read. The response starts before them.

        `on_open` is called with their number before the first piece.
        """
        count = 0
        document = await self._loaded(request.document, request.password, request.pages)
        async with (
            self.service.open([document], template) as pages,
            aclosing(pages.as_completed()) as results,
        ):
            on_open(len(pages))
            yield ""  # the document is open: the headers can go
            async for result in results:
                count += 1
                page = await self._page(result, pages, request.include)
                yield page.model_dump_json() + "\n"
        entry.add_counts(count, None, None)


def _said(response: Response, asked: AskedPrompt) -> Response:
    """A response with a header that says what was made of the prompt."""
    response.headers[PROMPT_HEADER] = asked.said
    return response
