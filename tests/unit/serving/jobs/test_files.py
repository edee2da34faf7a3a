"""The bytes of files."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import StreamingResponse

from pipeline.config import StoreConfig
from serving.config import ServeConfig
from serving.errors import ApiError
from serving.jobs import files
from serving.jobs.files import INPUT, OUTPUT, Files
from serving.jobs.records import CONTENT, FileRecord
from serving.jobs.store import Kind, Store, key_at, new_key
from tests.support import object_stores


@pytest.mark.parametrize("place", ["disk", "store"])
async def test_a_file_is_sent_in_pieces(
    s3: object_stores.S3Server, tmp_path: Path, place: str
) -> None:
    folder = str(tmp_path) if place == "disk" else f"s3://{s3.bucket}/jobs"
    store = Store(folder, s3.config())
    kept_files = Files(store, cast(Any, None), ServeConfig())
    key, content = new_key("anna", Kind.FILE), bytes(range(256)) * 10_000
    kept_files.keep_output(key, "a", [content[:1000], content[1000:]])
    kept = store.read(key, FileRecord)
    assert kept == FileRecord(filename="a", purpose=OUTPUT, size_bytes=len(content))
    response = await kept_files.content("anna", key.id)
    assert isinstance(response, StreamingResponse)
    pieces = [bytes(cast(bytes, piece)) async for piece in response.body_iterator]
    assert b"".join(pieces) == content
    assert len(pieces) == 3
    assert response.headers["content-length"] == str(len(content))
    (store.folder(key) / CONTENT).unlink()
    with pytest.raises(ApiError) as error:
        await kept_files.content("anna", key.id)
    assert error.value.status == 404


class Watched(io.BytesIO):
    """A file that knows which threads read it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.threads = list[str]()

    def read(self, size: int | None = -1) -> bytes:
        self.threads.append(threading.current_thread().name)
        return super().read(size)


async def test_a_download_takes_only_threads_that_are_for_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path), StoreConfig())
    kept, key = Files(store, cast(Any, None), ServeConfig()), new_key("anna", Kind.FILE)
    kept.keep_output(key, "a", [b"x"])
    file = Watched(bytes(3 << 20))
    monkeypatch.setattr(files, "opened", lambda path: file)
    response = await kept.content("anna", key.id)
    assert isinstance(response, StreamingResponse)
    assert len([piece async for piece in response.body_iterator]) == 3
    assert len(file.threads) == 4
    assert all(name.startswith("rayscribe-store") for name in file.threads)


async def test_a_list_reads_no_more_records_than_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path), StoreConfig())
    kept, reads = Files(store, cast(Any, None), ServeConfig()), list[str]()
    keys = [key_at("anna", Kind.FILE, 1000.0 + number, f"{number:016x}") for number in range(12)]
    for number, key in enumerate(keys):
        purpose = INPUT if number % 2 else OUTPUT
        store.create(key, FileRecord(filename="a", purpose=purpose, size_bytes=1))
    read = store.read
    monkeypatch.setattr(store, "read", lambda key, model: reads.append(key.id) or read(key, model))

    async def listed(purpose: str, after: int | None, limit: int) -> tuple[list[int], bool, int]:
        reads.clear()
        from_id = "" if after is None else keys[after].id
        found = await kept.list("anna", purpose, from_id, limit, newest_first=True)
        ids = [key.id for key in keys]
        return [ids.index(file["id"]) for file in found["data"]], found["has_more"], len(reads)

    assert await listed("", None, 3) == ([11, 10, 9], True, 4)
    assert await listed("", 9, 3) == ([8, 7, 6], True, 4)
    assert await listed(INPUT, None, 2) == ([11, 9], True, 5)
    assert await listed(OUTPUT, 3, 2) == ([2, 0], False, 3)
    assert await listed("", None, 12) == (list(range(11, -1, -1)), False, 12)
    with pytest.raises(ApiError, match="nothing with this id"):
        await kept.list("anna", "", "file-none", 3, newest_first=True)
