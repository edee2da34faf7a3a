from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel

from pipeline.cli import common_fields, load_yaml, read, validate
from pipeline.config import ExportConfig, ExportOptions, OcrConfig, OcrOptions, Settings
from pipeline.errors import ConfigError
from serving.config import ServeConfig


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
        (["a", "--output", "o", "--engine.kind", "gpu"], "'onnx', 'tesseract', 'vllm' or 'fake'"),
        (["a", "--output", "o", "--render.dpi", "many"], r"render\.dpi: .*valid integer"),
        (["a", "--output", "o", "--pages", "5-2"], "write 2-5"),
        (["a", "--output", "o", "--password-file", "x"], "--password-file: .*--password @FILE"),
        (
            ["a", "--output", "o", "--engine.vllm.tensor-parallel", "2"],
            r"tensor_parallel is now engine\.vllm\.tensor_parallel_size",
        ),
        (["a", "--outp", "o"], "unknown flag --outp; did you mean --output"),
        (["a", "--output", "o", "--fail-on", "blank"], "'none' or 'failed'"),
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
        ("password_file: secrets.txt", "password_file was removed: .*'@FILE'"),
        ("- a list", "must hold settings"),
        ("a: [", "not valid YAML"),
        ("inputs: [a]\ninputs: [b]", "the key 'inputs' is there twice(.|\n)*line 2"),
        ("render: {dpi: 99}\nread: {wall_s: 1, wall_s: 2}", "the key 'wall_s' is there twice"),
        ("ladder: {rungs: plain_text}", r"ladder\.rungs: write a list, .* .got 'plain_text'"),
        ("pages: 1", "pages: write a text, in quotes .* .got 1"),
        ("engine: onnx", "engine: this is a section; write its settings below it.* .got 'onnx'"),
        ("render:", "render: this is a section; .* or leave it out"),
    ],
)
def test_wrong_files_say_what_to_change(tmp_path: Path, text: str, says: str):
    file = tmp_path / "job.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=says):
        parse("a.pdf", "--output", "o", "--config", str(file))


def test_a_section_may_take_over_the_keys_of_another(tmp_path: Path):
    file = tmp_path / "job.yaml"
    file.write_text("read: &limits {wall_s: 1, cpu_s: 2}\nserve: {<<: *limits, wall_s: 3}\n")
    assert load_yaml(str(file))["serve"] == {"wall_s": 3, "cpu_s": 2}


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        parse("a", "--output", "o", "--render.dpi", "1", "--read.wall-s", "0")
    assert "render.dpi" in str(caught.value)
    assert "read.wall_s" in str(caught.value)


def test_a_positional_that_is_no_list_takes_one_value(capsys: pytest.CaptureFixture[str]):
    def parse_one(*argv: str) -> ExportConfig:
        return read(ExportConfig, ExportOptions, argv, "prog", "output", "formats:\n  one\n  two")

    assert parse_one("out", "--to", "files").output == "out"
    with pytest.raises(ConfigError, match="OUTPUT is missing: The --output of a job"):
        parse_one("--to", "files")
    with pytest.raises(ConfigError, match=r"usage: prog OUTPUT --to DIR \[options\]"):
        parse_one("--too", "files")
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit):
            parse_one(flag)
        assert capsys.readouterr().out.endswith("formats:\n  one\n  two\n")


def test_an_empty_file_is_no_settings(tmp_path: Path):
    file = tmp_path / "empty.yaml"
    file.write_text("")
    assert load_yaml(str(file)) == {}


class Section(Settings):
    """A section whose keys were renamed."""

    RENAMED: ClassVar[dict[str, str]] = {"on": "enabled", "older": "newer"}
    enabled: bool = True
    newer: int = 1


class Whole(Settings):
    """A model with that section."""

    section: Section = Section()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"section": {"older": 2}}, "section.older is now section.newer"),
        ({"section": {"on": False}}, "section.on is now section.enabled"),
        ({"section": {True: False}}, "section.on is now section.enabled"),
    ],
)
def test_a_renamed_key_gets_an_error_that_names_the_new_one(values: dict[str, object], says: str):
    """YAML 1.1 reads the key `on` as the boolean true."""
    with pytest.raises(ConfigError, match=says):
        validate(Whole, values)


def test_a_renamed_flag_gets_the_same_error():
    with pytest.raises(ConfigError, match=r"--no-section\.on: section\.on is now section\.enabled"):
        read(Whole, Whole, ["--no-section.on"], "prog")


def test_a_removed_section_is_named_by_its_flags_too():
    with pytest.raises(ConfigError, match=r"--log\.text: log was removed: log\.text had no effect"):
        read(ServeConfig, ServeConfig, ["--log.text"], "prog")


def help_text(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    flag: str,
    model: type[BaseModel] = OcrConfig,
) -> str:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        read(model, OcrOptions if model is OcrConfig else model, [flag], "rayscribe ocr")
    assert stopped.value.code == 0
    return capsys.readouterr().out


def flags_in(text: str) -> list[str]:
    return [
        word.strip(",")
        for line in text.splitlines()
        for word in line.split()[:1]
        if word[:2] == "--"
    ]


def test_help_has_the_common_flags(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    text = help_text(capsys, monkeypatch, "--help")
    assert max(len(line) for line in text.splitlines()) <= 80
    assert set(flags_in(text)) - {"--help-all"} == {
        *("--config", "--output", "--engine.kind", "--text-layer", "--pages", "--password"),
        *("--retry", "--fail-on", "--overwrite", "--dry-run", "--export"),
    }
    assert text.endswith("All other settings: rayscribe ocr --help-all\n")


@pytest.mark.parametrize("model", [OcrConfig, ServeConfig])
def test_help_all_has_every_setting_with_units_and_defaults(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    model: type[BaseModel],
):
    text = help_text(capsys, monkeypatch, "--help-all", model)
    assert max(len(line) for line in text.splitlines()) <= 80
    listed = flags_in(text)
    for path in settings_of(model):
        if path != "inputs":
            assert f"--{path}".replace("_", "-") in listed
    assert listed.index("--engine.kind") < listed.index("--engine.onnx.threads")
    words = " ".join(text.split())
    assert "Maximum seconds of wall clock" in words
    assert "(default: 150)" in words
    assert "(default: )" not in words
    assert "engine.onnx options: The embedded engine for the CPU" in words


def settings_of(model: type[BaseModel], prefix: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += settings_of(kind, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found


@pytest.mark.parametrize("model", [OcrConfig, ServeConfig])
def test_common_fields_are_settings(model: type[BaseModel]):
    common = list(common_fields(model))
    assert common
    assert set(common) <= set(settings_of(model))
