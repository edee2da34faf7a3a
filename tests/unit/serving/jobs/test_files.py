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
from serving.jobs.files import OUTPUT, Files
from serving.jobs.records import CONTENT, FileRecord
from serving.jobs.store import Kind, Store, new_key
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
