"""The whole job on the real vLLM: a PDF of two pages in, two rows of Parquet out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from models import write_deepseek_ocr

SIDE_PT = 300
"""625 px at 150 dpi: the global view alone, 273 tokens."""


@pytest.mark.timeout(800)
def test_two_pages_go_through_ray_data_and_vllm(tmp_path: Path) -> None:
    pymupdf = pytest.importorskip("pymupdf")
    document = pymupdf.open()
    for text in ("The first page", "The second page"):
        document.new_page(width=SIDE_PT, height=SIDE_PT).insert_text((40, 60), text)
    document.save(tmp_path / "two.pdf")
    model = write_deepseek_ocr(tmp_path / "deepseek-ocr")
    options = {
        "engine.kind": "vllm",
        "engine.vllm.model": model,
        "engine.vllm.family": "deepseek-ocr",
        "engine.vllm.load-format": "dummy",
        "engine.vllm.dtype": "float32",
        "engine.vllm.max-tokens": 8,
        "engine.vllm.max-model-len": 2048,
        "engine.vllm.max-num-batched-tokens": 2048,
        "engine.vllm.num-gpus": 0,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    flags += [
        "--text-layer=never",
        "--ladder.rungs=wider_ngram,plain_text",
        "--engine.vllm.enforce-eager",
        "--no-engine.vllm.profile-images",
    ]
    output = tmp_path / "out"
    command = [sys.executable, "-m", "jobs.ocr", "two.pdf", f"--output={output}", *flags]
    environment = os.environ | {"SHALLOW_TOWERS": "1"}
    finished = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=780
    )
    # Random weights never write an end: both pages stop at their limit, which exit code 3 says.
    assert finished.returncode == 3, finished.stderr
    rows = pq.read_table(output / "pages").to_pylist()
    assert sorted(row["page"] for row in rows) == [1, 2]
    for row in rows:
        assert (row["engine"], row["model"]) == ("vllm", str(model))
        assert (row["status"], row["finish_reason"]) == ("truncated", "length")
        assert (row["image_tokens"], row["output_tokens"]) == (273, 8)
        assert row["prefill_ms"] > 0
        assert [attempt["rung"] for attempt in row["attempts"]] == ["base", "plain_text"]
        assert [attempt["outcome"] for attempt in row["attempts"]] == ["truncated"] * 2
        assert row["input_ms"] > 0
