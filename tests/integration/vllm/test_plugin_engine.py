"""The plugin in a running vLLM: it is there, and pages get the answers that they get without."""

from __future__ import annotations

import asyncio
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models import write_deepseek_ocr

from pipeline.config import VllmConfig
from pipeline.engines.deepseek_ocr import model, requests
from pipeline.engines.deepseek_ocr.engine import VllmCore
from pipeline.types import Instruction, PageImage, Task

TOKENS = 12

Answer = tuple[list[int], npt.NDArray[np.float64]]
"""Token ids, and the logarithm of how likely each was."""


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


def answers(chosen: VllmConfig) -> tuple[list[Answer], tuple[str, ...]]:
    """Answers to some pages, and the classes at work in vLLM's worker.

    Each page is asked for with the chances of its tokens, for which every token is sent at once,
    and without them, when the answer may leave the core at its end; both have to be equal.
    """
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    core: Any = VllmCore.start(chosen, self_test=True)
    rng = np.random.default_rng(0)
    sizes = ((640, 640), (500, 300), (640, 900))
    pages = [rng.integers(0, 256, (height, width, 3), np.uint8) for width, height in sizes]

    async def ask(number: str, page: Any, **changes: Any) -> Any:
        request = requests.make_request(
            PageImage(page, dpi=150), Instruction(Task.MARKDOWN), chosen
        )
        params = SamplingParams(
            temperature=0,
            max_tokens=TOKENS,
            ignore_eos=True,
            extra_args=model.ngram_args(chosen, core.vocabulary.whitelist),
            output_kind=RequestOutputKind.FINAL_ONLY,
            **changes,
        )
        rendered = await core.render(request)
        outputs = [out async for out in core._llm.generate(rendered, params, number)]
        (answer,) = outputs[-1].outputs
        return answer

    async def one(number: int, page: Any) -> Answer:
        answer = await ask(f"{number}", page, logprobs=0)
        ids = list(answer.token_ids)
        chances = [at[token].logprob for at, token in zip(answer.logprobs, ids, strict=True)]
        whole = await ask(f"{number}-whole", page)
        assert list(whole.token_ids) == ids
        ended = await ask(f"{number}-ended", page, stop_token_ids=[ids[5]])
        assert list(ended.token_ids) == ids[: ids.index(ids[5]) + 1]
        assert (whole.finish_reason, ended.finish_reason) == ("length", "stop")
        return ids, np.array(chances)

    async def run() -> Any:
        await core.check()
        written = await asyncio.gather(*(one(*numbered) for numbered in enumerate(pages)))
        return written, (await core._llm.collective_rpc(_classes))[0]

    try:
        written, classes = asyncio.run(run())
    finally:
        core.close()
    return written, tuple(classes)


def _classes(worker: Any) -> tuple[str, ...]:
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
    plugin, classes = answers(config(folder, plugin_tiles=True))
    assert classes == ("OcrWorker", "OcrCPUModelRunner", "OcrModel")
    assert [ids for ids, _ in plugin] == [ids for ids, _ in stock]
    # The tokens of a model this small are much alike; how likely they are tells pages apart.
    apart = min(np.abs(one[1] - other[1]).max() for one, other in combinations(stock, 2))
    same = max(np.abs(one[1] - other[1]).max() for one, other in zip(plugin, stock, strict=True))
    assert apart > 20 * same
