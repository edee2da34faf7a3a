from __future__ import annotations

import dataclasses
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import OcrConfig
from pipeline.documents.listing import HIDDEN_FOLDER, LINKED_FOLDER
from pipeline.engines.recipe import make_recipe
from pipeline.job import report
from pipeline.job.run import Forecast
from pipeline.output import receipt
from pipeline.output.receipt import StageMetrics
from pipeline.output.totals import Count, ErrorGroup, PlanSummary, Summary


def plan() -> PlanSummary:
    return PlanSummary(
        documents=3,
        unreadable=1,
        bytes=5_000_000,
        routes=Counter(ocr=8, skip=2, error=1),
        done=Counter(ok=2),
        todo=Count(7, 0),
    )


PARTS = {"ngram": ["on"], "encoder": ["on"], "steps": ["off: the scheduler is another one"]}


def made(
    statuses: dict[str, int],
    before: dict[str, int] | None = None,
    gpus: float = 0.0,
    price: float = 0.0,
    busy_s: float = 4.0,
) -> receipt.Receipt:
    options = OcrConfig(inputs=("a",), output="o", engine={"kind": "fake"})
    recipe = make_recipe(options, "fake")
    planned = plan()
    planned.done = Counter(before or {})
    return receipt.make(
        plan=planned,
        written=Summary(
            written=Count(7, 0),
            statuses=Counter(statuses),
            sources=Counter(ocr=6, none=1),
            rungs={
                "plain_text": Counter(good=2, looped=1, rows=2),
                "base": Counter(good=4, looped=3, rows=4),
            },
            tokens_dropped=81000,
            tokens=700,
            characters=7000,
            slowest=[(1234.5, "/x/long.pdf", 4)],
            errors={"password": ErrorGroup(1, "/x/p.pdf page 0: give --password")},
        ),
        stages={
            "recognise": StageMetrics(
                6, 0, 6, busy_s, {"e": 900.0, "f": 800.0}, PARTS, 1006.0, 1009.5
            ),
            "plan": StageMetrics(3, 1, 3, 1.0, {"a": 50.0}),
            "render": StageMetrics(7, 0, 1, 5.0, {"a": 90.0, "b": 99.0}, {}, 1004.0, 1004.0),
        },
        files_left_out={".txt": 2},
        wall_s=20.0,
        run_s=10.0,
        started_at=1000.0,
        driver_peak_mib=200.0,
        gpus_per_engine=gpus,
        gpu_hour_price=price,
        recipe_hash=recipe.hash(),
        recipe=recipe.model_dump(mode="json"),
    )


def test_the_figures():
    done = made({"ok": 6, "failed": 1})
    assert (done.documents, done.pages, done.pages_left_out) == (3, 8, 2)
    assert (done.pages_per_s, done.tokens_per_s, done.characters_per_s) == (0.7, 70.0, 700.0)
    assert done.busy == {"recognise": 0.2, "render": 0.25}
    peaks = {"driver": 200.0, "recognise": 900.0, "plan": 50.0, "render": 99.0}
    assert done.peak_mib == peaks
    assert (done.first_page_s, done.last_page_s) == (4.0, 9.5)
    assert done.versions["ray"] == "2.60.0"


def test_the_speed_and_the_cost_of_a_gpu_while_engines_read_and_over_the_whole_job():
    """Two engines, busy for 4 s together, read 7 pages in a job of 20 s."""
    assert made({"ok": 7}, gpus=1.0, price=3.6).gpu == {
        "gpus": 2.0,
        "pages_per_s_busy": 1.75,  # 7 / 4
        "pages_per_s_wall": 0.175,  # 7 / (2 * 20)
        "hour_price": 3.6,  # 0.001 a second
        "cost_per_million_busy": 571.43,
        "cost_per_million_wall": 5714.29,
    }


def test_engines_that_share_a_gpu_are_one_gpu():
    use = made({"ok": 7}, gpus=0.5).gpu
    assert use is not None
    assert (use["gpus"], use["pages_per_s_busy"], use["pages_per_s_wall"]) == (1.0, 3.5, 0.35)


def test_without_a_price_there_is_no_cost_and_without_a_gpu_nothing():
    use = made({"ok": 7}, gpus=1.0).gpu
    assert use is not None
    prices = ("hour_price", "cost_per_million_busy", "cost_per_million_wall")
    assert [use[name] for name in prices] == [None] * 3
    assert made({"ok": 7}, price=3.6).gpu is None


def test_engines_that_read_nothing_have_no_speed():
    use = made({"ok": 7}, gpus=1.0, price=3.6, busy_s=0.0).gpu
    assert use is not None
    assert (use["pages_per_s_busy"], use["cost_per_million_busy"]) == (None, None)


def test_the_print_says_what_a_gpu_did_what_it_costs_and_what_ran():
    text = report.receipt(made({"ok": 7}, gpus=1.0, price=3.6))
    assert max(len(line) for line in text.splitlines()) <= 80
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for fact in (
        "2 GPU 1.75 pages/s each while engines read",
        "0.17 rows/s each over the whole job",
        "cost 571.43 per million pages while engines read",
        "5,714.29 per million rows over the whole job",
        "at 3.6 per GPU hour",
        "engine on: ngram, encoder",
        "steps off: the scheduler is another one",
    ):
        assert fact in lines
    plain = report.receipt(made({"ok": 7}))
    assert "GPU" not in plain
    assert "cost" not in plain


