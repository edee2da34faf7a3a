"""`rayscribe ocr`: the exit codes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobs import ocr
from pipeline.errors import ConfigError, JobError
from pipeline.job import report, run
from tests.support import sample_documents


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
            return SimpleNamespace(complete=end)

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
