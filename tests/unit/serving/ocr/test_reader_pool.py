"""The folder of the pool; what its readers do: tests/integration/serving/test_readers.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.storage import locked_folder
from serving.ocr.reader_pool import ReaderPool


def test_it_clears_what_killed_ones_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder, lock = locked_folder.create("rayscribe-online-")
    (folder / "upload.pdf").write_bytes(b"of somebody")
    lock.close()
    pool = ReaderPool(0, 1.0, ReadConfig(), RenderConfig(), InputConfig())
    assert not folder.exists()
    assert len(list(tmp_path.iterdir())) == 1
    pool.close()
    assert not list(tmp_path.iterdir())
