"""The end of the answers of a replica, and of the work on jobs beside them."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from serving.deployments import Ingress
from serving.errors import ApiError
from serving.http.drain import Drain


class Runner:
    """Its end waits for a store.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_closed = False

    async def close(self) -> None:
        await asyncio.sleep(self.seconds)
        self.is_closed = True


def draining(runner: Runner, drain: Drain, grace_s: float) -> asyncio.Task[int]:
    replica = SimpleNamespace(_handlers=SimpleNamespace(jobs=SimpleNamespace(runner=runner)))
    replica._drain = drain
    return asyncio.ensure_future(cast(Any, Ingress).drain(replica, grace_s))


async def test_a_store_that_is_away_takes_no_time_from_answers() -> None:
    drain, begin = Drain(), time.monotonic()
    answer = asyncio.ensure_future(drain.run(asyncio.sleep(60)))
    await asyncio.sleep(0)
    stopping = draining(Runner(60), drain, 0.5)
    await asyncio.sleep(0.05)
    with pytest.raises(ApiError) as refused:
        await drain.run(asyncio.sleep(0))
    assert (refused.value.status, refused.value.code) == (503, "stopping")
    assert not answer.done()
    with pytest.raises(ApiError):
        await answer
    assert time.monotonic() - begin < 3
    assert await stopping == 1
    assert time.monotonic() - begin < 10


async def test_jobs_are_waited_for_where_no_answer_runs(caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner(0.3)
    assert await draining(runner, Drain(), 20) == 0
    assert runner.is_closed
    assert not caplog.records


async def test_a_second_signal_ends_the_wait_for_jobs(caplog: pytest.LogCaptureFixture) -> None:
    drain, begin = Drain(), time.monotonic()
    both = draining(Runner(60), drain, 60), draining(Runner(60), drain, 0)
    assert await asyncio.gather(*both) == [0, 0]
    assert time.monotonic() - begin < 20
    assert "has not ended in time" in caplog.text


async def test_an_error_of_the_jobs_cuts_off_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise RuntimeError("broken")

    assert await Drain().finish(20, fails()) == 0
    assert "broken" in caplog.text
