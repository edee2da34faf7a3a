"""The lock of an output on S3, against a server on loopback."""

from __future__ import annotations

import dataclasses
import json
import threading
import time

import pytest

from pipeline.config import LockConfig, StoreConfig
from pipeline.errors import ConfigError, JobError
from pipeline.job import lock
from pipeline.job.lock import Holder, held
from pipeline.storage.conditional_file import S3ConditionalFile, open_conditional
from pipeline.storage.paths import StorePath
from tests.support.object_stores import Fault, S3Server

QUICK = LockConfig(beat_s=0.2, stale_s=30)


@pytest.fixture
def output(s3: S3Server) -> StorePath:
    return StorePath(f"s3://{s3.bucket}/out", s3.config())


def fail(line: str) -> None:
    raise AssertionError(line)


def content(**change: object) -> bytes:
    return json.dumps(dataclasses.asdict(Holder.me()) | change).encode()


def its_slot(output: StorePath) -> S3ConditionalFile:
    found = open_conditional(output, lock.FILE_NAME)
    assert isinstance(found, S3ConditionalFile)
    return found


def test_a_second_job_refuses_until_the_first_is_done(output: StorePath) -> None:
    with held(output, QUICK, fail) as mine:
        assert mine is not None
        mine.check()
        with pytest.raises(ConfigError, match="is being written by another job"):
            held(output, QUICK, fail).__enter__()
        with pytest.raises(ConfigError, match=r"process \d+ on"):
            lock.check_free(output, QUICK)
    assert its_slot(output).read() is None
    lock.check_free(output, QUICK)


@pytest.mark.parametrize("before", [None, "dead"])
def test_a_lock_is_held_though_the_answer_to_its_write_was_lost(
    s3: S3Server, output: StorePath, before: str | None
) -> None:
    if before:
        assert its_slot(output).create(content(started_at=1.0, token=before))
    # The client writes it again, and is told that there is a lock.
    lost = Fault("unanswered", lock.FILE_NAME, times=1, after=int(bool(before)), method="PUT")
    s3.faults.append(lost)
    with held(output, QUICK, lambda line: None) as mine:
        assert mine is not None
        mine.check()
        assert not lost.times
    assert its_slot(output).read() is None


def test_it_shows_signs_of_life_that_change_its_tag(output: StorePath) -> None:
    place = its_slot(output)
    with held(output, QUICK, fail) as mine:
        assert mine is not None
        first = place.read()
        assert first is not None
        deadline = time.monotonic() + 10
        while (now := place.read()) and now.tag == first.tag:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not place.replace(first, b"taken over from a state that is gone")
        mine.check()
    assert place.read() is None


def test_a_dead_lock_is_taken_over_and_its_holder_finds_out(output: StorePath) -> None:
    place = its_slot(output)
    assert place.create(content(started_at=1.0, token="dead"))
    assert not place.create(content())
    said: list[str] = []
    with held(output, QUICK, said.append) as mine:
        assert mine is not None
        assert "took over the lock" in said[0]
        found = place.read()
        assert found is not None
        assert place.replace(found, content(token="other"))
        with pytest.raises(JobError, match="taken over by process"):
            mine.check()
    left = place.read()
    assert left is not None, "another job's lock stays"
    assert json.loads(left.content)["token"] == "other"


def test_a_lock_of_another_machine_counts_until_its_heartbeat_is_old(output: StorePath) -> None:
    assert its_slot(output).create(content(host="elsewhere", pid=1))
    with pytest.raises(ConfigError, match="process 1 on elsewhere"):
        held(output, QUICK, fail).__enter__()
    time.sleep(1.1)  # S3's clock has whole seconds
    with held(output, LockConfig(beat_s=0.2, stale_s=1), lambda line: None):
        pass


def test_of_many_takers_one_gets_a_dead_lock(output: StorePath) -> None:
    assert its_slot(output).create(content(started_at=1.0, token="dead"))
    gate, won, lost = threading.Barrier(6), list[int](), list[int]()
    over = threading.Event()

    def take() -> None:
        gate.wait()
        try:
            with held(output, QUICK, lambda line: None):
                won.append(1)
                over.wait(20)
        except ConfigError:
            lost.append(1)
            if len(lost) == 5:
                over.set()

    takers = [threading.Thread(target=take) for _ in range(6)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert (len(won), len(lost)) == (1, 5)


def test_a_store_that_does_not_answer_is_told(s3: S3Server) -> None:
    dead = StoreConfig(s3_endpoint="http://127.0.0.1:9", tries=1, connect_s=1)
    with pytest.raises(JobError, match="cannot read or write the lock"):
        held(StorePath(f"s3://{s3.bucket}/out", dead), QUICK, fail).__enter__()


def test_other_stores_have_none_and_it_is_said() -> None:
    said: list[str] = []
    with held(StorePath("gs://bucket/out"), QUICK, said.append) as mine:
        assert mine is None
    assert "cannot be locked" in said[0]
