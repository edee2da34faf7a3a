"""Collects the rows of settled pages: those that need no engine, and so leave the chain early.

The render stage hands such rows over before its task ends; they never pass the stages after it.
Ray may run a task again whose rows were taken already, because a worker or a machine was lost in
the meantime. So every planned page has a position, one bit for each position says whether its row
was taken, and a row is taken once: the first counts.

Pure but for the shards that it writes: one object for a pass of a job, behind a Ray actor
(`pipeline.job.ray_data.actors`).
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Protocol

import pyarrow as pa

from pipeline.config import OutputConfig
from pipeline.output import shards
from pipeline.output.totals import Summary
from pipeline.storage.paths import AnyPath

_MAX_PENDING_WRITES: Final = 4
_ROW_BITS: Final = 32
"""A position is the number of a plan's shard, and in its low bits the row in that shard."""

Write = Callable[[AnyPath, OutputConfig, pa.Table], Summary]
Check = Callable[[], None]


def unchecked() -> None:
    """The check of an output that can have no lock."""


def position(shard: int, row: int) -> int:
    """The position of a planned page.

    Args:
        shard: Number of the plan's shard, from 0.
        row: Its row in that shard, from 0.
    """
    return shard << _ROW_BITS | row


class PositionSet:
    """A set of positions, one bit each: 12 MiB for 100 million pages."""

    def __init__(self) -> None:
        self._bits: defaultdict[int, bytearray] = defaultdict(bytearray)

    def add(self, position: int) -> bool:
        """Add a position; whether it was not there before."""
        bits, row = self._bits[position >> _ROW_BITS], position & ((1 << _ROW_BITS) - 1)
        byte, mask = row >> 3, 1 << (row & 7)
        if byte >= len(bits):
            bits.extend(bytes(byte + 1 - len(bits)))
        is_new = not bits[byte] & mask
        bits[byte] |= mask
        return is_new

    def __contains__(self, position: int) -> bool:
        bits, row = self._bits.get(position >> _ROW_BITS), position & ((1 << _ROW_BITS) - 1)
        if bits is None or row >> 3 >= len(bits):
            return False
        return bool(bits[row >> 3] & 1 << (row & 7))


class SettledSink(Protocol):
    """Takes the rows of settled pages."""

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        """Take rows whose position has none yet.

        Args:
            positions: The positions of the rows.
            rows: Rows of `schema.PAGES`.
            others: Positions of pages that an engine is to read.

        Returns:
            Those of `others` that were settled when the task ran before: their rows are taken.
        """
        ...


class SettledRows:
    """Gathers rows to shards of `pages_per_file` rows or `flush_s` seconds, and writes them.

    Writes run in a thread of their own. Where they are slower than the rows come, `take` waits.

    Args:
        folder: Where the shards go.
        prefix: The first part of their names, unique to this pass.
        config: Size of the shards.
        write: Writes a table as one shard and sums it up.
        check: Called before each write; raises `JobError` where another job has the output's lock.
    """

    def __init__(
        self,
        folder: AnyPath,
        prefix: str,
        config: OutputConfig,
        write: Write = shards.write_pages,
        check: Check = unchecked,
    ) -> None:
        self._folder, self._prefix, self._config, self._write = folder, prefix, config, write
        self._check = check
        self._taken = PositionSet()
        self._tables: list[pa.Table] = []
        self._rows, self._number = 0, 0
        self._timer: threading.Timer | None = None
        self._pending: deque[Future[Summary]] = deque()
        self._total = Summary()
        self._writer = ThreadPoolExecutor(1, "settled-writer")
        self._lock = threading.Lock()

    def take(
        self, positions: Sequence[int], rows: pa.Table, others: Sequence[int]
    ) -> Sequence[int]:
        """See `SettledSink.take`.

        Raises:
            JobError: An earlier shard could not be written.
        """
        with self._lock:
            self._merge_done()
            is_new = [self._taken.add(position) for position in positions]
            if any(is_new):
                self._keep(rows if all(is_new) else rows.filter(pa.array(is_new)))
            return [position for position in others if position in self._taken]

    def finish(self) -> Summary:
        """Write what is left, wait for all shards and sum them up.

        Raises:
            JobError: A shard could not be written.
        """
        with self._lock:
            try:
                self._submit()
                while self._pending:
                    self._merge_oldest()
            finally:
                self._writer.shutdown()
            return self._total

    def _keep(self, rows: pa.Table) -> None:
        self._tables.append(rows)
        self._rows += rows.num_rows
        if self._rows >= self._config.pages_per_file:
            self._submit()
        elif self._timer is None:
            # A timer: no more rows may come while an engine reads for hours.
            self._timer = threading.Timer(self._config.flush_s, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        with self._lock, suppress(Exception):  # `take` and `finish` raise it
            self._submit()

    def _submit(self) -> None:
        """Have the rows so far written, if there are any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._rows:
            return
        self._merge_done()
        while len(self._pending) >= _MAX_PENDING_WRITES:
            self._merge_oldest()
        path = self._folder / f"{self._prefix}-{self._number:06}.parquet"
        table = pa.concat_tables(self._tables)
        self._pending.append(self._writer.submit(self._checked_write, path, table))
        self._number += 1
        self._tables, self._rows = [], 0

    def _checked_write(self, path: AnyPath, table: pa.Table) -> Summary:
        self._check()
        return self._write(path, self._config, table)

    def _merge_done(self) -> None:
        while self._pending and self._pending[0].done():
            self._merge_oldest()

    def _merge_oldest(self) -> None:
        """Add the oldest shard to the sums.

        One that could not be written stays the oldest: where the timer meets it nobody is told, and
        `finish` would take its rows for written.
        """
        self._total.merge(self._pending[0].result())
        self._pending.popleft()
