"""One job at a time on an output.

Two jobs on one output would each do pages that the other has in flight. So a job holds a lock: a
file in the output that says whose it is and shows a sign of life. A job that finds the lock of
another one refuses; a lock without a sign of life, or of a process that is gone, is taken over.
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

FILE_NAME: Final = "_lock.json"
_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes:
        token: Tells this run from every other one.
        host: The machine of the driver.
        pid: Its process.
        born: When that process was started, Unix time in seconds: process ids are used again.
        since: When the lock was taken, Unix time in seconds.
    """

    token: str
    host: str
    pid: int
    born: float
    since: float

    @classmethod
    def me(cls) -> Holder:
        """This process, now."""
        process = psutil.Process()
        host, born = socket.gethostname(), process.create_time()
        return cls(secrets.token_hex(8), host, process.pid, born, time.time())

    @property
    def name(self) -> str:
        """For a person."""
        return f"process {self.pid} on {self.host}"

    def is_gone(self) -> bool:
        """Whether it ran on this machine and has ended."""
        if self.host != socket.gethostname():
            return False
        try:
            return psutil.Process(self.pid).create_time() != self.born
        except psutil.NoSuchProcess:
            return True


def check_free(output: Path, config: LockConfig) -> None:
    """Refuse an output that another job is writing to, without taking its lock.

    Raises:
        ConfigError: Another job is writing there.
    """
    path = output / FILE_NAME
    with suppress(FileNotFoundError):
        silent_s = time.time() - path.stat().st_mtime
        _refuse_if_alive(path, _read(path), silent_s, config)


class Lock:
    """The lock of an output, held by this process.

    Args:
        path: Its file.
        holder: This process.
    """

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._ended = threading.Event()

    def check(self) -> None:
        """Make sure that it is still ours: a driver that was stopped for long may have lost it.

        Raises:
            JobError: Another job has taken it over.
        """
        holder = _read(self._path)
        if holder is None or holder.token != self._holder.token:
            other = holder.name if holder else "somebody"
            raise JobError(f"the lock {self._path} was taken over by {other}; this job ends")

    def beat(self, every_s: float) -> None:
        """Show a sign of life until the lock is let go."""
        while not self._ended.wait(every_s):
            with suppress(OSError, JobError):
                self.check()
                os.utime(self._path)

    def release(self) -> None:
        """Let it go, unless another job has it by now."""
        self._ended.set()
        with suppress(OSError, JobError):
            self.check()
            self._path.unlink()


@contextmanager
def held(output: str, config: LockConfig, say: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the lock of an output for the time inside.

    Args:
        output: The output's folder; it is there.
        config: How long a lock lasts without a sign of life.
        say: Told of a lock that is taken over.

    Raises:
        ConfigError: Another job is writing there.
        JobError: The lock cannot be written.
    """
    path, holder = Path(output, FILE_NAME), Holder.me()
    try:
        while not (_created(path, holder) or _taken_over(path, holder, config, say)):
            time.sleep(_PAUSE_S)
    except OSError as error:
        raise JobError(f"cannot write the lock {path}: {error.strerror}") from error
    lock = Lock(path, holder)
    thread = threading.Thread(target=lock.beat, args=(config.beat_s,), daemon=True)
    thread.start()
    try:
        yield lock
    finally:
        lock.release()
        thread.join()


def _created(path: Path, holder: Holder) -> bool:
    """Write the file whole, unless there is one."""
    hidden = _hidden(path, holder)
    try:
        os.link(hidden, path)  # fails where the name is taken, and is never seen half written
    except FileExistsError:
        return False
    finally:
        hidden.unlink()
    return True


def _hidden(path: Path, holder: Holder) -> Path:
    hidden = path.with_name(f".{path.name}.{holder.token}.tmp")
    hidden.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    return hidden


def _taken_over(path: Path, holder: Holder, config: LockConfig, say: Callable[[str], None]) -> bool:
    """Put our lock in the place of a dead one.

    Raises:
        ConfigError: Its holder is alive.
    """
    try:
        silent_s = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False  # it was let go
    dead = _read(path)
    _refuse_if_alive(path, dead, silent_s, config)
    with _claim(path, dead, config) as is_ours:
        if not is_ours or _read(path) != dead:
            return False
        _hidden(path, holder).replace(path)
    name = dead.name if dead else "a dead job"
    say(f"took over the lock of {name}, silent for {_duration(silent_s)}")
    return True


def _refuse_if_alive(path: Path, other: Holder | None, silent_s: float, config: LockConfig) -> None:
    if silent_s >= config.stale_s or (other and other.is_gone()):
        return
    if other is None:
        raise ConfigError(f"{path} is no lock of ours; remove it if no job writes to its folder")
    age = _duration(time.time() - other.since)
    raise ConfigError(
        f"{path.parent} is being written by another job ({other.name}, for {age}, last sign "
        f"of life {silent_s:.0f} s ago); wait for it, or choose another --output"
    )


@contextmanager
def _claim(path: Path, dead: Holder | None, config: LockConfig) -> Iterator[bool]:
    """The right to replace one dead lock: of many who find it, one has it at a time."""
    claim = path.with_name(f".{path.name}.{dead.token if dead else 'unknown'}.claim")
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        with suppress(FileNotFoundError):
            if time.time() - claim.stat().st_mtime > config.stale_s:
                claim.unlink()  # whoever had it died with it
        yield False
        return
    try:
        yield True
    finally:
        claim.unlink(missing_ok=True)


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{seconds:.0f} s"
