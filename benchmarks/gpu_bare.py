"""`vllm.LLM` by the model's own recipe, over pictures that are drawn before the clock starts.

python -m benchmarks.gpu_bare --out bare.jsonl --name bare --load pages,1000,256,3

`--load` can be given several times: the engine is started once for all of them.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from benchmarks import gpu_setup
from benchmarks.gpu_pages import documents, model, pictures
from benchmarks.gpu_results import append
from benchmarks.gpu_rows import Load, weights_parser
from benchmarks.gpu_watch import GpuMonitor

_WARM = 8


def main() -> None:
    options = _options()
    for name, value in gpu_setup.ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    loads: list[Load] = options.load or [Load()]
    pages = pictures(documents(work, max(load.pages for load in loads)))
    begin = time.time()
    llm = start(work, options.weights)
    start_s = round(time.time() - begin, 1)
    print("started", options.name, start_s, flush=True)
    read(llm, pages[:_WARM], 16)
    for load in loads:
        for repeat in range(load.repeats):
            found = measure(llm, pages[: load.pages], int(load.tokens))
            found |= {"kind": load.kind, "tokens": load.tokens}
            append(options.out, options.name, found | {"start_s": start_s, "repeat": repeat})


def _options() -> argparse.Namespace:
    return weights_parser(__doc__).parse_args()


def start(work: Path, weights: str) -> Any:
    """The engine, with what the recipe says and the sizes that both sides share."""
    from vllm import LLM
    from vllm.model_executor.models.deepseek_ocr import NGramPerReqLogitsProcessor

    from pipeline.vllm_plugin.choice import WORKER
    from pipeline.vllm_plugin.options import Options

    return LLM(
        model=str(model(work)),
        load_format="dummy",
        worker_cls=WORKER,  # vLLM's own worker but for random weights as wide as the job's
        additional_config=Options(spread=weights == "random"),
        logits_processors=[NGramPerReqLogitsProcessor],
        mm_processor_cache_gb=0,
        enable_prefix_caching=False,
        max_model_len=8192,
        gpu_memory_utilization=gpu_setup.MEMORY,
        max_num_seqs=gpu_setup.SEATS,
        max_num_batched_tokens=gpu_setup.BATCHED_TOKENS,
        limit_mm_per_prompt={"image": 1},
        seed=0,
    )


def read(llm: Any, pages: list[Any], tokens: int) -> list[Any]:
    """Answers of so many tokens to pages."""
    from vllm import SamplingParams

    vocabulary = llm.get_tokenizer().get_vocab()
    rule = {"ngram_size": 30, "window_size": 90}
    rule["whitelist_token_ids"] = [vocabulary["<td>"], vocabulary["</td>"]]
    params = SamplingParams(
        temperature=0,
        max_tokens=tokens,
        ignore_eos=True,
        skip_special_tokens=False,
        extra_args=rule,
    )
    prompts = [{"prompt": gpu_setup.PROMPT, "multi_modal_data": {"image": one}} for one in pages]
    outputs: list[Any] = llm.generate(prompts, params, use_tqdm=False)
    return outputs


def measure(llm: Any, pages: list[Any], tokens: int) -> dict[str, Any]:
    with GpuMonitor() as watch:
        begin = time.time()
        outputs = read(llm, pages, tokens)
        end = time.time()
    made = sum(len(output.outputs[0].token_ids) for output in outputs)
    return gpu_setup.speed(len(outputs), made, end - begin) | {
        "prompt_tokens": len(outputs[0].prompt_token_ids),
        "gpu_busy": watch.mean(begin, end),
    }


if __name__ == "__main__":
    main()
