"""How much of each kind an owner may keep."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from serving.config import JobConfig
from serving.errors import ApiError
from serving.jobs import store_calls
from serving.jobs.store import Kind, Store

_MIB: Final = 1 << 20


class Admission:
    """Admits what is to be kept, of each owner one after the other.

    Of several ingress replicas each counts for itself, so together they may admit a few more.

    Args:
        store: Where it is kept.
        config: How much.
    """

    def __init__(self, store: Store, config: JobConfig) -> None:
        self._store = store
        self._config = config
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def admitted(self, owner: str, kind: Kind, size_bytes: int) -> AsyncIterator[None]:
        """Write within the block what is kept.

        Args:
            owner: Whose it is.
            kind: What it is.
            size_bytes: How large it is.

        Raises:
            ApiError: 429: the owner keeps its maximum, 503: the store does not answer, also not to
                those of the owner who are before.
        """
        async with AsyncExitStack() as turn:
            async with store_calls.limited(self._config.answer_s):
                await turn.enter_async_context(self._turns[owner])
                await store_calls.to_thread(self._check, owner, kind, size_bytes)
            yield

    def _check(self, owner: str, kind: Kind, size_bytes: int) -> None:
        config = self._config
        if kind is Kind.FILE:
            count, limit, name = len(self._store.keys(owner, kind)), config.max_files, "max_files"
        else:
            count = sum(key.kind is not Kind.FILE for key in self._store.keys(owner))
            limit, name = config.max_jobs, "max_jobs"
        if count >= limit:
            message = f"this key keeps its maximum of {limit} (job.{name}): delete some"
            raise ApiError(429, "too_many_kept", message)
        if self._store.size_bytes(owner) + size_bytes > config.max_mib * _MIB:
            message = f"this key would keep more than {config.max_mib:g} MiB (job.max_mib):"
            raise ApiError(429, "storage_full", f"{message} delete jobs or files")
