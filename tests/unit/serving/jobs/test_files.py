"""The bytes of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import StreamingResponse

from pipeline.config import StoreConfig
from serving.config import ServeConfig
from serving.errors import ApiError
from serving.jobs.files import OUTPUT, Files
from serving.jobs.records import CONTENT, FileRecord
from serving.jobs.store import Kind, Store, new_key


async def test_a_file_is_sent_in_pieces(tmp_path: Path) -> None:
    store = Store(str(tmp_path), StoreConfig())
    files = Files(store, cast(Any, None), ServeConfig())
    key, content = new_key("anna", Kind.FILE), bytes(range(256)) * 10_000
    files.write(key, FileRecord(filename="a", purpose=OUTPUT, size_bytes=len(content)), content)
    response = await files.content("anna", key.id)
    assert isinstance(response, StreamingResponse)
    pieces = [bytes(cast(bytes, piece)) async for piece in response.body_iterator]
    assert b"".join(pieces) == content
    assert len(pieces) == 3
    assert response.headers["content-length"] == str(len(content))
    (Path(str(store.folder(key))) / CONTENT).unlink()
    with pytest.raises(ApiError) as error:
        await files.content("anna", key.id)
    assert error.value.status == 404
