"""Who waits for whom before something is kept."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from pipeline.config import StoreConfig
from serving.config import JobConfig
from serving.errors import ApiError
from serving.jobs.admission import Admission
from serving.jobs.store import Kind, Store


async def test_a_slow_upload_delays_only_its_owner(tmp_path: Path) -> None:
    admission = Admission(Store(str(tmp_path), StoreConfig()), JobConfig())
    done = []

    async def keep(owner: str) -> None:
        async with admission.admitted(owner, Kind.JOB, 1):
            done.append(owner)

    async with asyncio.timeout(20):
        async with admission.admitted("anna", Kind.JOB, 1):
            again = asyncio.ensure_future(keep("anna"))
            await keep("ben")
            assert done == ["ben"]
        await again
    assert done == ["ben", "anna"]


async def test_who_waits_behind_others_of_the_owner_waits_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, go_on = Store(str(tmp_path), StoreConfig(), answer_s=0.5), threading.Event()
    monkeypatch.setattr(store, "keys", lambda *_: go_on.wait(20) and [])
    admission, begin = Admission(store, JobConfig(answer_s=0.5)), time.monotonic()

    async def refused_after_s() -> float:
        with pytest.raises(ApiError) as error:
            async with admission.admitted("anna", Kind.JOB, 1):
                raise AssertionError("admitted")
        assert (error.value.status, error.value.code) == (503, "store_unavailable")
        return time.monotonic() - begin

    waited_s = await asyncio.gather(*(refused_after_s() for _ in range(4)))
    go_on.set()
    assert max(waited_s) < 1.3
    async with admission.admitted("anna", Kind.JOB, 1):
        pass  # nobody who gave up keeps the turn
