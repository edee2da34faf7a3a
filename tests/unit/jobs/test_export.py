"""The command `rayscribe export`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import export
from pipeline.config import OutputConfig
from pipeline.output import shards
from pipeline.output.rows import pages_table
from pipeline.types import PageIds, PageRef, PageResult, Recognition, Status
from tests.support.exports import output as exports_output
from tests.support.exports import page


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


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
        "text            1 file",
        "markdown        1 file",
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
        (["--match", "nothing"], "look at --match, --status, --recipe, --min-text-score"),
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


def test_ctrl_c_is_code_130(
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "export", stopped)
    assert export.main([str(output), "--to", str(tmp_path / "to")]) == 130
    assert "Files that were written stay" in capsys.readouterr().err


def test_of_pages_with_rows_of_several_recipes_one_has_to_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = page("/in/a.pdf", 1, "first")
    ids = replace(row.ids, page_id="0", recipe_hash="5e")
    again = replace(page("/in/a.pdf", 1, "second"), ids=ids)
    made = exports_output(tmp_path / "out" / "pages", [row, page("/in/b.pdf", 1, "b")], [again])
    command = [str(made.parent), "--format", "text", "--to", str(tmp_path / "to")]
    assert export.main(command) == 2
    assert "rows of several recipes; choose with --recipe: 5e, r" in capsys.readouterr().err
    assert export.main([*command, "--recipe", "5e"]) == 0
    assert (tmp_path / "to" / "a.pdf.txt").read_text() == "second\n\f"
    assert not (tmp_path / "to" / "b.pdf.txt").exists()
    # Documents with rows of one recipe each are no reason to ask.
    assert export.main([*command, "--match", "b.pdf"]) == 0


def test_a_data_set_is_not_replaced_by_that_of_other_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [page(f"/in/{name}.pdf", 1, name) for name in "ab"]
    made = exports_output(tmp_path / "out" / "pages", rows).parent
    to = tmp_path / "to"
    command = [str(made), "--format", "dataset", "--to", str(to)]
    assert export.main([*command, "--match", "a.pdf"]) == 0
    before = (to / "dataset/data/train-00000.parquet").read_bytes()
    capsys.readouterr()
    assert export.main([*command, "--match", "b.pdf"]) == 1
    said = capsys.readouterr().err
    assert f"is of {made}/pages (match a.pdf), not of {made}/pages (match b.pdf)" in said
    assert "name another folder with --to" in said
    assert (to / "dataset/data/train-00000.parquet").read_bytes() == before
    # The same selection of more pages takes its place, and so does another one of deleted files.
    exports_output(made / "pages", [*rows, page("/in/aa.pdf", 1, "more")])
    assert export.main([*command, "--match", "a.pdf"]) == 0
    (to / "dataset/data/train-00000.parquet").unlink()
    assert export.main([*command, "--match", "b.pdf"]) == 0


def test_a_recipe_that_all_pages_have_is_no_selection(tmp_path: Path) -> None:
    row = page("/in/a.pdf", 1, "a")
    made = exports_output(tmp_path / "other" / "pages", [row]).parent
    command = [str(made), "--format", "dataset", "--to", str(tmp_path / "elsewhere")]
    assert export.main([*command, "--recipe", row.ids.recipe_hash]) == 0
    assert export.main(command) == 0
