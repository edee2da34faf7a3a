"""Files that are put on a store, and what is removed from it."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Any

import pytest

from pipeline.storage import objects, paths, remote_file
from pipeline.storage.paths import StorePath
from tests.support.object_stores import Fault, S3Server

PIECE = b"x" * remote_file.CHUNK_BYTES


class FaultyFile(io.FileIO):
    """A file of which only the first piece can be read, so many times."""

    faults = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() and FaultyFile.faults:
            FaultyFile.faults -= 1
            raise OSError(5, "Input/output error")
        return super().read(size) or b""


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def opened(path: str, mode: str) -> IO[Any]:
        return FaultyFile(path, mode)  # type: ignore[return-value]

    monkeypatch.setattr(paths, "open", opened, raising=False)
    file = tmp_path / "file"
    file.write_bytes(3 * PIECE)
    return file


def test_a_file_that_cannot_be_read_to_its_end_is_not_left_on_the_store(
    s3: S3Server, local: Path
) -> None:
    target = StorePath(f"s3://{s3.bucket}/out/file", s3.config())
    FaultyFile.faults = 1000
    with pytest.raises(OSError, match="Input/output error"):
        target.write_file(str(local))
    assert not target.exists()


def test_a_file_that_is_read_at_the_second_try_is_whole(s3: S3Server, local: Path) -> None:
    target = StorePath(f"s3://{s3.bucket}/out/file", s3.config())
    FaultyFile.faults = 1
    target.write_file(str(local))
    assert FaultyFile.faults == 0
    assert target.read_bytes() == local.read_bytes()


def test_a_file_that_became_shorter_while_it_was_read_is_not_left_on_the_store(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "file"
    local.write_bytes(3 * PIECE)
    read = FaultyFile.read

    def shortening(file: FaultyFile, size: int = -1) -> bytes:
        piece = read(file, size)
        os.truncate(local, len(PIECE))
        return piece

    monkeypatch.setattr(FaultyFile, "read", shortening)
    monkeypatch.setattr(paths, "open", FaultyFile, raising=False)
    FaultyFile.faults = 0
    config = s3.config().model_copy(update={"tries": 1})
    target = StorePath(f"s3://{s3.bucket}/out/file", config)
    with pytest.raises(OSError, match="changed while it was read"):
        target.write_file(str(local))
    assert not target.exists()


def test_an_object_is_deleted_though_the_answer_was_lost(s3: S3Server) -> None:
    path = StorePath(s3.put("out/a", b"a"), s3.config())
    s3.faults.append(Fault("unanswered", "out/a", times=1, method="DELETE"))
    path.unlink()
    assert not s3.faults[0].times
    assert not path.exists()
    with pytest.raises(FileNotFoundError):
        path.unlink()


def test_a_large_object_may_take_longer_than_a_piece_of_it(s3: S3Server) -> None:
    s3.slow_s = 0.3
    s3.faults.append(Fault("slow", "large", method="PUTPOST"))
    path = StorePath(f"s3://{s3.bucket}/large", s3.config(read_s=0.6, tries=1))
    content = bytes(24 << 20)  # three parts and two requests around them: 1.5 s
    path.write_bytes(content)
    assert len(path.read_bytes()) == len(content)


def test_only_empty_markers_of_folders_are_removed(s3: S3Server) -> None:
    s3.put("out/", b"")
    s3.put("out/notes/", b"kept")
    s3.put("out/file", b"")
    objects.remove_markers(f"s3://{s3.bucket}/out/", s3.config())
    assert sorted(s3.keys()) == ["out/file", "out/notes/"]
