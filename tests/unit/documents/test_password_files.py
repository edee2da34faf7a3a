"""Files that `--password` and `--passwords` name are found by workers in other folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import OcrOptions
from pipeline.documents.passwords import absolute_files


def test_workers_find_the_files_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = OcrOptions(output="-", password="@list.txt", passwords="table.csv")
    assert absolute_files(options) == {
        "password": f"@{tmp_path}/list.txt",
        "passwords": f"{tmp_path}/table.csv",
    }
    assert absolute_files(OcrOptions(output="-", password="plain")) == {}
