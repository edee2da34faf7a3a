"""`rayscribe`: the console script."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jobs import main
from tests.support.job_process import ROOT, environment


def rayscribe(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "jobs.main", *argv],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_script_of_the_package_is_this_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"rayscribe": "jobs.main:run"}
    assert callable(main.run)


def test_every_module_of_the_folder_is_a_command():
    modules = {path.stem for path in Path(main.__file__).parent.glob("*.py")}
    assert set(main.COMMANDS) == modules - {"__init__", "main"}


def test_help_lists_the_commands_and_imports_none():
    done = rayscribe("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in main.COMMANDS)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"pydantic", "ray", "jobs.ocr", "pipeline.config"})


@pytest.mark.parametrize("name", main.COMMANDS)
def test_each_command_has_help_under_its_own_name_and_starts_no_ray(name: str):
    done = rayscribe(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: rayscribe {name} ")
    assert not any(line.endswith("| ray") for line in done.stderr.splitlines())


def test_errors_name_the_command():
    done = rayscribe("ocr", "nowhere.pdf", "--output", "o", "--outptu", "x")
    assert done.returncode == 2
    assert "rayscribe ocr: unknown flag --outptu; did you mean --output" in done.stderr


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["orc"], 2, "unknown command orc; did you mean ocr?"),
        (["zzz"], 2, "choose from ocr, serve, show, export, view, report, evaluate, prefetch"),
        ([], 2, "usage: rayscribe"),
        (["--version"], 0, "rayscribe 0."),
    ],
)
def test_other_words(argv: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]):
    assert main.main(argv) == code
    printed = capsys.readouterr()
    assert says in (printed.err if code else printed.out)
