"""Files of the store, written whole or not at all."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.storage.paths import AnyPath, StorePath
from serving.jobs import folders
from tests.support import object_stores

MIB = 1 << 20


def test_two_writers_of_one_file_do_not_share_a_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have written before either replaces the file, as two processes may."""
    both, replace = threading.Barrier(2), Path.replace

    def late(self: Path, target: Path) -> Path:
        both.wait(20)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", late)
    path, faults = tmp_path / "state.json", list[Exception]()

    def write(content: bytes) -> None:
        try:
            folders.write_bytes(path, content)
        except OSError as error:
            faults.append(error)

    contents = b"a" * 1000, b"b" * 10
    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "content"
    folders.write_bytes(path, b"before")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        folders.write_pieces(path, pieces())
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"before"]


PIECE = bytes(range(256)) * (MIB // 256)


def written_and_read(path: AnyPath, count: int) -> bool:
    """Whether a file of so many MiB is what was written."""
    assert folders.write_pieces(path, (PIECE for _ in range(count))) == count * MIB
    with folders.opened(path) as file:
        return all(file.read(MIB) == PIECE for _ in range(count)) and file.read(MIB) == b""


def test_a_large_file_is_written_and_read_in_pieces(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        assert written_and_read(tmp_path / "large", 24)
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_a_large_file_on_a_store_is_what_was_written(s3: object_stores.S3Server) -> None:
    assert written_and_read(StorePath(f"s3://{s3.bucket}/large", s3.config()), 24)


def test_a_store_that_is_busy_for_a_while_gets_the_whole_file(
    s3: object_stores.S3Server, tmp_path: Path
) -> None:
    s3.faults.append(object_stores.Fault("busy", "large", times=2, method="PUT POST"))
    path = StorePath(f"s3://{s3.bucket}/large", s3.config())
    content = bytes(range(256)) * 50_000
    folders.write_pieces(path, [content, b"end"])
    assert path.read_bytes() == content + b"end"
