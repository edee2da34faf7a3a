"""Exports that Ray spreads over its machines: `make test-cluster`."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.output.export.formats import summaries
from pipeline.types import Block, Line
from tests.support import job_process, sample_documents
from tests.support.exports import output, page
from tests.support.job_process import Head, Started
from tests.support.object_stores import S3Server

pytestmark = pytest.mark.timeout(600)

DOCUMENTS, PAGES = 4, 2
FORMATS = ",".join(summaries())
STATE = ".rayscribe-export"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An output of scans with a line and a figure on each page; its folder."""
    documents = tmp_path / "in"
    documents.mkdir()
    rows = []
    for number in range(DOCUMENTS):
        path = documents / f"{number:03}.pdf"
        content = sample_documents.many_pages_pdf(PAGES)
        path.write_bytes(sample_documents.marked(content, number))
        doc_id = hashlib.sha256(path.read_bytes()).hexdigest()
        rows += [_row(str(path), at, doc_id) for at in range(1, PAGES + 1)]
    half = len(rows) // 2
    output(tmp_path / "out/pages", rows[half:], rows[:half])
    return tmp_path / "out"


def _row(uri: str, number: int, doc_id: str):
    text, box = f"page {number} of {uri[-7:]}", (100.0, 100.0, 400.0, 130.0)
    blocks = [Block("text", text, box), Block("image", "", (100.0, 200.0, 300.0, 400.0))]
    made = page(uri, number, f"{text}\n\n![image](#block-2)", doc_id=doc_id, blocks=blocks)
    lines = (Line(text, box, 0.9),)
    return replace(made, recognition=replace(made.recognition, lines=lines))


def command(output: Path, to: Path | str, *more: str) -> list[str]:
    """An export on Ray, a document a task."""
    return [
        *(sys.executable, "-m", "jobs.export", str(output), "--to", str(to)),
        *("--spread.pages", "1", "--spread.pages-per-task", "1", *more),
    ]


def run(argv: list[str], head: Head | None) -> subprocess.CompletedProcess[str]:
    started = job_process.start(argv, **(head.environment if head else {}))
    try:
        out, err = started.process.communicate(timeout=300)
    finally:
        end(started)
    return subprocess.CompletedProcess(argv, started.process.returncode, out, err)


def end(started: Started) -> None:
    """End it: a driver that is left would hold the CPUs of the tests that follow."""
    for one in started.left():
        one.kill()
    started.process.communicate()


def files(folder: Path) -> Mapping[str, bytes]:
    """All files but the state."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in found
        if not path.name.startswith(STATE)
    }


def without_times(content: bytes) -> bytes:
    """A PDF without its identifier, which MuPDF draws by chance where the original has none."""
    return content.partition(b"/ID[")[0] if content.startswith(b"%PDF") else content


def test_the_files_are_those_of_one_process(made: Path, tmp_path: Path, head: Head):
    one, spread = tmp_path / "one", tmp_path / "spread"
    flags = ["--format", FORMATS, "--dataset.pages-per-file", "3"]
    alone = run([*command(made, one), *flags, "--spread.pages", "0"], None)
    assert (alone.returncode, alone.stderr) == (0, "")
    done = run([*command(made, spread), *flags, "--spread.pages-per-task", "3"], head)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.replace("spread", "one") == alone.stdout
    expected, found = files(one), files(spread)
    assert found.keys() == expected.keys()
    assert sum(name.endswith(".png") for name in found) == DOCUMENTS * PAGES
    differing = [
        name for name in found if without_times(found[name]) != without_times(expected[name])
    ]
    assert not differing


MANY = 150


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """An output of many documents of a page; its folder."""
    rows = [page(f"/in/{number:03}.pdf", 1, f"text {number}") for number in range(MANY)]
    output(tmp_path / "out/pages", rows)
    return tmp_path / "out"


def begun(folder: Path, started: Started, wanted: int) -> int:
    """Wait for so many files; how many there are."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = len(list(folder.glob("*.txt")))
        if found >= wanted or started.process.poll() is not None:
            return found
        time.sleep(0.01)
    raise TimeoutError("no file appeared")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_an_export_that_is_stopped_goes_on(
    many: Path, tmp_path: Path, head: Head, number: signal.Signals
):
    to, argv = tmp_path / "to", command(many, tmp_path / "to", "--format", "text")
    started = job_process.start(argv, **head.environment)
    try:
        found = begun(to, started, 2)
        os.kill(started.process.pid, number)
        _, said = started.process.communicate(timeout=60)
    finally:
        end(started)
    assert 2 <= found < MANY
    assert started.process.returncode == (130 if number == signal.SIGINT else -number), said
    again = run(argv, head)
    assert again.returncode == 0, again.stderr
    assert len(files(to)) == MANY
    assert (to / "149.pdf.txt").read_text() == "text 149\n\f"
    third = run(argv, None)  # nothing is missing: no Ray is started
    assert f"0 files, {MANY} there already" in third.stdout


def test_a_document_that_is_left_out_is_exit_code_3(made: Path, tmp_path: Path, head: Head):
    (tmp_path / "in/000.pdf").unlink()
    flags = ["--format", "searchable-pdf", "--spread.pages-per-task", "500"]
    done = run([*command(made, tmp_path / "to"), *flags], head)
    assert done.returncode == 3
    assert "000.pdf: no searchable-pdf" in done.stderr
    assert len(files(tmp_path / "to")) == DOCUMENTS - 1


def test_the_folder_may_be_on_a_store(made: Path, tmp_path: Path, head: Head, s3: S3Server):
    to = f"s3://{s3.bucket}/deep/to"
    argv = [*command(made, to, "--format", "markdown,dataset"), "--store.s3-endpoint", s3.endpoint]
    argv += ["--spread.pages-per-task", "500"]
    done = run(argv, head)
    assert done.returncode == 0, done.stderr
    listed = s3.client().list_objects_v2(Bucket=s3.bucket, Prefix="deep/to/")["Contents"]
    names = [each["Key"].removeprefix("deep/to/") for each in listed]
    shown = [name for name in names if not name.startswith(STATE)]
    local = tmp_path / "one"
    run([*command(made, local, "--format", "markdown,dataset"), "--spread.pages", "0"], None)
    assert {name: read(s3, f"deep/to/{name}") for name in shown} == files(local)


def read(s3: S3Server, key: str) -> bytes:
    return bytes(s3.client().get_object(Bucket=s3.bucket, Key=key)["Body"].read())
