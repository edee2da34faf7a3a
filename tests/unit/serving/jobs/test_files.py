"""The bytes of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import StreamingResponse

from serving.config import ServeConfig
from serving.errors import ApiError
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
    files = Files(store, cast(Any, None), ServeConfig())
    key, content = new_key("anna", Kind.FILE), bytes(range(256)) * 10_000
    files.keep_output(key, "a", [content[:1000], content[1000:]])
    kept = store.read(key, FileRecord)
    assert kept == FileRecord(filename="a", purpose=OUTPUT, size_bytes=len(content))
    response = await files.content("anna", key.id)
    assert isinstance(response, StreamingResponse)
    pieces = [bytes(cast(bytes, piece)) async for piece in response.body_iterator]
    assert b"".join(pieces) == content
    assert len(pieces) == 3
    assert response.headers["content-length"] == str(len(content))
    (store.folder(key) / CONTENT).unlink()
    with pytest.raises(ApiError) as error:
        await files.content("anna", key.id)
    assert error.value.status == 404
