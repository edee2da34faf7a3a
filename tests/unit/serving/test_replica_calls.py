"""`serving.replica_calls` with calls of our own; `test_app.py` has them on Ray Serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.serve.exceptions import BackPressureError

from serving import replica_calls
from serving.errors import ApiError
from serving.replica_calls import Replicas


class Answer:
    """A call that takes its time, then answers or fails."""

    def __init__(self, result: Any, seconds: float = 0.0) -> None:
        self.result = result
        self.seconds = seconds
        self.cancelled = False

    def __await__(self) -> Generator[Any, None, Any]:
        yield from asyncio.sleep(self.seconds).__await__()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def cancel(self) -> None:
        self.cancelled = True


class Pieces(Answer):
    """A stream; a piece that is an exception is raised."""

    async def __aiter__(self) -> AsyncIterator[str]:
        await asyncio.sleep(self.seconds)
        for piece in self.result:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica_calls, "_COLD_CHECK_S", 0.05)
    monkeypatch.setattr(replica_calls, "_RETRY_PAUSE_S", 0.01)


def model(running: Callable[[], int] = lambda: 1, cold_wait_s: float = 5) -> Replicas:
    async def count() -> int:
        return running()

    return Replicas("m", count, cold_wait_s, retries=2)


def sender(*answers: Answer) -> Callable[[], Any]:
    waiting = iter(answers)
    return lambda: next(waiting)


DEAD = ActorDiedError()


async def test_an_answer_is_handed_on() -> None:
    assert await model().call(sender(Answer("a"))) == "a"


async def test_a_replica_that_dies_is_replaced_by_another() -> None:
    assert await model().call(sender(Answer(DEAD), Answer(DEAD), Answer("a"))) == "a"


async def test_retries_end() -> None:
    with pytest.raises(ApiError) as caught:
        await model().call(sender(*[Answer(DEAD) for _ in range(3)]))
    assert (caught.value.status, caught.value.code) == (503, "replica_died")
    assert caught.value.retry_after_s


async def test_a_full_queue_is_too_many_requests() -> None:
    with pytest.raises(ApiError) as caught:
        await model().call(sender(Answer(BackPressureError(9, 8))))
    assert caught.value.status == 429
    assert caught.value.headers()["Retry-After"] == "1"


async def test_other_errors_are_not_tried_again() -> None:
    with pytest.raises(ZeroDivisionError):
        await model().call(sender(Answer(ZeroDivisionError())))


async def test_a_call_waits_for_a_cold_start() -> None:
    assert await model(lambda: 0).call(sender(Answer("a", 0.3))) == "a"


async def test_a_cold_start_that_takes_too_long_is_a_503() -> None:
    call = Answer("a", 60)
    with pytest.raises(ApiError) as caught:
        await model(lambda: 0, cold_wait_s=0.1).call(sender(call))
    assert (caught.value.status, caught.value.code) == (503, "model_cold")
    assert caught.value.retry_after_s
    assert call.cancelled


async def test_a_slow_answer_of_a_warm_model_is_waited_for() -> None:
    assert await model(lambda: 1, cold_wait_s=0.1).call(sender(Answer("a", 0.4))) == "a"


async def test_a_call_that_cannot_be_served_in_time_is_refused_at_once() -> None:
    state = {"running": 0}
    cold = model(lambda: state["running"], cold_wait_s=0.6)
    cold._last_start_s = 100.0
    first = asyncio.create_task(cold.call(sender(Answer("first", 0.5))))
    await asyncio.sleep(0.15)
    call = Answer("second", 60)
    with pytest.raises(ApiError) as caught:
        await asyncio.wait_for(cold.call(sender(call)), 0.3)
    assert caught.value.retry_after_s > 90
    assert await first == "first"  # somebody has to wait, or Serve would not start a replica


async def test_a_start_is_timed() -> None:
    state = {"running": 0}
    cold = model(lambda: state["running"])
    await cold.call(sender(Answer("a", 0.3)))
    assert 0.1 < cold._last_start_s < 1
    assert cold._start_began_at_s is None


async def test_a_caller_who_leaves_ends_the_call() -> None:
    call = Answer("a", 60)
    task = asyncio.create_task(model().call(sender(call)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled


async def test_a_stream_is_handed_on_and_tried_again_before_it_began() -> None:
    send = sender(Pieces([DEAD]), Pieces(["a", "b"]))
    assert [piece async for piece in model().stream(send)] == ["a", "b"]
    assert [piece async for piece in model().stream(sender(Pieces([])))] == []


async def test_a_stream_that_breaks_is_not_begun_again() -> None:
    stream = model().stream(sender(Pieces(["a", DEAD]), Pieces(["a", "b"])))
    assert await anext(stream) == "a"
    with pytest.raises(ApiError) as caught:
        await anext(stream)
    assert (caught.value.status, caught.value.code) == (502, "replica_died")


async def test_a_stream_that_is_left_is_cancelled() -> None:
    call = Pieces(["a", "b"])
    stream = model().stream(sender(call))
    assert await anext(stream) == "a"
    await stream.aclose()  # type: ignore[attr-defined]
    assert call.cancelled
