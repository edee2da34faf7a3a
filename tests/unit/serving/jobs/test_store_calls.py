"""Calls of the store for requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterator
from functools import partial

import pytest

from pipeline.errors import DocumentError, ErrorKind, JobError
from serving.errors import ApiError
from serving.jobs import store_calls

AWAY = [
    JobError("cannot be listed"),
    OSError("tried 6 times"),
    PermissionError("refused"),
    DocumentError(ErrorKind.FETCH, "a shard"),
]


def failing(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("is_reading", [True, False])
async def test_a_store_that_does_not_answer_is_a_503_that_is_logged_once(
    caplog: pytest.LogCaptureFixture, error: Exception, is_reading: bool
) -> None:
    call = partial(store_calls.asked, 5) if is_reading else store_calls.done
    with pytest.raises(ApiError) as raised:
        await call(failing, error)
    found = raised.value
    assert (found.status, found.code) == (503, "store_unavailable")
    assert int(found.headers()["Retry-After"]) > 0
    assert [record.message for record in caplog.records] == [
        f"the store of jobs does not answer: {error}"
    ]
    assert str(error) not in str(found)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ApiError(404, "job_not_found", "none"), ApiError),
        (FileNotFoundError("none"), FileNotFoundError),
        (DocumentError(ErrorKind.NOT_FOUND, "none"), FileNotFoundError),
        (ValueError("damaged"), ValueError),
    ],
)
async def test_other_errors_are_left_as_they_are(
    caplog: pytest.LogCaptureFixture, error: Exception, expected: type[Exception]
) -> None:
    with pytest.raises(expected, match=str(error)):
        await store_calls.asked(5, failing, error)
    assert not caplog.records


async def test_a_read_has_a_limit_and_a_write_goes_on() -> None:
    go_on = threading.Event()
    with pytest.raises(ApiError) as error:
        await store_calls.asked(0.05, go_on.wait, 20)
    assert error.value.code == "store_unavailable"
    writing = asyncio.ensure_future(store_calls.done(go_on.wait, 20))
    await asyncio.sleep(0.2)
    assert not writing.done()
    go_on.set()
    assert await writing


async def test_calls_that_wait_for_a_store_leave_threads_to_other_requests() -> None:
    go_on = threading.Event()
    waiting = [asyncio.ensure_future(store_calls.done(go_on.wait, 20)) for _ in range(100)]
    try:
        async with asyncio.timeout(10):
            assert await asyncio.to_thread(lambda: True)
    finally:
        go_on.set()
        await asyncio.gather(*waiting)


def test_a_stream_that_breaks_ends_with_the_same_error() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise OSError("gone")

    found = store_calls.guarded(pieces())
    assert next(found) == b"first"
    with pytest.raises(ApiError) as error:
        next(found)
    assert error.value.code == "store_unavailable"


async def test_what_a_response_reads_from_is_closed_where_its_caller_leaves() -> None:
    closed = threading.Event()

    def pieces() -> Generator[bytes, None, None]:
        try:
            yield b"b"
            yield b"c"
        finally:
            closed.set()

    given = pieces()
    next(given)
    content = store_calls.streamed(b"a", given)
    assert await anext(content) == b"a"
    await content.aclose()
    assert await asyncio.to_thread(closed.wait, 10)
    assert [piece async for piece in store_calls.streamed(b"a", pieces())] == [b"a", b"b", b"c"]
