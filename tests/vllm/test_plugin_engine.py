"""The plugin in a running vLLM: it is there, and pages get the answers that they get without."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import write_deepseek_ocr

from pipeline import prompts
from pipeline.config import VllmConfig
from pipeline.engines.vllm import VllmCore
from pipeline.types import Ask, PageImage, Task

TOKENS = 12


def config(folder: Path, **changes: Any) -> VllmConfig:
    values: dict[str, Any] = {
        "model": str(folder),
        "family": "deepseek-ocr",
        "load_format": "random",
        "dtype": "float32",
        "ignore_eos": True,
        "max_model_len": 2048,
        "max_num_batched_tokens": 2048,
        "num_gpus": 0,
        "prepare_threads": 2,
        "enforce_eager": True,
        "profile_images": False,
        "ngram_size": 3,
        "ngram_window": 12,
    }
    return VllmConfig(**values | changes)


def answers(chosen: VllmConfig) -> tuple[list[list[int]], tuple[str, str, str]]:
    """Token ids of some pages, and the classes at work in vLLM's worker."""
    core: Any = VllmCore.start(chosen, self_test=True)
    rng = np.random.default_rng(0)
    sizes = ((640, 640), (500, 300), (640, 900))
    pages = [rng.integers(0, 256, (height, width, 3), np.uint8) for width, height in sizes]
    rule = prompts.ngram(chosen, core.vocabulary.whitelist)

    async def one(page: Any) -> list[int]:
        request = prompts.request(PageImage(page, dpi=150), Ask(Task.MARKDOWN), chosen)
        rendered = await core.render(replace(request, max_tokens=TOKENS))
        output = await core.complete(rendered, max_tokens=TOKENS, ignore_eos=True, extra_args=rule)
        return list(output.outputs[0].token_ids)

    async def run() -> Any:
        await core.check()
        written = await asyncio.gather(*map(one, pages))
        return written, (await core._llm.collective_rpc(_classes))[0]

    try:
        written, classes = asyncio.run(run())
    finally:
        core.close()
    return written, tuple(classes)


def _classes(worker: Any) -> tuple[str, str, str]:
    runner = worker.model_runner
    classes = (type(worker.worker), type(runner), type(runner.get_model()))
    return tuple(one.__name__ for one in classes)


@pytest.mark.timeout(600)
def test_pages_get_the_answers_of_vllm_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHALLOW_TOWERS", "1")
    monkeypatch.setenv("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")  # to ask for classes
    folder = write_deepseek_ocr(tmp_path / "deepseek-ocr")
    stock, classes = answers(config(folder, plugin="off"))
    assert classes == ("OcrWorker", "OcrCPUModelRunner", "DeepseekOCRForCausalLM")
    plugin, classes = answers(config(folder))
    assert classes == ("OcrWorker", "OcrCPUModelRunner", "OcrModel")
    assert plugin == stock
    assert len({tuple(ids) for ids in stock}) > 1, "pages that all read alike show nothing"
