"""One job at a time on an output.

Two jobs on one output would each do pages that the other has in flight. So a job holds a lock: a
file in the output with the identity of its process, rewritten as a heartbeat. A job that finds the
lock of another one refuses to start; a lock without a recent heartbeat, or of a process that has
ended, is taken over. A job that is started anew on another machine cannot know at once whether its
predecessor is dead: with `lock.wait_s` it waits for the heartbeat that does not come.

A job that was paused for long, as by the sleep of its machine, may lose its lock without noticing:
whatever writes its rows looks for the lock before each shard (`Holding.check`).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from pipeline.config import LockConfig
from pipeline.errors import ConfigError, JobError
from pipeline.storage import conditional_file
from pipeline.storage.conditional_file import ConditionalFile, FileState
from pipeline.storage.paths import AnyPath

FILE_NAME: Final = "_lock.json"
_PAUSE_S: Final = 0.1
_START_TICKS: Final = 19
"""Position of the time of start in /proc/PID/stat, behind the name."""
_POLL_S: Final = 1.0
"""Seconds between two looks at a lock that is waited for, and what clocks of stores may be off."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        token: Unique to this run.
        host: The machine of the driver.
        pid: Its process.
        started_at: When that process was started (`_started_at`): process ids are reused.
        locked_at: When the lock was taken, Unix time in seconds.
        machine: Where process ids mean the same (`_machine`).
    """

    token: str
    host: str
    pid: int
    started_at: float
    locked_at: float
    machine: str = ""

    @classmethod
    def me(cls) -> Holder:
        """This process, now."""
        pid = os.getpid()
        return cls(
            token=secrets.token_hex(8),
            host=socket.gethostname(),
            pid=pid,
            started_at=_started_at(pid),
            locked_at=time.time(),
            machine=_machine(),
        )

    @property
    def name(self) -> str:
        """For messages."""
        return f"process {self.pid} on {self.host}"

    def has_ended(self) -> bool:
        """Whether it ran on this machine and has ended; False for processes of other machines."""
        if (self.host, self.machine) != (socket.gethostname(), _machine()):
            return False
        try:
            return _started_at(self.pid) != self.started_at
        except psutil.NoSuchProcess:
            return True


def _started_at(pid: int) -> float:
    """When a process was started, seconds, the same however the clock is set meanwhile.

    That of psutil moves with the clock on Linux, which counts from the start of the machine.

    Raises:
        psutil.NoSuchProcess: There is none.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return psutil.Process(pid).create_time()  # no Linux, or no such process
    ticks = int(stat[stat.rindex(b")") + 2 :].split()[_START_TICKS])
    return ticks / os.sysconf("SC_CLK_TCK")


def _machine() -> str:
    """This start of this machine, and the container: machines may share their name.

    A container that has its host's name does not see the processes of others, so they would seem
    to have ended.
    """
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started} {os.readlink('/proc/self/ns/pid')}"
    except OSError:  # no Linux
        return ""


def check_free(output: AnyPath, config: LockConfig) -> None:
    """Refuse an output that another job is writing to, without taking its lock.

    A job that may wait for the lock does so when it takes it.

    Raises:
        ConfigError: Another job is writing there.
        JobError: The lock cannot be read.
    """
    slot = conditional_file.open_conditional(output, FILE_NAME)
    if slot is not None and not config.wait_s:
        with _readable(slot):
            found = slot.read()
            if found is not None and not _is_dead(slot, found, config):
                raise _refusal(slot, found)


@dataclass(frozen=True, slots=True)
class Holding:
    """The lock of an output as a job holds it: what its workers get, in other processes too.

    Attributes:
        slot: Its file.
        found: What the job wrote into it.
    """

    slot: ConditionalFile
    found: FileState

    def check(self) -> None:
        """Make sure that it is still the job's: one that was paused for long may have lost it.

        Raises:
            JobError: Another job has taken it over, or it cannot be read.
        """
        with _readable(self.slot):
            found = self.slot.read()
        holder = _holder(found)
        mine = _holder(self.found)
        if holder is None or mine is None or holder.token != mine.token:
            other = holder.name if holder else "an unknown job"
            raise JobError(f"the lock {self.slot.name} was taken over by {other}; this job ends")


