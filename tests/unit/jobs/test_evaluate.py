"""The command `rayscribe evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import evaluate
from pipeline.types import Source, Status
from tests.support import sample_documents
from tests.support.small_outputs import page, write_output, write_pages


def put(folder: Path, files: dict[str, str]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return str(folder)


@pytest.fixture
def output(tmp_path: Path) -> str:
    texts = {("/in/a.pdf", 1): "ships and dues", ("/in/b.pdf", 1): "harbours"}
    write_output(tmp_path / "out", texts)
    return str(tmp_path / "out")


def test_pages_are_scored_and_compared_with_an_earlier_result(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = put(tmp_path / "truth", {"a.p0000.txt": "ships and dues", "b.p0000.txt": "harbour"})
    result = tmp_path / "scores.json"
    assert evaluate.main([output, "--truth", truth, "--json", str(result)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[:4] == ["b.pdf", "1", "0.0000", "0.1429"]
    assert json.loads(result.read_text())["means"]["words_f1"]["value"] == 0.5
    put(tmp_path / "truth", {"b.p0000.txt": "harbours"})
    assert evaluate.main([output, "--truth", truth, "--against", str(result)]) == 0
    said = capsys.readouterr().out
    assert "after - before, pages, 2 pages of both" in said
    assert "/in/b.pdf p1: CER 0.1429 to 0.0000, words F1 0.0000 to 1.0000" in said


def test_failed_and_missing_pages_count_as_empty_and_give_code_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [page("a.pdf", 1, "x"), page("a.pdf", 2, "", status=Status.FAILED, source=None)]
    write_pages(tmp_path / "out", pages)
    truth = put(tmp_path / "truth", {"a.txt": "x\fy\fz\f"})
    assert evaluate.main([str(tmp_path / "out"), "--truth", truth]) == 3
    said = capsys.readouterr().out
    assert "pages that count as they are: 1 failed, 1 without a row" in said
    assert "0.3333" in said.splitlines()[1]


def test_documents_with_truth_that_the_output_has_not_are_counted(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = put(
        tmp_path / "truth", {"a.p0000.txt": "ships", "c.p0000.txt": "x", "c.p0001.txt": "y"}
    )
    assert evaluate.main([output, "--truth", truth]) == 0
    assert "1 of the documents are not in the output" in capsys.readouterr().out


def test_tests_in_the_form_of_olmocr_bench(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = [
        {"pdf": "x/a.pdf", "page": 1, "id": "elsewhere", "type": "present", "text": "ships"},
        {"pdf": "a.pdf", "page": 1, "id": "one", "type": "present", "text": "ships"},
        {"pdf": "a.pdf", "page": 1, "id": "two", "type": "absent", "text": "ships"},
        {"pdf": "a.pdf", "page": 1, "id": "four", "type": "math", "math": "x"},
        {"pdf": "b.pdf", "page": 1, "id": "three", "type": "chart"},
    ]
    truth = put(tmp_path / "bench", {"old.jsonl": "\n".join(map(json.dumps, tests))})
    result = tmp_path / "r.json"
    assert evaluate.main([output, "--truth", truth, "--json", str(result)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[:4] == ["file", "baseline", "2", "1.0000"]
    assert said.splitlines()[2].split() == ["file", "old", "3", "0.3333", "-"]
    assert "not run: 1 tests of the type chart" in said
    assert "math is a lower bound" in said
    assert "1 of the documents are not in the output" in said
    content = json.loads(result.read_text())
    assert content["types"]["absent"]["passed"] == 0
    content["tests"][1]["passed"] = True
    result.write_text(json.dumps(content))
    evaluate.main([output, "--truth", truth, "--against", str(result)])
    assert "1 tests fail now and passed before\n  old two" in capsys.readouterr().out


def test_the_text_layers_of_a_folder_and_of_the_documents_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in" / "a.pdf"
    path.parent.mkdir()
    path.write_bytes(sample_documents.text_pdf(2))
    read = [page(str(path), 1, "qqq"), page(str(path), 2, "x", source=Source.TEXT_LAYER)]
    write_pages(tmp_path / "out", read)
    out = str(tmp_path / "out")
    assert evaluate.main([out, "--truth", str(path.parent)]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[3:5] == ["2", "0.0000"]
    assert evaluate.main([out, "--truth", "text-layer"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[2].split()[3:5] == ["1", "0.0000"]
    assert "1 pages are left out: their text is that of the text layer" in said.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--truth", "absent"], "no such file or folder"),
        (["--form", "pages"], "unknown form 'pages'; choose from text, markdown"),
        (["--recipe", "zz"], "--recipe zz: the output has r1"),
        (["--against", "absent.json"], "--against absent.json: no result of this command"),
    ],
)
def test_wrong_usage_is_code_2(
    output: str, tmp_path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = put(tmp_path / "truth", {"a.p0000.txt": "x"})
    assert evaluate.main([output, "--truth", truth, *more]) == 2
    assert said in capsys.readouterr().err


def test_no_output_and_no_truth_of_its_documents_are_code_2(
    output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = put(tmp_path / "truth", {"other.p0000.txt": "x"})
    assert evaluate.main([str(tmp_path), "--truth", truth]) == 2
    assert "name the --output of a job" in capsys.readouterr().err
    assert evaluate.main([output, "--truth", truth]) == 2
    assert "no truth for any document of the output, such as /in/a.pdf" in capsys.readouterr().err
