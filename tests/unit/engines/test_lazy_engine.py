"""An engine is built with the first page that needs it."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from pipeline.engines.base import Engine, LazyEngine
from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.errors import ConfigError
from pipeline.types import Request

PAGE = Request(np.full((30, 40, 3), 255, np.uint8), 40, 30)


async def test_many_pages_wait_for_one_start() -> None:
    built: list[float] = []

    def build() -> Engine:
        time.sleep(0.05)
        built.append(time.monotonic())
        return FakeEngine(HANDLERS["echo"])

    lazy = LazyEngine(build)
    await asyncio.sleep(0)
    assert built == []
    answers = await asyncio.gather(*(lazy.generate(PAGE) for _ in range(20)))
    assert len(built) == 1
    assert len({answer.text for answer in answers}) == 1


async def test_an_engine_that_does_not_start_is_not_started_for_every_page() -> None:
    tried: list[int] = []

    def build() -> Engine:
        tried.append(1)
        raise ConfigError("the device is missing")

    lazy = LazyEngine(build)
    results = await asyncio.gather(*(lazy.generate(PAGE) for _ in range(5)), return_exceptions=True)
    assert [str(result) for result in results] == ["the device is missing"] * 5
    assert all(isinstance(result, ConfigError) for result in results)
    with pytest.raises(ConfigError, match="device is missing"):
        await lazy.start()
    assert len(tried) == 1
