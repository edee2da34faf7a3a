"""What is printed into a pipe that nobody reads, as after `| head`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.exit_codes import COMPLETE, NOT_FINISHED, READER_GONE, exit_code
from tests.support.job_process import ROOT
from tests.support.small_outputs import write_output


def _unread(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose stdout is a pipe without a reader."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)


# With a buffer it is found out at the end, when Python has little to say it with.
@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_command_that_shows_ends_in_silence(tmp_path: Path, unbuffered: str) -> None:
    write_output(tmp_path, {("/in/a.pdf", 1): "words"})
    done = _unread("jobs.show", tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (READER_GONE, "")


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_job_has_the_code_of_its_pages_and_its_files_are_written(
    tmp_path: Path, unbuffered: str
) -> None:
    command = ["jobs.ocr", "samples/invoice.pdf", "--output", tmp_path, "--export", "text"]
    done = _unread(*command, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == COMPLETE, done.stderr
    assert "Broken pipe" not in done.stderr
    assert (tmp_path / "export" / "invoice.pdf.txt").exists()


def test_another_pipe_that_breaks_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    def run() -> int:
        raise BrokenPipeError(32, "Broken pipe")

    assert exit_code(run, "prog") == NOT_FINISHED
    assert "prog: [Errno 32] Broken pipe" in capfd.readouterr().err
