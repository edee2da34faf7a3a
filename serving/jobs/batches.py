"""OpenAI's `/v1/batches`: requests and answers. `serving.jobs.batch_work` has the work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from openai.types import Batch, BatchError, BatchRequestCounts
from openai.types.batch import Errors
from pydantic import Field

from serving.config import ServeConfig
from serving.errors import ApiError
from serving.http.validation import Body, Text, excerpt, parsed
from serving.jobs import listing, records, store_calls
from serving.jobs.admission import Admission
from serving.jobs.batch_work import BatchWork
from serving.jobs.files import INPUT, Files, not_found
from serving.jobs.folders import write_bytes
from serving.jobs.records import BatchRecord, BatchState, BatchStatus
from serving.jobs.runner import Runner
from serving.jobs.store import Key, Kind, Store, new_key

CHAT: Final = "/v1/chat/completions"


class BatchRequest(Body):
    """Answer the lines of a file."""

    input_file_id: Text
    """The file: a line of JSON for each request, with custom_id, method, url and body."""
    endpoint: Literal["/v1/chat/completions"]
    """What answers them."""
    completion_window: Literal["24h"]
    """Accepted; the service's own window is `job.window_s`."""
    metadata: Annotated[dict[Text, Text], Field(max_length=16)] | None = None
    """Kept and returned."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of all owners.

    Attributes:
        store: Where they are.
        files: Their input and output.
        work: Knows how far they are.
        runner: Works on them.
        admission: How many an owner may have.
        config: Settings of the service.
    """

    store: Store
    files: Files
    work: BatchWork
    runner: Runner
    admission: Admission
    config: ServeConfig

    async def create(self, owner: str, body: dict[str, Any]) -> Batch:
        """Make a batch. It has survived a restart as soon as this returns.

        Raises:
            ApiError: 400: the request is wrong, 404: there is no such file, 429: the owner has its
                maximum.
        """
        request = parsed(BatchRequest, body)
        file, its = await self.store.asked(self.files.found, owner, request.input_file_id)
        if its.purpose != INPUT:
            message = f"input_file_id: the purpose of this file is not {INPUT}"
            raise ApiError(400, "invalid_value", message, param="input_file_id")
        record = BatchRecord(
            input_file_id=file.id,
            endpoint=request.endpoint,
            completion_window=request.completion_window,
            metadata=request.metadata,
            expires_at=time.time() + self.config.job.window_s,
        )
        key = new_key(owner, Kind.BATCH)
        async with self.admission.admitted(owner, Kind.BATCH, its.size_bytes):
            try:
                await store_calls.done(self._write, key, record, file)
            except FileNotFoundError:
                raise not_found(file.id) from None  # removed just now
        self.runner.wake()
        return _answer(key, record, BatchState(), is_cancelled=False)

    def _write(self, key: Key, record: BatchRecord, file: Key) -> None:
        # A copy: the file may be deleted, or expire, before the batch has ended.
        content = (self.store.folder(file) / records.CONTENT).read_bytes()
        write_bytes(self.store.make_folder(key) / records.CONTENT, content)
        self.store.create(key, record)

    async def get(self, owner: str, batch_id: str) -> Batch:
        """How far a batch is.

        Raises:
            ApiError: 404: the owner has no such batch.
        """
        return await self.store.asked(self._found, owner, batch_id)

    async def list(self, owner: str, after: str, limit: int) -> dict[str, Any]:
        """The owner's batches, the newest first.

        Args:
            owner: Whose.
            after: The id after which the list begins, "" for its start.
            limit: Maximum batches.
        """
        keys = await self.store.asked(self.store.keys, owner, Kind.BATCH)
        chosen, has_more = listing.page(keys, after, limit)
        found = await self.store.asked(lambda: [self._read(key) for key in chosen])
        return listing.answer([batch for batch in found if batch is not None], has_more)

    async def cancel(self, owner: str, batch_id: str) -> Batch:
        """Answer no more lines of a batch. What was answered is kept.

        Raises:
            ApiError: 404: the owner has no such batch, 409: it has ended.
        """
        batch = await self.store.asked(self._found, owner, batch_id)
        if BatchStatus(batch.status).has_ended:
            message = f"this batch has ended: it is {batch.status}"
            raise ApiError(409, "batch_has_ended", message)
        key = Key(owner, batch.id)
        await store_calls.done(self.work.cancel, key)
        self.runner.wake()
        return await self.store.asked(self._found, owner, batch_id)

    def _found(self, owner: str, batch_id: str) -> Batch:
        key = self.store.find(owner, batch_id, Kind.BATCH)
        found = self._read(key) if key else None
        if found is None:
            message = f"there is no batch {excerpt(batch_id)!r}: it may have expired"
            raise ApiError(404, "batch_not_found", message)
        return found

    def _read(self, key: Key) -> Batch | None:
        record = self.store.read(key, BatchRecord)
        if record is None:
            return None
        return _answer(key, record, self.work.state(key), is_cancelled=self.work.is_cancelled(key))


def _answer(key: Key, record: BatchRecord, state: BatchState, *, is_cancelled: bool) -> Batch:
    cancelling = is_cancelled and not state.status.has_ended
    at = {f"{name}_at": int(moment) for name, moment in state.at.items() if name != "validating"}
    errors = [BatchError(**problem.model_dump()) for problem in state.problems]
    counts = BatchRequestCounts(completed=state.completed, failed=state.failed, total=state.total)
    return Batch(
        id=key.id,
        object="batch",
        endpoint=record.endpoint,
        input_file_id=record.input_file_id,
        completion_window=record.completion_window,
        status=(BatchStatus.CANCELLING if cancelling else state.status).value,
        created_at=int(key.created_at),
        expires_at=int(record.expires_at),
        output_file_id=state.output_file_id or None,
        error_file_id=state.error_file_id or None,
        errors=Errors(object="list", data=errors) if errors else None,
        request_counts=counts,
        metadata=record.metadata,
        **at,  # type: ignore[arg-type]
    )
