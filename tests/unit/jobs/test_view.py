"""The command `rayscribe view`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import view
from tests.support import sample_documents
from tests.support.job_process import ROOT, environment
from tests.support.object_stores import S3Server
from tests.support.small_outputs import page, write_output, write_pages


@pytest.fixture
def output(tmp_path: Path) -> Path:
    original = tmp_path / "a.pdf"
    original.write_bytes(sample_documents.text_pdf())
    write_pages(tmp_path / "out", [page(str(original), 1, "words")])
    return tmp_path / "out"


def test_a_site_is_written(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = output.parent / "site"
    assert view.main([str(output), "--to", str(to)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["12 files of 1 pages", f"open {to / 'index.html'}"]
    assert len(list((to / "pictures").iterdir())) == 1


def test_an_output_on_a_store_is_shown_with_its_originals(
    s3: S3Server, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = sample_documents.text_pdf()
    row = page(s3.put("in/a.pdf", content), 1, "words")
    row = replace(row, ref=replace(row.ref, doc_id=hashlib.sha256(content).hexdigest()))
    rows = write_pages(tmp_path / "local", [row])
    s3.put("out/pages/part-0.parquet", (rows / "part-0.parquet").read_bytes())
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    to = tmp_path / "site"
    assert view.main([f"s3://{s3.bucket}/out", "--to", str(to)]) == 0
    assert len(list((to / "thumbs").iterdir())) == 1


def test_missing_originals_are_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_output(tmp_path / "out", {("/nowhere/a.pdf", 1): "x"})
    assert view.main([str(tmp_path / "out"), "--to", str(tmp_path / "site")]) == 3
    assert "1 pages without a picture, such as: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--match", "zz"], "look at --match and --status"), ([], "name the --output of a job")],
)
def test_nothing_to_show_is_code_2(
    output: Path, tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = output if more else tmp_path / "empty"
    assert view.main([str(place), "--to", str(tmp_path / "site"), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_site_is_code_1(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert view.main([str(output), "--to", str(output.parent)]) == 1
    assert "name another folder" in capsys.readouterr().err


def test_it_serves_on_loopback_until_it_is_stopped(output: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.view", str(output)],
        cwd=ROOT,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        address = process.stderr.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}data/index.js", timeout=30) as answer:
            assert answer.read().startswith(b"rayscribe(")
    finally:
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr
        process.stderr.close()
