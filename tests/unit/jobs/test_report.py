"""The command `rayscribe report`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs import report
from pipeline.types import Status
from tests.support import sample_documents
from tests.support.object_stores import S3Server
from tests.support.small_outputs import page, write_output, write_pages


def test_it_prints_and_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_output(tmp_path / "out", {("/nowhere/a.pdf", 1): "words"})
    to = tmp_path / "report.html"
    assert report.main([str(tmp_path / "out"), "--to", str(to)]) == 0
    said = capsys.readouterr().out
    assert "1 pages of 1 documents, 5 characters" in " ".join(said.split())
    assert said.endswith(f"report     {to}\n")
    assert to.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_failed_pages_are_code_3_and_the_worst_have_pictures(tmp_path: Path) -> None:
    original = tmp_path / "a.pdf"
    original.write_bytes(sample_documents.text_pdf())
    bad = page(str(original), 2, "", status=Status.TRUNCATED)
    write_pages(tmp_path / "out", [replace(page(str(original), 1, "x"), text_score=0.1), bad])
    to = tmp_path / "r.html"
    assert report.main([str(tmp_path / "out"), "--to", str(to)]) == 3
    assert "data:image/webp;base64," in to.read_text(encoding="utf-8")
    assert report.main([str(tmp_path / "out"), "--to", str(to), "--no-pictures"]) == 3
    assert "data:image/webp" not in to.read_text(encoding="utf-8")


def test_two_outputs_on_a_store_are_compared(
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    for name, text in (("old", "ships and dues"), ("new", "ships or dues")):
        pages = write_output(tmp_path / name, {("/in/a.pdf", 1): text})
        s3.put(f"{name}/pages/part-0.parquet", (pages / "part-0.parquet").read_bytes())
    outputs = [f"s3://{s3.bucket}/new", "--against", f"s3://{s3.bucket}/old"]
    assert report.main(outputs) == 0
    assert "changed    1 texts; mean change of all pages 0.2143" in capsys.readouterr().out


def test_wrong_usage_is_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_output(tmp_path / "out", {("/in/a.pdf", 1): "x"})
    assert report.main([str(tmp_path)]) == 2
    assert report.main([str(tmp_path / "out"), "--against", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("name the --output of a job") == 2


def test_a_file_that_cannot_be_written_is_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_output(tmp_path / "out", {("/in/a.pdf", 1): "x"})
    to = tmp_path / "absent" / "r.html"
    assert report.main([str(tmp_path / "out"), "--to", str(to)]) == 1
    assert "No such file" in capsys.readouterr().err
