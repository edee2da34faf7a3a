"""Where jobs, batches and files are kept: a record of each, and a folder with its data.

    records/OWNER.ID.json   made last and removed first: what has no record does not exist
    data/OWNER/ID/          the document, the state, rows or lines, the lock

A record never changes. A process writes a job's state while it holds the job's lock: it looks for
that before each write, as it may have been paused for long, and leaves a state that has ended as it
is (`serving.jobs.folders.write_state`). A job that is removed while another process works on it
cannot come back: that process finds the record gone.

Everything here but `Store.asked` blocks: call it in a thread.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from pydantic import BaseModel

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from pipeline.storage.paths import AnyPath, output_path
from serving.http.auth import ANONYMOUS, LOCAL
from serving.jobs import store_calls
from serving.jobs.folders import (
    ModelT,
    files_below,
    read,
    remove_folder,
    remove_leftovers,
    write_model,
)

P = ParamSpec("P")
T = TypeVar("T")

_WITHOUT_KEY: Final = "open"
_OWNER_CHARS: Final = 16
_ID: Final = re.compile(r"(job|batch|file)-([0-9a-f]{12})[0-9a-f]{16}")
_ORPHAN_S: Final = 3600.0
"""Age at which data without a record is removed: until then it may be an upload."""


class Kind(StrEnum):
    """What a record is about; the first part of its id."""

    JOB = "job"
    BATCH = "batch"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Key:
    """Identity of a record.

    Attributes:
        owner: Whose it is, by `owner_of`.
        id: Unique. Ids sort by the time at which they were made.
    """

    owner: str
    id: str

    @property
    def kind(self) -> Kind:
        """What it is about."""
        return Kind(self.id.partition("-")[0])

    @property
    def created_at(self) -> float:
        """When the id was made, Unix time in seconds."""
        match = _ID.fullmatch(self.id)
        return int(match[2], 16) / 1000 if match else 0.0


def owner_of(caller: str) -> str:
    """The owner of what a caller makes: its key; all callers without keys are one owner.

    Args:
        caller: The name that `serving.http.auth` gives a request.
    """
    if caller in (ANONYMOUS, LOCAL):
        return _WITHOUT_KEY
    return hashlib.sha256(caller.encode()).hexdigest()[:_OWNER_CHARS]


def new_key(owner: str, kind: Kind) -> Key:
    """A key with an id that nobody can guess."""
    return key_at(owner, kind, time.time(), secrets.token_hex(8))


def key_at(owner: str, kind: Kind, created_at: float, name: str) -> Key:
    """A key.

    Args:
        owner: Whose it is.
        kind: What it is about.
        created_at: Unix time in seconds.
        name: 16 hex digits.
    """
    return Key(owner, f"{kind}-{int(created_at * 1000):012x}{name}")


class Store:
    """Records and data on a file system or an object store.

    Args:
        folder: A path or a URI.
        config: How a store is reached.
        answer_s: Seconds in which it must answer a request that reads.

    Raises:
        ConfigError: Nothing can be written to such a URI.
        JobError: The folder cannot be made.
    """

    def __init__(self, folder: str, config: StoreConfig, answer_s: float = math.inf) -> None:
        self._answer_s = answer_s
        self._root = output_path(folder, config)
        self._records = self._root / "records"
        if isinstance(self._root, Path):
            self._root = self._root.absolute()
            self._records = self._root / "records"
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._records.mkdir(exist_ok=True)
            except OSError as error:
                raise JobError(f"job.folder {folder} cannot be made: {error.strerror}") from None

    async def asked(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Read something for a request, see `serving.jobs.store_calls.asked`."""
        return await store_calls.asked(self._answer_s, call, *args, **kwargs)

    def folder(self, key: Key) -> AnyPath:
        """The folder with the data of a record."""
        return self._root / "data" / key.owner / key.id

    def make_folder(self, key: Key) -> AnyPath:
        """The folder with the data of a record, made where the file system needs that."""
        folder = self.folder(key)
        if isinstance(folder, Path):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def create(self, key: Key, record: BaseModel) -> None:
        """Write the record of what has its data already.

        Raises:
            OSError: It cannot be written.
        """
        write_model(self._record(key), record)

    def read(self, key: Key, model: type[ModelT]) -> ModelT | None:
        """A record, None where there is none."""
        return read(self._record(key), model)

    def exists(self, key: Key) -> bool:
        """Whether there is a record."""
        return self._record(key).exists()

    def find(self, owner: str, text: str, kind: Kind) -> Key | None:
        """The key of an id in a request, None where the owner has no such record."""
        match = _ID.fullmatch(text)
        if match is None or match[1] != kind:
            return None
        key = Key(owner, text)
        return key if self.exists(key) else None

    def keys(self, owner: str = "*", kind: Kind | None = None) -> list[Key]:
        """The keys of all records, the oldest first.

        Raises:
            JobError: The store does not answer.
        """
        found = []
        for path in self._records.glob(f"{owner}.{kind or '*'}-*.json"):
            its_owner, _, name = path.name.removesuffix(".json").partition(".")
            if _ID.fullmatch(name):
                found.append(Key(its_owner, name))
        return sorted(found, key=lambda key: key.id.partition("-")[2])

    def remove(self, key: Key) -> None:
        """Remove a record and its data; nothing happens where it is gone already.

        Raises:
            OSError: It cannot be removed.
        """
        self.remove_record(key)
        self.remove_data(key)

    def remove_record(self, key: Key) -> None:
        """Remove a record: from now on it does not exist for callers.

        Raises:
            OSError: It cannot be removed.
        """
        with suppress(FileNotFoundError):
            self._record(key).unlink()

    def remove_data(self, key: Key) -> None:
        """Remove the data of a record.

        Raises:
            OSError: It cannot be removed.
        """
        remove_folder(self.folder(key))

    def size_bytes(self, owner: str) -> int:
        """Size of all data of an owner.

        Raises:
            JobError: The store does not answer.
        """
        return sum(size for _, size in files_below(self._root / "data" / owner))

    def remove_orphans(self, is_awaited: Callable[[Key], bool]) -> None:
        """Remove data whose record is gone or was never written, and what killed writers left.

        Args:
            is_awaited: Whether a record of this data may still be written, however old its id is.

        Raises:
            JobError: The store does not answer.
            OSError: Something cannot be removed.
        """
        known = set(self.keys())
        for owner, name in self._data_folders():
            key = Key(owner, name)
            is_old = time.time() - key.created_at > _ORPHAN_S
            if key in known or not _ID.fullmatch(name) or not is_old:
                continue
            # In this order: who awaits it no more has written its record by then.
            if not is_awaited(key) and not self.exists(key):
                self.remove_data(key)
        if isinstance(self._root, Path):
            remove_leftovers(self._root, _ORPHAN_S)

    def _data_folders(self) -> set[tuple[str, str]]:
        data = self._root / "data"
        if isinstance(data, Path):
            return {(path.parent.name, path.name) for path in data.glob("*/*")}
        prefix = f"{data.uri}/"
        parts = (path.removeprefix(prefix).split("/") for path, _ in files_below(data))
        return {(first, second) for first, second, *_ in parts}

    def _record(self, key: Key) -> AnyPath:
        return self._records / f"{key.owner}.{key.id}.json"
