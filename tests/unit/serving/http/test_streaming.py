from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import pytest

from serving.errors import ApiError
from serving.http import streaming
from serving.http.middleware import LogEntry
from serving.http.stream_formats import NDJSON, SSE, StreamFormat


class Source:
    """Pieces with pauses before them; remembers whether it was closed."""

    def __init__(self, *steps: tuple[float, str | Exception]) -> None:
        self.steps = steps
        self.closed = False

    async def pieces(self) -> AsyncIterator[str]:
        try:
            for pause_s, piece in self.steps:
                await asyncio.sleep(pause_s)
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


def soon(seconds: float = 5) -> float:
    return time.monotonic() + seconds


async def sent(source: Source, deadline_s: float, heartbeat_s: float = 60) -> list[str]:
    pieces = streaming.with_heartbeats(
        source.pieces(), deadline_s=deadline_s, heartbeat_s=heartbeat_s, heartbeat=":"
    )
    return [piece async for piece in pieces]


async def test_an_error_before_the_first_piece_is_raised() -> None:
    with pytest.raises(ApiError, match="busy"):
        await streaming.peek_first(Source((0, ApiError(429, "busy", "busy"))).pieces())


async def test_peeking_keeps_every_piece() -> None:
    pieces = await streaming.peek_first(Source((0, "a"), (0, "b")).pieces())
    assert [piece async for piece in pieces] == ["a", "b"]
    assert [piece async for piece in await streaming.peek_first(Source().pieces())] == []


async def test_a_pause_is_filled_with_heartbeats() -> None:
    said = await sent(Source((0, "a"), (0.35, "b")), soon(), heartbeat_s=0.1)
    assert (said[0], said[-1]) == ("a", "b")
    assert 1 <= said.count(":") <= 3


async def test_the_deadline_ends_a_stream() -> None:
    source = Source((0, "a"), (30, "b"))
    with pytest.raises(ApiError) as caught:
        await sent(source, soon(0.2))
    assert caught.value.status == 504
    assert source.closed


async def test_cancelling_the_reader_closes_the_source() -> None:
    source = Source((0, "a"), (30, "b"))
    pieces = streaming.with_error_event(
        streaming.with_heartbeats(
            await streaming.peek_first(source.pieces()),
            deadline_s=soon(),
            heartbeat_s=9,
            heartbeat=":",
        ),
        str,
        lambda error: None,
    )
    assert await anext(pieces) == "a"
    waiting = asyncio.ensure_future(anext(pieces))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.closed


@pytest.mark.parametrize(
    ("error", "code"), [(ApiError(502, "gone", "it went"), "gone"), (ValueError("bug"), "internal")]
)
async def test_a_stream_that_breaks_says_so(error: Exception, code: str) -> None:
    noted: list[ApiError] = []
    pieces = streaming.with_error_event(
        Source((0, "a"), (0, error)).pieces(), lambda error: f"!{error.code}", noted.append
    )
    assert [piece async for piece in pieces] == ["a", f"!{code}"]
    assert [error.code for error in noted] == [code]
    assert "bug" not in str(noted[0])


async def coalesced(source: Source, pause_s: float) -> list[str]:
    return [piece async for piece in streaming.coalesce(source.pieces(), lambda: pause_s)]


async def test_pieces_that_come_in_the_pause_are_sent_as_one() -> None:
    source = Source((0, "a"), *[(0.01, letter) for letter in "bcdefgh"])
    pieces = await coalesced(source, 0.05)
    assert pieces[0] == "a"
    assert "".join(pieces) == "abcdefgh"
    assert 2 <= len(pieces) < 8


async def test_the_last_pieces_do_not_wait_for_the_pause_to_end() -> None:
    async with asyncio.timeout(10):
        assert await coalesced(Source((0, "a"), (0.01, "b"), (0.01, "c")), 60) == ["a", "bc"]


async def test_without_a_pause_each_piece_is_sent_as_it_comes() -> None:
    assert await coalesced(Source((0.01, "a"), (0.01, "b"), (0.01, "c")), 0) == ["a", "b", "c"]
    assert await coalesced(Source(), 0) == []


async def test_what_came_before_an_error_is_sent_before_it() -> None:
    pieces = streaming.coalesce(
        Source((0, "a"), (0, "b"), (0, ValueError("bug"))).pieces(), lambda: 0
    )
    said: list[str] = []

    async def listen() -> None:
        async for piece in pieces:
            said.append(piece)  # noqa: PERF401 - a list would be lost with the error

    with pytest.raises(ValueError, match="bug"):
        await listen()
    assert "".join(said) == "ab"


async def test_a_coalesced_stream_that_is_closed_closes_its_source() -> None:
    source = Source((0, "a"), (30, "b"))
    pieces = streaming.coalesce(source.pieces(), lambda: 0)
    assert await anext(pieces) == "a"
    await pieces.aclose()
    assert source.closed


@pytest.mark.parametrize("stream_format", [SSE, NDJSON])
async def test_the_last_piece_of_a_broken_response_is_its_error(
    stream_format: StreamFormat,
) -> None:
    error = ApiError(502, "engine", "the engine died\n\ndata: [DONE]")
    entry = LogEntry("id", "POST", "/v1/ocr")
    response = await streaming.response(
        Source((0, "a"), (0, error)).pieces(),
        entry,
        stream_format,
        deadline_s=soon(),
        heartbeat_s=9,
    )
    first, last = [str(piece) async for piece in response.body_iterator]
    assert (first, entry.error) == ("a", "engine")
    assert response.headers["content-type"].startswith(stream_format.media_type)
    assert json.loads(last.removeprefix("data: ")) == error.body()
    assert last.count("\n") == (2 if stream_format is SSE else 1)
