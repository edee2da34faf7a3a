"""What is worked on, and when it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from serving.config import JobConfig
from serving.jobs import runner as runner_module
from serving.jobs.records import JobRecord, Problem
from serving.jobs.runner import Runner
from serving.jobs.store import Key, Kind, Store, key_at, new_key


class Work:
    """Ends when it is told to; counts what runs."""

    def __init__(self) -> None:
        self.ended: dict[Key, float] = {}
        self.begun: list[Key] = []
        self.failed: dict[Key, Problem] = {}
        self.go_on = asyncio.Event()
        self.fault: Exception | None = None
        self.unreadable: Key | None = None
        self.damage: Exception = ValueError("damaged")
        self.read: set[Key] = set()
        self.check: Callable[[], None] | None = None

    def ended_at(self, key: Key) -> float | None:
        if key == self.unreadable:
            raise self.damage
        return self.ended.get(key)

    async def run(self, key: Key, check: Callable[[], None]) -> None:
        self.begun.append(key)
        self.check = check
        if self.fault:
            raise self.fault
        await self.go_on.wait()
        self.ended[key] = time.time()

    def is_read(self, key: Key) -> bool:
        return key in self.read

    def awaits(self, key: Key) -> bool:
        return False

    def fail(self, key: Key, problem: Problem, check: Callable[[], None]) -> None:
        self.failed[key] = problem
        self.ended[key] = time.time()


def kept(store: Store, owner: str = "anna", at: float = 0.0, size: int = 1) -> Key:
    key = key_at(owner, Kind.JOB, at, "0" * 16) if at else new_key(owner, Kind.JOB)
    path = store.make_folder(key) / "document"
    assert isinstance(path, Path)
    path.write_bytes(bytes(size))
    store.create(key, JobRecord())
    return key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path), StoreConfig())


@asynccontextmanager
async def running(store: Store, work: Work, **settings: Any) -> AsyncIterator[Runner]:
    config = JobConfig(poll_s=0.02, **settings)
    runner = Runner(store, {Kind.JOB: work}, config)
    runner.start()
    try:
        yield runner
    finally:
        await runner.close()


async def wait(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.01)


async def test_the_oldest_first_and_each_owner_in_its_turn(store: Store) -> None:
    now = time.time()
    first, second, third = (kept(store, "anna", now + place) for place in range(3))
    bens = kept(store, "ben", now + 9)
    work = Work()
    async with running(store, work, running=2):
        await wait(lambda: len(work.begun) == 2)
        assert set(work.begun) == {first, bens}
        work.go_on.set()
        await wait(lambda: len(work.ended) == 4)
    assert set(work.begun[2:]) == {second, third}


async def test_a_slow_store_does_not_keep_the_first_waiting_for_each_other_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [kept(store, "anna", time.time() + place) for place in range(60)]
    work = Work()

    def slow(key: Key) -> float | None:
        time.sleep(0.1)
        return None

    monkeypatch.setattr(work, "ended_at", slow)
    begin = time.monotonic()
    async with running(store, work, running=1):
        await wait(lambda: bool(work.begun))
        assert time.monotonic() - begin < 3  # 6 s, if they are looked at one after the other
        assert work.begun == keys[:1]


async def test_work_is_stopped_and_its_lock_free_when_the_runner_closes(store: Store) -> None:
    key, work = kept(store), Work()
    for _ in range(2):
        async with running(store, work):
            await wait(lambda: bool(work.begun))
            work.begun.clear()
    assert not work.ended
    assert not (store.folder(key) / "_lock.json").exists()


async def test_work_whose_record_is_removed_by_another_process_is_stopped(store: Store) -> None:
    key, work = kept(store), Work()
    async with running(store, work):
        await wait(lambda: bool(work.begun))
        store.remove_record(key)
        await wait(lambda: not Path(str(store.folder(key))).exists())
    assert not work.ended


async def test_work_can_see_that_another_process_has_taken_its_lock(store: Store) -> None:
    key, work = kept(store), Work()
    async with running(store, work):
        await wait(lambda: work.check is not None)
        assert work.check is not None
        work.check()
        (Path(str(store.folder(key))) / "_lock.json").write_text("{}")
        with pytest.raises(JobError, match="was taken over"):
            work.check()


async def test_work_that_makes_its_owner_keep_too_much_fails(store: Store) -> None:
    key, work = kept(store, size=2 << 20), Work()
    async with running(store, work, max_mib=1):
        await wait(lambda: key in work.failed)
    assert work.failed[key].code == "storage_full"


@pytest.mark.parametrize(
    ("fault", "fails"), [(RuntimeError("bug"), True), (OSError("disk full"), False)]
)
async def test_faults_of_the_program_end_a_job_and_those_of_the_store_do_not(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception, fails: bool
) -> None:
    monkeypatch.setattr(runner_module, "_PAUSE_S", 0.0)
    key, work = kept(store), Work()
    work.fault = fault
    async with running(store, work):
        await wait(lambda: key in work.failed or len(work.begun) >= 6)
    assert (key in work.failed) is fails


@pytest.mark.parametrize("damage", [ValueError("damaged"), OSError("cannot be read")])
async def test_a_record_that_cannot_be_read_keeps_no_other_from_its_turn(
    store: Store, damage: Exception
) -> None:
    damaged, good = kept(store), kept(store)
    work = Work()
    work.unreadable, work.damage = damaged, damage
    work.go_on.set()
    async with running(store, work):
        await wait(lambda: good in work.ended)
    assert work.begun == [good]


async def test_a_file_is_removed_when_its_time_is_over(store: Store) -> None:
    file = key_at("anna", Kind.FILE, time.time() - 100, "0" * 16)
    store.create(file, JobRecord())
    async with running(store, Work(), kept_s=50):
        await wait(lambda: not store.exists(file))


async def test_work_that_reads_nothing_takes_no_place_of_jobs_and_has_a_limit_of_its_own(
    store: Store,
) -> None:
    now = time.time()
    told = [kept(store, "anna", now + place) for place in range(3)]
    job = kept(store, "anna", now + 9)
    work = Work()
    work.read.update(told)
    async with running(store, work, running=1, webhooks_in_flight=2):
        await wait(lambda: len(work.begun) == 3)
        await asyncio.sleep(0.1)
        assert set(work.begun) == {*told[:2], job}
        work.go_on.set()
        await wait(lambda: len(work.ended) == 4)


async def test_a_host_is_told_though_its_owner_keeps_too_much(store: Store) -> None:
    key, work = kept(store, size=2 << 20), Work()
    work.read.add(key)
    async with running(store, work, max_mib=1):
        await wait(lambda: bool(work.begun))
        await asyncio.sleep(0.1)
        assert not work.failed


async def test_a_store_that_does_not_answer_is_logged_once_until_it_does(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looks, keys, is_away = 0, store.keys, True

    def listed() -> list[Key]:
        nonlocal looks
        looks += 1
        if is_away:
            raise JobError("no answer")
        return keys()

    async def looked() -> None:
        before = looks
        await wait(lambda: looks > before + 3)

    monkeypatch.setattr(store, "keys", listed)
    async with running(store, Work()):
        for times in (1, 2):
            is_away = True
            await looked()
            assert [record.message for record in caplog.records] == [
                "the jobs cannot be listed"
            ] * times
            is_away = False
            await looked()


async def test_the_output_of_a_batch_that_ends_late_is_not_swept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "_SWEEP_S", 0.0)
    late, orphan = (key_at("anna", Kind.FILE, 1.0, digit * 16) for digit in "01")
    for key in (late, orphan):
        store.make_folder(key)
    work = Work()
    monkeypatch.setattr(work, "awaits", lambda key: key == late)
    async with running(store, work):
        await wait(lambda: not Path(str(store.folder(orphan))).exists())
        await asyncio.sleep(0.1)
    assert Path(str(store.folder(late))).exists()
