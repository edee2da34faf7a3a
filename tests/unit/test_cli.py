from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import load_yaml, read
from pipeline.config import OcrConfig, OcrOptions
from pipeline.errors import ConfigError


def parse(*argv: str) -> OcrConfig:
    return read(OcrConfig, OcrOptions, argv, "python -m jobs.ocr", "inputs")


def test_flags_set_nested_fields_and_inputs_may_stand_anywhere():
    config = parse("a,b.pdf", "--engine.kind", "fake", "--output", "out", "c d.pdf")
    assert config.inputs == ("a,b.pdf", "c d.pdf")
    assert config.engine.kind == "fake"
    assert config.render.dpi == 150


@pytest.mark.parametrize(
    "argv",
    [
        ["--ladder.rungs", "plain_text", "--ladder.rungs", "text_layer"],
        ["--ladder.rungs", "plain_text,text_layer"],
    ],
)
def test_the_ladder_is_set_by_flags(argv: list[str]):
    config = parse("a", "--output", "o", *argv)
    assert config.ladder.rungs == ("plain_text", "text_layer")
    assert not parse("a", "--output", "o", "--no-ladder.enabled").ladder.enabled


def test_flags_win_over_the_file(tmp_path: Path):
    file = tmp_path / "job.yaml"
    file.write_text("inputs: [x.pdf]\noutput: from-file\nrender: {dpi: 100, max_pixels: 20000}\n")
    config = parse("--config", str(file), "--render.dpi", "200")
    assert config.inputs == ("x.pdf",)
    assert config.output == "from-file"
    assert (config.render.dpi, config.render.max_pixels) == (200, 20000)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["a", "--output", "o", "--engine.kid", "fake"], "did you mean --engine.kind"),
        (["a", "--outptu", "o"], "did you mean --output"),
        (["a"], "--output is missing"),
        (["--output", "o"], "INPUT is missing"),
        (["a", "--output", "o", "--engine.kind", "gpu"], "'auto', 'onnx', 'vllm' or 'fake'"),
        (["a", "--output", "o", "--render.dpi", "many"], r"render\.dpi: .*valid integer"),
        (["a", "--output", "o", "--pages", "5-2"], "write 2-5"),
        (["a", "--output", "o", "--config", "nowhere.yaml"], "nowhere.yaml: No such file"),
    ],
)
def test_wrong_usage_says_what_to_change(argv: list[str], says: str):
    with pytest.raises(ConfigError, match=says):
        parse(*argv)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rendr: {dpi: 9}", "unknown setting rendr; did you mean render"),
        ("render: {dpy: 9}", r"unknown setting render\.dpy; did you mean dpi"),
        ("render: {dpi: 9}", "greater than or equal to 36"),
        ("- a list", "must hold settings"),
        ("a: [", "not valid YAML"),
    ],
)
def test_wrong_files_say_what_to_change(tmp_path: Path, text: str, says: str):
    file = tmp_path / "job.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        parse("a.pdf", "--output", "o", "--config", str(file))


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        parse("a", "--output", "o", "--render.dpi", "1", "--read.wall-s", "0")
    assert "render.dpi" in str(caught.value)
    assert "read.wall_s" in str(caught.value)


def test_an_empty_file_is_no_settings(tmp_path: Path):
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert load_yaml(str(file)) == {}


def test_help_has_units_and_defaults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        parse("--help")
    text = capsys.readouterr().out
    assert stopped.value.code == 0
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "Seconds of wall clock" in text
    assert "(default: 150)" in " ".join(text.split())
