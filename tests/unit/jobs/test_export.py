"""The command `rayscribe export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import export
from pipeline.config import OutputConfig
from pipeline.output import shards
from pipeline.output.rows import pages_table
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Status


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    (folder / "pages").mkdir(parents=True)
    ref = PageRef("/in/a.pdf", "ab" * 32, 1, 1, "application/pdf", 612, 792)
    table = pages_table([PageResult(ref, Recognition(Status.OK, "some words"), ids=PageIds("1f"))])
    shards.write_pages(folder / "pages" / "part-0.parquet", OutputConfig(), table)
    return folder


def test_it_writes_files_and_says_what_it_did(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "to"
    assert export.main([str(output), "--format", "text,markdown,text", "--to", str(to)]) == 0
    assert (to / "a.pdf.txt").read_text() == "some words\n\f"
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "text       1 files",
        "markdown   1 files",
        f"1 pages into {to}",
    ]
    assert said.err == ""
    assert export.main([str(output), "--format", "text", "--to", str(to)]) == 0
    assert "0 files, 1 there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "markdwn"], "unknown format 'markdwn'; choose from markdown, html"),
        (["--status", "good"], "Input should be 'ok', 'blank', 'truncated' or 'failed'"),
        (["--match", "nothing"], "look at --match, --status, --min-text-score"),
        (["--too", "x"], "unknown flag --too; did you mean --to"),
        (["--password", "@nowhere"], "nowhere cannot be read"),
    ],
)
def test_wrong_usage_says_what_to_write(
    output: Path,
    tmp_path: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert export.main([str(output), "--to", str(tmp_path / "to"), *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "to").exists()


def test_an_output_without_pages_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export.main([str(tmp_path), "--to", str(tmp_path / "to")]) == 2
    assert "name the --output of a job" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_exit_code_1(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert export.main([str(output), "--to", str(tmp_path / "file" / "to")]) == 1
    assert "cannot write to" in capsys.readouterr().err
