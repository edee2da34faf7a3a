from __future__ import annotations

import errno
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from pipeline.config import LockConfig
from pipeline.errors import ConfigError, JobError
from pipeline.job import lock
from pipeline.job.lock import Holder, held

PROC_STAT = Path("/proc/stat")
QUICK = LockConfig(beat_s=0.05, stale_s=30)
HOLDS = """
import sys
from pathlib import Path
from pipeline.config import LockConfig
from pipeline.job.lock import held
with held(Path(sys.argv[1]), LockConfig(), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def fail(line: str) -> None:
    raise AssertionError(line)


def locked_by(path: Path, **change: object) -> None:
    """A lock as another run would have left it."""
    me = Holder.me()
    values = {name: getattr(me, name) for name in Holder.__slots__} | change
    (path / lock.FILE_NAME).write_text(json.dumps(values))


def test_it_is_there_only_while_it_is_held(tmp_path: Path) -> None:
    with held(tmp_path, QUICK, fail) as mine:
        mine.check()
        assert [file.name for file in tmp_path.iterdir()] == [lock.FILE_NAME]
    assert list(tmp_path.iterdir()) == []


def test_a_second_job_refuses_and_names_the_first(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    with pytest.raises(ConfigError, match=rf"process {first.pid} on .* last heartbeat \d+ s ago"):
        held(tmp_path, QUICK, fail).__enter__()
    first.kill()
    first.communicate()
    said: list[str] = []
    with held(tmp_path, QUICK, said.append):  # it is dead, and on this machine: no waiting
        pass
    assert f"took over the lock of process {first.pid}" in said[0]


def test_an_output_can_be_looked_at_without_its_lock(tmp_path: Path) -> None:
    lock.check_free(tmp_path, QUICK)
    locked_by(tmp_path, host="elsewhere")
    with pytest.raises(ConfigError, match="is being written by another job"):
        lock.check_free(tmp_path, QUICK)
    locked_by(tmp_path, started_at=1.0)
    lock.check_free(tmp_path, QUICK)


def test_a_lock_of_another_machine_counts_until_its_heartbeat_is_old(tmp_path: Path) -> None:
    locked_by(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(ConfigError, match="process 1 on elsewhere"):
        held(tmp_path, QUICK, fail).__enter__()
    os.utime(tmp_path / lock.FILE_NAME, (0, time.time() - 31))
    said: list[str] = []
    with held(tmp_path, QUICK, said.append):
        pass
    assert "elsewhere" in said[0]


def test_a_job_that_was_started_anew_waits_for_the_lock_of_a_dead_one(tmp_path: Path) -> None:
    locked_by(tmp_path, host="elsewhere", pid=1)
    said: list[str] = []
    patient = LockConfig(beat_s=0.2, stale_s=2, wait_s=20)
    lock.check_free(tmp_path, patient)
    with held(tmp_path, patient, said.append):
        pass
    assert "waiting up to 20 s" in said[0]
    assert "took over the lock of process 1 on elsewhere" in said[1]


def test_a_heartbeat_ends_the_waiting(tmp_path: Path) -> None:
    locked_by(tmp_path, host="elsewhere", pid=1)
    file = tmp_path / lock.FILE_NAME
    os.utime(file, (0, time.time() - 10))
    beat = threading.Timer(1.5, os.utime, (file,))
    beat.start()
    begin = time.monotonic()
    with pytest.raises(ConfigError, match="is being written by another job"):
        held(tmp_path, LockConfig(stale_s=60, wait_s=50), lambda line: None).__enter__()
    beat.join()
    assert time.monotonic() - begin < 20


def test_nobody_waits_longer_than_told(tmp_path: Path) -> None:
    locked_by(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(ConfigError, match="is being written by another job"):
        held(tmp_path, LockConfig(stale_s=60, wait_s=1.5), lambda line: None).__enter__()


def test_a_process_id_that_is_used_again_is_not_the_holder(tmp_path: Path) -> None:
    locked_by(tmp_path, started_at=1.0, token="other")
    said: list[str] = []
    with held(tmp_path, QUICK, said.append):
        pass
    assert said


def test_a_clock_that_is_set_ends_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the clock is set, the kernel moves the time at which the machine was started with it.
    ahead = re.sub(r"btime (\d+)", lambda at: f"btime {int(at[1]) + 3600}", PROC_STAT.read_text())
    (tmp_path / "stat").write_text(ahead)
    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    me = Holder.me()
    before = psutil.Process().create_time()
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    psutil.boot_time()  # it is kept by psutil, but each process has its own
    assert psutil.Process().create_time() == before + 3600
    assert not me.has_ended()


def test_a_container_with_the_name_of_its_host_ends_no_process_of_another(tmp_path: Path) -> None:
    # The processes of the other one cannot be seen here, so their ids seem to be free.
    free_pid = int(Path("/proc/sys/kernel/pid_max").read_text()) - 1
    locked_by(tmp_path, pid=free_pid, machine="the same start [of another container]")
    with pytest.raises(ConfigError, match=f"process {free_pid} on"):
        held(tmp_path, QUICK, fail).__enter__()
    locked_by(tmp_path, pid=free_pid)
    with held(tmp_path, QUICK, lambda line: None):
        pass


def test_a_lock_of_an_earlier_version_counts_until_its_heartbeat_is_old(tmp_path: Path) -> None:
    me = Holder.me()
    values = {name: getattr(me, name) for name in Holder.__slots__ if name != "machine"}
    (tmp_path / lock.FILE_NAME).write_text(json.dumps(values | {"started_at": 1.0}))
    with pytest.raises(ConfigError, match=f"process {me.pid} on"):
        held(tmp_path, QUICK, fail).__enter__()


def test_workers_in_other_processes_can_look_for_it(tmp_path: Path) -> None:
    with held(tmp_path, QUICK, fail) as mine:
        check = pickle.loads(pickle.dumps(mine.check))
        check()
        locked_by(tmp_path, token="other")
        with pytest.raises(JobError, match="taken over by process"):
            check()


def test_workers_with_other_working_folders_find_that_of_a_relative_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    with held(Path("out"), LockConfig(), print) as mine:
        assert mine is not None
        monkeypatch.chdir("/")
        mine.check()
    assert not (tmp_path / "out" / lock.FILE_NAME).exists()


def test_a_full_disk_keeps_nothing_of_a_lock_that_was_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        path.touch()  # a name has room, its content has none
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(JobError, match="No space left on device"):
        held(tmp_path, QUICK, fail).__enter__()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_lock_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / lock.FILE_NAME).write_text("mine")
    with pytest.raises(ConfigError, match="not a lock of Rayscribe"):
        held(tmp_path, QUICK, fail).__enter__()


def test_it_shows_signs_of_life(tmp_path: Path) -> None:
    with held(tmp_path, QUICK, fail):
        os.utime(tmp_path / lock.FILE_NAME, (0, 0))
        deadline = time.monotonic() + 5
        while (tmp_path / lock.FILE_NAME).stat().st_mtime < 1:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_lock_that_was_lost_is_noticed_and_left_to_its_holder(tmp_path: Path) -> None:
    with held(tmp_path, QUICK, fail) as mine:
        locked_by(tmp_path, token="other")
        with pytest.raises(JobError, match="taken over by process"):
            mine.check()
    assert json.loads((tmp_path / lock.FILE_NAME).read_text())["token"] == "other"


def test_of_many_takers_one_gets_a_dead_lock(tmp_path: Path) -> None:
    locked_by(tmp_path, started_at=1.0, token="dead")
    gate, won, lost = threading.Barrier(8), [], []

    def take() -> None:
        gate.wait()
        try:
            with held(tmp_path, QUICK, lambda line: None):
                won.append(1)
                time.sleep(0.3)
        except ConfigError:
            lost.append(1)

    takers = [threading.Thread(target=take) for _ in range(8)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert (len(won), len(lost)) == (1, 7)
