from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from serving.errors import ApiError
from serving.http import streaming


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


async def paced(source: Source, deadline_s: float, heartbeat_s: float = 60) -> list[str]:
    pieces = streaming.paced(
        source.pieces(), deadline_s=deadline_s, heartbeat_s=heartbeat_s, heartbeat=":"
    )
    return [piece async for piece in pieces]


async def test_an_error_before_the_first_piece_is_raised() -> None:
    with pytest.raises(ApiError, match="busy"):
        await streaming.begun(Source((0, ApiError(429, "busy", "busy"))).pieces())


async def test_begun_keeps_every_piece() -> None:
    pieces = await streaming.begun(Source((0, "a"), (0, "b")).pieces())
    assert [piece async for piece in pieces] == ["a", "b"]
    assert [piece async for piece in await streaming.begun(Source().pieces())] == []


async def test_a_pause_is_filled_with_signs_of_life() -> None:
    said = await paced(Source((0, "a"), (0.35, "b")), soon(), heartbeat_s=0.1)
    assert (said[0], said[-1]) == ("a", "b")
    assert 1 <= said.count(":") <= 3


async def test_the_deadline_ends_a_stream() -> None:
    source = Source((0, "a"), (30, "b"))
    with pytest.raises(ApiError) as caught:
        await paced(source, soon(0.2))
    assert caught.value.status == 504
    assert source.closed


async def test_whoever_stops_listening_closes_the_source() -> None:
    source = Source((0, "a"), (30, "b"))
    pieces = streaming.guarded(
        streaming.paced(
            await streaming.begun(source.pieces()), deadline_s=soon(), heartbeat_s=9, heartbeat=":"
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
    pieces = streaming.guarded(
        Source((0, "a"), (0, error)).pieces(), lambda error: f"!{error.code}", noted.append
    )
    assert [piece async for piece in pieces] == ["a", f"!{code}"]
    assert [error.code for error in noted] == [code]
    assert "bug" not in str(noted[0])


async def joined(source: Source, pause_s: float) -> list[str]:
    return [piece async for piece in streaming.joined(source.pieces(), lambda: pause_s)]


async def test_pieces_that_come_in_the_pause_are_joined() -> None:
    source = Source((0, "a"), *[(0.01, letter) for letter in "bcdefgh"])
    pieces = await joined(source, 0.05)
    assert pieces[0] == "a"
    assert "".join(pieces) == "abcdefgh"
    assert 2 <= len(pieces) < 8


async def test_the_last_pieces_do_not_wait_for_the_pause_to_end() -> None:
    async with asyncio.timeout(10):
        assert await joined(Source((0, "a"), (0.01, "b"), (0.01, "c")), 60) == ["a", "bc"]


async def test_without_a_pause_each_piece_is_sent_as_it_comes() -> None:
    assert await joined(Source((0.01, "a"), (0.01, "b"), (0.01, "c")), 0) == ["a", "b", "c"]
    assert await joined(Source(), 0) == []


async def test_what_came_before_an_error_is_sent_before_it() -> None:
    pieces = streaming.joined(
        Source((0, "a"), (0, "b"), (0, ValueError("bug"))).pieces(), lambda: 0
    )
    said: list[str] = []

    async def listen() -> None:
        async for piece in pieces:
            said.append(piece)  # noqa: PERF401 - a list would be lost with the error

    with pytest.raises(ValueError, match="bug"):
        await listen()
    assert "".join(said) == "ab"


async def test_a_joined_stream_that_is_left_closes_its_source() -> None:
    source = Source((0, "a"), (30, "b"))
    pieces = streaming.joined(source.pieces(), lambda: 0)
    assert await anext(pieces) == "a"
    await pieces.aclose()
    assert source.closed