@pytest.mark.parametrize(
    ("statuses", "before", "expected"),
    [
        ({"ok": 5, "blank": 2}, {}, (True, 0, 0)),
        ({"ok": 6, "failed": 1}, {}, (False, 1, 0)),
        ({"ok": 6, "truncated": 1}, {}, (False, 0, 1)),
        ({}, {"ok": 7}, (True, 0, 0)),
        ({"failed": 2}, {"ok": 4, "failed": 1, "truncated": 3}, (False, 3, 3)),
    ],
)
def test_complete_means_ok_or_blank_now_and_before(statuses, before, expected):
    done = made(statuses, before)
    assert (done.complete, done.failed, done.truncated) == expected


def test_the_file_has_every_figure(tmp_path: Path):
    done = made({"ok": 7})
    done.write(tmp_path)
    assert receipt.Receipt(**json.loads((tmp_path / "receipt.json").read_text())) == done
    assert [file.name for file in tmp_path.iterdir()] == ["receipt.json"]


def test_the_print_fits_80_columns_and_has_the_facts():
    text = report.receipt(made({"ok": 6, "failed": 1}, {"ok": 2}))
    assert max(len(line) for line in text.splitlines()) <= 80
    for fact in ("3, 1 of them cannot be opened", "6 ok", "1 password", "0.70 pages/s", "1.23 s"):
        assert fact in text


def test_scripts_that_were_not_read_are_printed_within_80_columns():
    done = made({"ok": 7})
    assert "see the column warnings" not in report.receipt(done)
    scripts = {"Cyrillic": 12, "Canadian_Aboriginal": 3, "Devanagari": 4, "Greek": 1, "unknown": 9}
    text = report.receipt(replace(done, unread_scripts=scripts))
    assert max(len(line) for line in text.splitlines()) <= 80
    found = " ".join(text.split())
    assert "scripts not read, see the column warnings: 3 Canadian_Aboriginal, 12 Cyrillic" in found
    assert "9 unknown" in found


def test_rows_with_a_low_text_score_are_counted_and_printed():
    done = made({"ok": 7})
    assert "text score" not in report.receipt(done)
    text = report.receipt(replace(done, low_text_scores=3))
    assert "text score   3 rows are low, see the column warnings" in text
    assert "tables" not in text
    text = report.receipt(replace(done, doubtful_tables=2))
    assert "tables       2 rows are in doubt, see the column warnings" in text


def test_the_ladder_is_counted_and_printed_from_the_bottom_up():
    done = made({"ok": 7})
    assert done.rungs["plain_text"] == {"good": 2, "looped": 1, "rows": 2}
    lines = report.receipt(done).splitlines()
    [at] = [number for number, line in enumerate(lines) if "ladder" in line]
    assert [" ".join(line.split()) for line in lines[at : at + 3]] == [
        "ladder base: 4 good, 3 looped (4 rows)",
        "plain_text: 2 good, 1 looped (2 rows)",
        "81000 tokens in answers that were dropped",
    ]


def test_a_long_ladder_fits_80_columns_too():
    outcomes = dict.fromkeys(("good", "empty", "failed", "looped", "truncated", "rows"), 1_234_567)
    done = dataclasses.replace(made({"ok": 7}), rungs={"base": outcomes, "wider_ngram": outcomes})
    lines = report.receipt(done).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert sum("1234567 truncated" in line for line in lines) == 2


def test_a_job_whose_pages_were_read_at_once_says_nothing_of_a_ladder():
    done = dataclasses.replace(made({"ok": 7}), rungs={"base": {"good": 7, "rows": 7}})
    assert "ladder" not in report.receipt(done)


def test_the_next_step_names_the_output():
    assert "jobs.show out" in report.next_steps(made({"ok": 7}), "out")
    failed = report.next_steps(made({"failed": 7}), "out")
    cut = report.next_steps(made({"truncated": 7}), "out")
    assert ("their rows say why" in failed, "cut off" in failed) == (True, False)
    assert ("their rows say why" in cut, "cut off" in cut) == (False, True)


@pytest.mark.parametrize(
    ("executable", "said"),
    [
        ("/project/.venv/bin/python", ".venv/bin/python"),
        ("/usr/bin/python3", "python3"),
        ("/opt/python/bin/python3", "/opt/python/bin/python3"),
    ],
    ids=["in this folder", "on PATH, as in a container", "elsewhere"],
)
def test_the_next_step_names_a_python_that_a_shell_finds(
    executable: str, said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(report.sys, "executable", executable)
    monkeypatch.setattr(report.os, "getcwd", lambda: "/project")
    monkeypatch.setattr(report.shutil, "which", {"python3": "/usr/bin/python3"}.get)
    command = report.next_steps(made({"ok": 7}), "out").splitlines()[-1]
    assert command == f"Read the pages:  {said} -m jobs.show out"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({".txt": 2}, "8 (2 left out; 2 other files in folders not read)"),
        (
            {".txt": 1, HIDDEN_FOLDER: 1, LINKED_FOLDER: 2},
            "; 1 other file, 3 hidden or linked folders not read)",
        ),
        ({LINKED_FOLDER: 1}, "; 1 hidden or linked folder not read)"),
    ],
)
def test_what_is_passed_over_in_folders_is_counted(files: dict[str, int], said: str):
    assert said in report.receipt(dataclasses.replace(made({"ok": 7}), files_left_out=files))


def test_a_forecast_says_what_is_skipped_and_how_long():
    text = report.forecast(Forecast(plan(), 2, "onnx", {".txt": 4}, 90.0, "measured"))
    for fact in (
        "pages        8",
        "7 rows (2 copied: the same bytes",
        "2 pages by --pages, --max-pages; 4 other files",
        "2 ok (kept, not done again)",
        "decided in the run: text layer, blank, or engine onnx",
        "1:30 (measured)",
    ):
        assert fact in text
    assert "unknown" in report.forecast(Forecast(plan(), 2, "onnx", {}, None, "no run"))
