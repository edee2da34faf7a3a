"""`rayscribe ocr`: the exit codes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs import export, ocr
from pipeline.config import OcrConfig
from pipeline.errors import ConfigError, JobError
from pipeline.job import report, run
from tests.support import exports, sample_documents
from tests.support.object_stores import S3Server


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with a job that ends as told: with a receipt, or with an error."""
    (tmp_path / "a.pdf").write_bytes(sample_documents.text_pdf(1))
    monkeypatch.setattr(report, "receipt", lambda receipt: "the receipt")
    monkeypatch.setattr(report, "next_steps", lambda receipt, output: "what comes next")

    def start(end: bool | BaseException, *flags: str) -> int:
        def ended(config: object, say: object) -> SimpleNamespace:
            if isinstance(end, BaseException):
                raise end
            return SimpleNamespace(complete=end, recipe_hash="r")

        monkeypatch.setattr(run, "run", ended)
        argv = [str(tmp_path / "a.pdf"), "--output", str(tmp_path / "out"), *flags]
        return ocr.main(argv, "rayscribe ocr")

    return start


@pytest.mark.parametrize(
    ("end", "flags", "code"),
    [
        (True, [], 0),
        (False, [], 3),
        (False, ["--fail-on", "failed"], 3),
        (False, ["--fail-on", "none"], 0),
        (JobError("the disk is full"), [], 1),
        (JobError("the disk is full"), ["--fail-on", "none"], 1),
        (ConfigError("no documents"), ["--fail-on", "none"], 2),
        (KeyboardInterrupt(), ["--fail-on", "none"], 130),
    ],
)
def test_the_exit_code_says_how_the_job_ended(
    job: Callable[..., int], end: bool | BaseException, flags: list[str], code: int
):
    assert job(end, *flags) == code


def test_a_stopped_job_prints_the_command_that_continues_it(
    job: Callable[..., int], capsys: pytest.CaptureFixture[str]
):
    job(KeyboardInterrupt(), "--pages", "1")
    error = capsys.readouterr().err
    assert "  rayscribe ocr /" in error
    assert error.endswith("--pages 1\n")


def test_the_receipt_is_printed_whatever_the_exit_code(
    job: Callable[..., int], capsys: pytest.CaptureFixture[str]
):
    job(False)
    assert capsys.readouterr().out == "the receipt\nwhat comes next\n"


def test_the_documents_are_exported_after_the_job(
    job: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    exports.output(tmp_path / "out/pages", [exports.page("/in/a.pdf", 1, "words")])
    assert job(True, "--export", "text,markdown") == 0
    assert (tmp_path / "out/export/a.pdf.txt").read_text() == "words\n\f"
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "text            1 file",
        "markdown        1 file",
        f"1 pages into {tmp_path}/out/export",
    ]
    assert job(False, "--export", "text", "--export-to", str(tmp_path / "to")) == 3
    assert (tmp_path / "to/a.pdf.txt").exists()
    # The files of an export by hand and of the job have one state.
    assert export.main([str(tmp_path / "out"), "--to", str(tmp_path / "to"), "--format=text"]) == 0
    assert "0 files, 1 there already" in capsys.readouterr().out


def test_the_export_after_a_job_has_the_rows_of_its_recipe(job: Callable[..., int], tmp_path: Path):
    old, new = exports.page("/in/a.pdf", 1, "old"), exports.page("/in/a.pdf", 1, "new")
    old = replace(old, ids=replace(old.ids, page_id="0", recipe_hash="another"))
    exports.output(tmp_path / "out/pages", [old, new])
    assert job(True, "--export", "text") == 0
    assert (tmp_path / "out/export/a.pdf.txt").read_text() == "new\n\f"


def test_documents_that_an_export_leaves_out_are_like_bad_pages(
    job: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # The original of the page does not exist.
    exports.output(tmp_path / "out/pages", [exports.page("/in/a.pdf", 1, "words")])
    assert job(True, "--export", "searchable-pdf") == 3
    assert "1 files left out" in capsys.readouterr().out
    assert job(True, "--export", "searchable-pdf", "--fail-on", "none") == 0


def test_an_export_that_fails_says_so_and_how_to_go_on(
    job: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    exports.output(tmp_path / "out/pages", [exports.page("/in/a.pdf", 1, "words")])
    (tmp_path / "file").touch()
    assert job(True, "--export", "text", "--export-to", str(tmp_path / "file/to")) == 1
    said = capsys.readouterr()
    assert "the receipt" in said.out
    assert "rows of the job are in" in said.err
    assert f"export {tmp_path}/out --format text --to {tmp_path}/file/to --recipe r" in said.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--export", "pdf"], "unknown format 'pdf'; choose from markdown"),
        (["--export", "chunks", "--chunks.tokenizer", "nowhere"], "no file nowhere"),
        (["--export", "text", "--export-to", "https://host/to"], "written to the web"),
    ],
)
def test_an_export_that_cannot_be_made_is_wrong_usage_before_the_job(
    job: Callable[..., int], flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert job(AssertionError("the job was started"), *flags) == 2
    assert said in capsys.readouterr().err


def test_a_submitted_job_needs_an_absolute_folder_for_its_files(
    job: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert job(True, "--export", "text", "--export-to", "files") == 2
    assert "absolute path" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["scans", "scans/2024"])
def test_files_are_not_put_beside_the_documents_that_a_pattern_finds(
    job: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str
):
    folder = tmp_path / to
    pattern = f"{folder.parent}/*/*.pdf"
    assert job(True, "--export", "text", "--export-to", str(folder), pattern) == 2
    assert "is inside of the input" in capsys.readouterr().err
    folder.mkdir(parents=True)
    (folder / "b.pdf").write_bytes(sample_documents.text_pdf(1))
    exports.output(tmp_path / "out/pages", [exports.page("/in/a.pdf", 1, "words")])
    elsewhere = str(tmp_path / "files")
    assert job(True, "--export", "text", "--export-to", elsewhere, f"{folder}/*.pdf") == 0


@pytest.mark.parametrize("pattern", ["", "**/*.png"])
def test_files_are_not_put_where_the_next_job_would_read_them(
    job: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str
):
    assert job(True, "--export", "text", f"{tmp_path}/{pattern}") == 2
    assert "is inside of the input" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "output"),
    [("s3://bucket/in/", "s3://bucket/in/out"), ("s3://bucket/in/*/*.pdf", "s3://bucket/in")],
)
def test_files_on_a_store_are_not_put_where_the_next_job_would_read_them(given: str, output: str):
    config = OcrConfig(inputs=(given,), output=output, export=("text",))
    with pytest.raises(ConfigError, match=f"--export-to {output}/export is inside of the input"):
        export.after_job(config)


def test_files_may_be_beside_the_documents_of_a_store(s3: S3Server):
    config = OcrConfig(
        inputs=(f"s3://{s3.bucket}/*.pdf",),
        output=f"s3://{s3.bucket}/out",
        export=("text",),
        store=s3.config(),
    )
    assert export.after_job(config).to == f"s3://{s3.bucket}/out/export"


def test_nothing_is_exported_after_a_job_that_did_not_finish(
    job: Callable[..., int], tmp_path: Path
):
    exports.output(tmp_path / "out/pages", [exports.page("/in/a.pdf", 1, "words")])
    assert job(JobError("the disk is full"), "--export", "text") == 1
    assert not (tmp_path / "out/export").exists()