class Lock:
    """The lock of an output, held by this process.

    Args:
        slot: Its file.
        found: What this process wrote into it.

    Attributes:
        check: See `Holding.check`. It can be pickled.
    """

    def __init__(self, slot: ConditionalFile, found: FileState) -> None:
        self.check = Holding(slot, found).check
        self._slot = slot
        self._found = found
        self._ended = threading.Event()

    def run_heartbeat(self, period_s: float) -> None:
        """Rewrite the file's time again and again until the lock is released."""
        while not self._ended.wait(period_s):
            with suppress(OSError):  # the next heartbeat may succeed
                self._slot.touch(self._found)

    def release(self) -> None:
        """Delete the file, unless another job has the lock by now."""
        self._ended.set()
        with suppress(OSError):  # without heartbeats it is stale soon
            self._slot.remove(self._found)


@contextmanager
def held(output: AnyPath, config: LockConfig, log: Callable[[str], None]) -> Iterator[Lock | None]:
    """Hold the lock of an output for the time inside; None where there can be none.

    Args:
        output: The output's folder; it is there.
        config: How long a lock lasts without a heartbeat.
        log: Takes a message where a lock is taken over, and where the output cannot have one.

    Raises:
        ConfigError: Another job is writing there.
        JobError: The lock cannot be written.
    """
    slot = conditional_file.open_conditional(output, FILE_NAME)
    if slot is None:
        log(f"{output} cannot be locked: make sure that no other job writes there")
        yield None
        return
    with _readable(slot):
        lock = _acquired(slot, config, log)
    thread = threading.Thread(target=lock.run_heartbeat, args=(config.beat_s,), daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        lock.release()
        thread.join()


@contextmanager
def _readable(slot: ConditionalFile) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = error.strerror or error
        raise JobError(f"cannot read or write the lock {slot.name}: {problem}") from error


def _acquired(slot: ConditionalFile, config: LockConfig, log: Callable[[str], None]) -> Lock:
    content = json.dumps(asdict(Holder.me())).encode()
    while not (slot.create(content) or _taken_over(slot, content, config, log)):
        time.sleep(_PAUSE_S)
    return Lock(slot, FileState(content, 0.0, ""))


def _taken_over(
    slot: ConditionalFile, content: bytes, config: LockConfig, log: Callable[[str], None]
) -> bool:
    """Replace a stale lock with ours.

    Raises:
        ConfigError: Its holder is alive.
    """
    stale = _once_dead(slot, config, log)
    if stale is None:
        return False  # it was released
    if not slot.replace(stale, content):
        return False
    holder = _holder(stale)
    name = holder.name if holder else "another job"
    log(f"took over the lock of {name}, last heartbeat {_duration(stale.age_s)} ago")
    return True


def _once_dead(
    slot: ConditionalFile, config: LockConfig, log: Callable[[str], None]
) -> FileState | None:
    """The lock of a job that is dead, waited for if the config says so; None if there is none.

    Raises:
        ConfigError: Its holder is alive.
    """
    found, oldest_s = slot.read(), 0.0
    deadline = time.monotonic() + config.wait_s
    if config.wait_s and found is not None and not _is_dead(slot, found, config):
        log(f"{slot.name} is of another job: waiting up to {config.wait_s:.0f} s for its heartbeat")
    while found is not None and not _is_dead(slot, found, config):
        has_beaten = found.age_s + _POLL_S < oldest_s
        if has_beaten or time.monotonic() >= deadline:
            raise _refusal(slot, found)
        oldest_s = max(oldest_s, found.age_s)
        time.sleep(_POLL_S)
        found = slot.read()
    return found


def _is_dead(slot: ConditionalFile, found: FileState, config: LockConfig) -> bool:
    """Whether nobody holds a lock any more.

    Raises:
        ConfigError: It is not a lock.
    """
    other = _holder(found)
    if found.age_s >= config.stale_s or (other and other.has_ended()):
        return True
    if other is None:
        raise ConfigError(
            f"{slot.name} is not a lock of Rayscribe; delete it if no job writes to its folder"
        )
    return False


def _refusal(slot: ConditionalFile, found: FileState) -> ConfigError:
    other = _holder(found)
    who = f"{other.name}, for {_duration(time.time() - other.locked_at)}, " if other else ""
    return ConfigError(
        f"{slot.name.removesuffix('/' + FILE_NAME)} is being written by another job "
        f"({who}last heartbeat {found.age_s:.0f} s ago); wait for it, or choose another --output"
    )


def _holder(found: FileState | None) -> Holder | None:
    try:
        return Holder(**json.loads(found.content)) if found else None
    except (ValueError, TypeError):
        return None


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{seconds:.0f} s"
