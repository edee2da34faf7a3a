"""Who waits for whom before something is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipeline.config import StoreConfig
from serving.config import JobConfig
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
