"""OpenAI's `/v1/files`: the input and the output of batches."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Final, Literal, cast

from openai.types import FileDeleted, FileObject
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pipeline.storage.paths import AnyPath
from serving.config import ServeConfig
from serving.errors import ApiError
from serving.http import bodies
from serving.http.validation import excerpt
from serving.jobs import listing, records, store_calls
from serving.jobs.admission import Admission
from serving.jobs.folders import opened, write_bytes, write_pieces
from serving.jobs.records import FileRecord
from serving.jobs.store import Key, Kind, Store, new_key
from serving.ocr import request_body

INPUT: Final = "batch"
OUTPUT: Final = "batch_output"
_MEDIA_TYPE: Final = "application/jsonl"
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Files:
    """The files of all owners.

    Attributes:
        store: Where they are.
        admission: How many an owner may have.
        config: Settings of the service.
    """

    store: Store
    admission: Admission
    config: ServeConfig

    async def create(self, owner: str, request: Request) -> FileObject:
        """Keep a file that is uploaded.

        Raises:
            ApiError: 400: the form is wrong, 429: the owner has its maximum.
        """
        if bodies.media_type(request) != request_body.FORM:
            message = "send a form with the fields purpose and file"
            raise ApiError(415, "unsupported_media_type", message)
        fields, upload = await request_body.read(request, self.config.limits)
        assert upload is not None  # noqa: S101 - a form has a file, or it was refused
        content = upload.data or b""
        _check(fields)
        record = FileRecord(filename=upload.filename, purpose=INPUT, size_bytes=len(content))
        key = new_key(owner, Kind.FILE)
        async with self.admission.admitted(owner, Kind.FILE, record.size_bytes):
            await store_calls.done(self._write, key, record, content)
        return self._answer(key, record)

    def _write(self, key: Key, record: FileRecord, content: bytes) -> None:
        write_bytes(self.store.make_folder(key) / records.CONTENT, content)
        self.store.create(key, record)

    def keep_output(self, key: Key, filename: str, pieces: Iterable[bytes]) -> None:
        """Keep the output of a batch, a piece in memory at a time. Blocks.

        Args:
            key: Its identity.
            filename: Its name.
            pieces: Its content.

        Raises:
            OSError: It cannot be written.
        """
        size_bytes = write_pieces(self.store.make_folder(key) / records.CONTENT, pieces)
        self.store.create(key, FileRecord(filename=filename, purpose=OUTPUT, size_bytes=size_bytes))

    async def get(self, owner: str, file_id: str) -> FileObject:
        """What is known of a file.

        Raises:
            ApiError: 404: the owner has no such file.
        """
        return self._answer(*await self.store.asked(self.found, owner, file_id))

    async def list(
        self, owner: str, purpose: str, after: str, limit: int, *, newest_first: bool
    ) -> dict[str, Any]:
        """The owner's files.

        Args:
            owner: Whose.
            purpose: Only those with it; "" for all.
            after: The id after which the list begins, "" for its start.
            limit: Maximum files.
            newest_first: The order.
        """

        def found() -> list[tuple[Key, FileRecord]]:
            keys = self.store.keys(owner, Kind.FILE)
            following = listing.behind(keys, after, newest_first=newest_first)
            files = ((key, self.store.read(key, FileRecord)) for key in following)
            listed = (
                (key, record)
                for key, record in files
                if record is not None and purpose in ("", record.purpose)
            )
            return list(islice(listed, limit + 1))  # one more: whether there are more

        files = await self.store.asked(found)
        entries = [self._answer(key, record) for key, record in files[:limit]]
        return listing.answer(entries, has_more=len(files) > limit)

    async def content(self, owner: str, file_id: str) -> Response:
        """The bytes of a file.

        Raises:
            ApiError: 404: the owner has no such file.
        """
        key, record = await self.store.asked(self.found, owner, file_id)
        path = self.store.folder(key) / records.CONTENT
        try:
            pieces, first = await self.store.asked(_begun, path)
        except FileNotFoundError:
            raise not_found(file_id) from None  # removed just now
        # A piece at a time: the output of a batch may have job.max_mib.
        headers = {"Content-Length": str(record.size_bytes)}
        content = store_calls.streamed(first, pieces)
        return StreamingResponse(content, media_type=_MEDIA_TYPE, headers=headers)

    async def delete(self, owner: str, file_id: str) -> FileDeleted:
        """Remove a file. A batch that has been made of it goes on.

        Raises:
            ApiError: 404: the owner has no such file.
        """
        key, _ = await self.store.asked(self.found, owner, file_id)
        await store_calls.done(self.store.remove, key)
        return FileDeleted(id=key.id, deleted=True, object="file")

    def found(self, owner: str, file_id: str) -> tuple[Key, FileRecord]:
        """A file. Blocks.

        Raises:
            ApiError: 404: the owner has no such file.
        """
        key = self.store.find(owner, file_id, Kind.FILE)
        record = self.store.read(key, FileRecord) if key else None
        if key is None or record is None:
            raise not_found(file_id)
        return key, record

    def _answer(self, key: Key, record: FileRecord) -> FileObject:
        created_at = int(key.created_at)
        return FileObject(
            id=key.id,
            bytes=record.size_bytes,
            created_at=created_at,
            filename=record.filename,
            object="file",
            purpose=cast(Literal["batch", "batch_output"], record.purpose),
            status="processed",
            expires_at=created_at + int(self.config.job.kept_s),
        )


def not_found(file_id: str) -> ApiError:
    """The error for a file that the owner does not have."""
    message = f"there is no file {excerpt(file_id)!r}: it may have expired"
    return ApiError(404, "file_not_found", message)


def _begun(path: AnyPath) -> tuple[Generator[bytes, None, None], bytes]:
    """The content of a file, and its first piece: what cannot be read is an error by then."""
    pieces = store_calls.guarded(_pieces(opened(path)))
    return pieces, next(pieces, b"")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _check(fields: dict[str, Any]) -> None:
    unknown = next((name for name in fields if name != "purpose"), None)
    if unknown is not None:
        message = f"{excerpt(unknown)}: this parameter is not supported"
        raise ApiError(400, "unsupported_parameter", message, param=excerpt(unknown))
    if fields.get("purpose") != INPUT:
        message = f"purpose: must be {INPUT}; documents go to /v1/ocr or /v1/ocr/jobs"
        raise ApiError(400, "invalid_value", message, param="purpose")
