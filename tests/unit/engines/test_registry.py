"""The engines by name: each in one folder, and no other module knows which there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from pipeline.config import (
    EngineConfig,
    EngineKind,
    LadderConfig,
    OcrOptions,
    OnnxConfig,
    VllmConfig,
)
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS, choose_engine, pages_in_flight, spec_of
from pipeline.errors import ConfigError
from pipeline.types import Rung
from tests.support.job_process import ROOT
from tests.support.tesseract_data import pretend_installed

_COMPARED = re.compile(
    r"""(?<!chat\.)\b(?:kind|engine)\b \s* (?:==|!=|\bin\b|\bis\b) .*
    ["'](?:onnx|tesseract|vllm|fake)["']
    | ["'](?:onnx|tesseract|vllm|fake)["'] \s* (?:==|!=) .* \b(?:kind|engine)\b""",
    re.VERBOSE,
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('if engine.kind == "vllm" and x:', True),
        ('return 2 if recipe.engine != "onnx" else 1', True),
        ('if kind in ("fake", "onnx"):', True),
        ('if "vllm" == config.engine.kind:', True),
        ('if config.chat.kind == "fake":', False),
        ('if engine.kind != "auto":', False),
    ],
)
def test_comparisons_are_found(line: str, found: bool) -> None:
    assert bool(_COMPARED.search(line)) is found


def test_only_the_engines_ask_which_engine_it_is() -> None:
    folders = (ROOT / "pipeline", ROOT / "serving", ROOT / "jobs")
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(paths) > 50
    outside = [
        path
        for path in paths
        if not path.is_relative_to(ROOT / "pipeline" / "engines")
        and path != ROOT / "serving" / "chat" / "engine.py"  # the chat model's own two kinds
    ]
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in outside
        for line in path.read_text(encoding="utf-8").splitlines()
        if _COMPARED.search(line)
    ]
    assert lines == []


def test_every_kind_has_a_spec_and_a_section_of_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_installed(monkeypatch, tmp_path, "eng")
    assert set(SPECS) == set(get_args(EngineKind))
    for name, spec in SPECS.items():
        assert spec.name == name
        assert name in EngineConfig.model_fields
        assert getattr(make_recipe(OcrOptions(output="o"), spec.name), name) is not None
        assert set(spec.rungs) <= {Rung.NGRAM, Rung.PLAIN, Rung.VIEW}


@pytest.mark.parametrize("name", get_args(LadderConfig.model_fields["second_engine"].annotation))
def test_a_second_engine_can_take_over_and_needs_no_gpu(name: str) -> None:
    assert SPECS[name].adapt is not None
    assert SPECS[name].resources(EngineConfig()).gpus == 0


def test_the_specs_import_no_heavy_package() -> None:
    heavy = "{'vllm', 'torch', 'onnxruntime', 'rapidocr', 'tesserocr', 'cv2', 'ray'}"
    code = f"import sys, pipeline.engines.registry; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


def test_auto_is_chosen_by_the_gpu() -> None:
    assert choose_engine(EngineConfig(), has_gpu=True) == "vllm"
    assert choose_engine(EngineConfig(), has_gpu=False) == "onnx"
    assert choose_engine(EngineConfig(kind="fake"), has_gpu=True) == "fake"


def test_what_an_engine_reserves_and_how_many_run() -> None:
    onnx = EngineConfig(kind="onnx", onnx=OnnxConfig(threads=4))
    assert spec_of(onnx).resources(onnx).cpus == pytest.approx(2.8)
    assert spec_of(onnx).workers(onnx, 16, 8) == 4
    half = EngineConfig(kind="vllm", vllm=VllmConfig(num_gpus=0.5))
    assert spec_of(half).resources(half).gpus == 0.5
    assert spec_of(half).workers(half, 16, 2) == 4
    cpu = EngineConfig(kind="vllm", vllm=VllmConfig(num_gpus=0))
    assert spec_of(cpu).workers(cpu, 16, 2) == 1
    assert [pages_in_flight(EngineConfig(kind=kind)) for kind in ("onnx", "fake")] == [1, 64]
    assert pages_in_flight(EngineConfig(kind="onnx", pages_in_flight=9)) == 9


def test_a_missing_vllm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engines.deepseek_ocr.spec.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[gpu\]'"):
        SPECS["vllm"].check_installed(EngineConfig())
    SPECS["fake"].check_installed(EngineConfig())
