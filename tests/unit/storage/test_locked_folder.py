"""Temporary folders of processes that may be killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.storage import locked_folder


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_cleared_once_its_lock_is_free_and_others_are_left(temporary: Path) -> None:
    folder, lock = locked_folder.create("mine-")
    (folder / "kept").write_text("by the one that made it")
    (temporary / "mine-without-a-lock").mkdir()
    locked_folder.clear_abandoned("mine-")
    assert (folder / "kept").exists()
    lock.close()  # as the kernel does when the process is killed
    locked_folder.clear_abandoned("other-")
    assert folder.exists()
    locked_folder.clear_abandoned("mine-")
    assert not folder.exists()
    assert (temporary / "mine-without-a-lock").exists()
