"""An engine that dies: restarted, replayed, and only the culprit fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.engines.deepseek_ocr.supervisor import EngineDied, Supervisor
from pipeline.errors import ConfigError, EngineError, JobError
from pipeline.types import Generation, Request


def a_request(name: str) -> Request:
    return Request(np.zeros((1, 1, 3), np.uint8), 1, 1, prompt=name)


class FakeCore:
    """Dies of the pages in `poison`, and takes all pages in flight with it."""

    def __init__(self, poison: set[str], dies_at_check: bool = False) -> None:
        self.poison = poison
        self.dies_at_check = dies_at_check
        self.death = asyncio.Event()
        self.closed = False
        self.checks = 0
        self.together: list[int] = []
        self._running = 0

    async def check(self) -> None:
        self.checks += 1
        if self.dies_at_check:
            raise EngineDied

    async def generate(self, request: Request) -> Generation:
        if self.death.is_set():
            raise EngineDied
        self._running += 1
        self.together.append(self._running)
        try:
            await asyncio.sleep(0.01)
            if request.prompt in self.poison:
                self.death.set()
            if request.prompt == "unreadable":
                raise EngineError("this page only")
            await asyncio.sleep(0.01)
            if self.death.is_set():
                raise EngineDied
        finally:
            self._running -= 1
        return Generation(request.prompt)

    def close(self) -> None:
        self.closed = True


class Factory:
    """Makes cores and keeps them, with `make` deciding what each one is like."""

    def __init__(self, make: Callable[[int], FakeCore]) -> None:
        self.cores: list[FakeCore] = []
        self._make = make

    def __call__(self) -> FakeCore:
        self.cores.append(self._make(len(self.cores)))
        return self.cores[-1]


async def answers(engine: Supervisor, names: list[str]) -> dict[str, object]:
    tasks = [engine.generate(a_request(name)) for name in names]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return {
        name: result.text if isinstance(result, Generation) else type(result)
        for name, result in zip(names, results, strict=True)
    }


async def test_pages_run_together_on_one_core_that_is_checked_once() -> None:
    factory = Factory(lambda _: FakeCore(set()))
    engine = Supervisor(factory, max_restarts=0)
    names = [str(number) for number in range(8)]
    assert await answers(engine, names) == {name: name for name in names}
    assert [core.checks for core in factory.cores] == [1]
    assert max(factory.cores[0].together) == 8


async def test_only_the_page_that_ends_the_engine_again_fails() -> None:
    factory = Factory(lambda _: FakeCore({"poison"}))
    engine = Supervisor(factory, max_restarts=4)
    names = ["a", "b", "poison", "c", "d"]
    found = await answers(engine, names)
    assert found.pop("poison") is EngineError
    assert found == {name: name for name in "abcd"}
    assert len(factory.cores) == 3
    assert [core.closed for core in factory.cores] == [True, True, False]


async def test_suspects_are_replayed_one_at_a_time_the_latest_first() -> None:
    factory = Factory(lambda _: FakeCore({"poison"}))
    engine = Supervisor(factory, max_restarts=4)
    await answers(engine, ["poison", "a", "b", "c"])
    assert factory.cores[0].together == [1, 2, 3, 4]
    assert factory.cores[1].together == [1, 1, 1, 1]


async def test_a_culprit_among_the_latest_pages_clears_the_others_at_once() -> None:
    factory = Factory(lambda _: FakeCore({"poison"}))
    engine = Supervisor(factory, max_restarts=4)
    await answers(engine, ["a", "b", "c", "poison"])
    assert factory.cores[1].together == [1]
    assert max(factory.cores[2].together) == 3


async def test_a_death_without_a_culprit_costs_no_page() -> None:
    factory = Factory(lambda count: FakeCore({"b"} if count == 0 else set()))
    engine = Supervisor(factory, max_restarts=1)
    assert await answers(engine, ["a", "b", "c"]) == {"a": "a", "b": "b", "c": "c"}


async def test_new_pages_wait_until_the_suspects_are_through() -> None:
    factory = Factory(lambda _: FakeCore({"poison"}))
    engine = Supervisor(factory, max_restarts=4)
    first = asyncio.create_task(answers(engine, ["a", "poison"]))
    while len(factory.cores) < 2:
        await asyncio.sleep(0.005)
    assert await answers(engine, ["late"]) == {"late": "late"}
    assert (await first)["a"] == "a"
    assert max(factory.cores[1].together) == 1


async def test_a_page_error_is_no_death() -> None:
    factory = Factory(lambda _: FakeCore(set()))
    engine = Supervisor(factory, max_restarts=0)
    assert await answers(engine, ["unreadable", "a"]) == {"unreadable": EngineError, "a": "a"}
    assert len(factory.cores) == 1


async def test_the_job_stops_when_the_restarts_are_used_up() -> None:
    factory = Factory(lambda _: FakeCore({"x", "y"}))
    engine = Supervisor(factory, max_restarts=2)
    found = await answers(engine, ["x", "y", "z"])
    assert EngineError in found.values()
    assert JobError in found.values()
    assert len(factory.cores) == 3
    with pytest.raises(JobError, match="died 3 times"):
        await engine.generate(a_request("later"))


async def test_an_engine_that_does_not_start_again_counts_as_a_death(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make(count: int) -> FakeCore:
        if count == 1:
            factory.cores.append(FakeCore(set()))
            raise RuntimeError("no memory")
        return FakeCore({"a"} if count == 0 else set())

    async def no_wait(_: float, sleep: object = asyncio.sleep) -> None:
        await sleep(0)  # type: ignore[operator]

    factory = Factory(make)
    engine = Supervisor(factory, max_restarts=2)
    monkeypatch.setattr("pipeline.engines.deepseek_ocr.supervisor._pause", no_wait)
    assert await answers(engine, ["a"]) == {"a": "a"}
    assert len(factory.cores) == 3


async def test_a_core_that_dies_in_its_check_stops_the_job() -> None:
    factory = Factory(lambda _: FakeCore(set(), dies_at_check=True))
    engine = Supervisor(factory, max_restarts=2)
    with pytest.raises(ConfigError, match="its test page"):
        await engine.generate(a_request("a"))
    assert len(factory.cores) == 1


async def test_a_failed_check_reaches_every_page() -> None:
    class Wrong(FakeCore):
        async def check(self) -> None:
            raise ConfigError("set something else")

    engine = Supervisor(Factory(lambda _: Wrong(set())), max_restarts=2)
    assert await answers(engine, ["a", "b"]) == {"a": ConfigError, "b": ConfigError}


async def test_many_good_pages_forgive_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engines.deepseek_ocr.supervisor._RESET_PAGES", 3)
    factory = Factory(lambda count: FakeCore({"once"} if count in (0, 1) else set()))
    engine = Supervisor(factory, max_restarts=2)
    assert await answers(engine, ["once"]) == {"once": EngineError}
    await answers(engine, ["a", "b", "c"])
    factory.cores[-1].poison = {"again"}
    assert await answers(engine, ["again"]) == {"again": "again"}


async def test_close_ends_the_core() -> None:
    factory = Factory(lambda _: FakeCore(set()))
    engine = Supervisor(factory, max_restarts=2)
    engine.close()
    engine.close()
    assert factory.cores[0].closed
