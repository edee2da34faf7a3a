"""The service against `vllm serve`: the same model, engine arguments and load, in one run.

    python -m benchmarks.serving --vllm --out FILE.json [--model FOLDER]
    python -m benchmarks.serving --vllm --out FILE.json --part bare --part haproxy   (in steps)
    python -m benchmarks.serving --vllm --out FILE.json --table                   (what is there)

One GPU holds one of them at a time, so they take turns: bare, ours (with Serve's proxy), ours
behind HAProxy, ours with four ingresses behind it, bare again, which shows how far two runs of
the same thing lie apart. Each turn adds its result to the file, so that turns can be run in
separate calls on a machine lent by the minute. The load is streamed chat completions in closed
loops, every answer of the same length (`ignore_eos`). Without `--model` a folder with the sizes of
DeepSeek-R1-Distill-Llama-8B and no weights is written; vLLM fills it with random ones.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

from benchmarks import gpu_setup, llama_8b, serving_app, serving_load
from benchmarks.serving_load import Kind, Load
from serving.chat import engine
from serving.config import ServeConfig
from tests.support.job_process import free_port

SENTENCE = "The quick brown fox jumps over the lazy dog and asks for its invoice. "
SIDES = {
    "bare": "vllm serve",
    "ours": "the service",
    "haproxy": "the service behind HAProxy",
    "haproxy-4": "4 ingresses behind HAProxy",
}
NAME = "measured"
_START_S = 900.0
_END_S = 60.0
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this comparison."""
    group = parser.add_argument_group("with --vllm")
    group.add_argument("--model", type=Path, help="model folder; left out: 8B without weights")
    group.add_argument("--load-format", default="dummy", choices=["dummy", "auto", "safetensors"])
    group.add_argument("--out", type=Path, default=Path("serving-vllm.json"))
    group.add_argument("--part", action="append", choices=[*SIDES], default=[])
    group.add_argument(
        "--table", action="store_true", help="print what the file holds, run nothing"
    )
    group.add_argument("--tokens", type=int, default=256, help="tokens of every answer")
    group.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 64])
    group.add_argument("--per-client", type=int, default=4, help="requests of a client in a round")
    group.add_argument("--max-model-len", type=int, default=8192)
    group.add_argument("--dtype", default="auto")
    group.add_argument("--max-num-seqs", type=int, default=128)
    group.add_argument("--memory-share", type=float, default=0.85, help="of the GPU's memory")
    group.add_argument("--eager", action="store_true", help="without compilation and CUDA graphs")
    group.add_argument("--events-per-s", type=float, help="ingress.events_per_s of the service")


def compare(arguments: argparse.Namespace) -> int:
    """Run the turns that are asked for, and print the table."""
    if not arguments.table:
        os.environ.update(_ENVIRONMENT)
        arguments.model = arguments.model or llama_8b.write_model(_work() / "llama-8b")
        for part in arguments.part or (*SIDES, "bare"):
            begin = time.monotonic()
            serve = _bare if part == "bare" else _ours
            with serve(_config(arguments, part)) as url:
                start_s = time.monotonic() - begin
                _keep(arguments, part, _measure(url, arguments) | {"start_s": round(start_s, 1)})
    print(table(json.loads(arguments.out.read_text(encoding="utf-8"))))
    return 0


def _work() -> Path:
    return Path(tempfile.gettempdir(), "rayscribe-serving")


def _config(arguments: argparse.Namespace, part: str) -> ServeConfig:
    share = 1.0 if shutil.which("nvidia-smi") else 0.0
    values: dict[str, Any] = {
        "models": ["chat"],
        "chat": {
            "kind": "vllm",
            "name": NAME,
            "model": str(arguments.model),
            "load_format": arguments.load_format,
            "max_model_len": arguments.max_model_len,
            "dtype": arguments.dtype,
            "max_num_seqs": arguments.max_num_seqs,
            "gpu_memory_utilization": arguments.memory_share,
            "enforce_eager": arguments.eager,
            "num_gpus": share,
        },
        "scale": {"chat": {"min_replicas": 1, "max_replicas": 1, "num_cpus": 0}},
        "http": {"proxy": "haproxy" if part.startswith("haproxy") else "serve"},
        "ingress": {"num_replicas": 4 if part == "haproxy-4" else 1},
    }
    if arguments.events_per_s:
        values["ingress"]["events_per_s"] = arguments.events_per_s
    return ServeConfig.model_validate(values)


# --- the two sides


@contextmanager
def _ours(config: ServeConfig) -> Iterator[str]:
    with serving_app.running(config) as app:
        yield app.url


@contextmanager
def _bare(config: ServeConfig) -> Iterator[str]:
    """`vllm serve` with the arguments that the service gives to its engine."""
    port = free_port()
    with (_work_folder() / "vllm-serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*_command(config), f"--port={port}"], stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(lambda: _answers(port), process, log.name)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # a group of its own, begun above
                process.wait()


def _command(config: ServeConfig) -> list[str]:
    # What `vllm serve` runs, also where its script is not on the path.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--host=127.0.0.1", f"--served-model-name={config.chat.name}"]
    values = engine.engine_args(config.chat)
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            command.append(flag)
        elif value not in (None, False, ""):
            command.append(f"{flag}={value}")
    return command


def _work_folder() -> Path:
    folder = _work()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: str) -> None:
    deadline_s = time.monotonic() + _START_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            tail = Path(log).read_text(errors="replace")[-3000:]
            raise SystemExit(f"vllm serve did not start ({process.poll()}):\n{tail}")
        time.sleep(0.5)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return True
    except (URLError, OSError):
        return False


# --- the load


def _measure(url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    _load(url, 8, 16, arguments.tokens)  # compiled, captured and connected
    result: dict[str, Any] = {}
    for clients in arguments.clients:
        count = max(4, clients * arguments.per_client)
        loads = [_load(url, clients, count, arguments.tokens) for _ in range(arguments.rounds)]
        result[str(clients)] = {
            "tokens_per_s": [round(load.tokens_per_s, 1) for load in loads],
            "first_ms": [round(load.first_ms(0.5), 2) for load in loads],
            "first_p95_ms": [round(load.first_ms(0.95), 2) for load in loads],
            "token_ms": [round(load.token_ms(), 3) for load in loads],
            "gap_p50_ms": [round(load.gap_ms(0.5), 3) for load in loads],
            "gap_p99_ms": [round(load.gap_ms(0.99), 3) for load in loads],
        }
        print(clients, json.dumps(result[str(clients)]), flush=True)
    return {"clients": result, "tokens": arguments.tokens, "rounds": arguments.rounds}


def _load(url: str, clients: int, count: int, tokens: int) -> Load:
    load = serving_load.closed(url, _kind(tokens), clients, count)
    short = [sample for sample in load.samples if sample.tokens != tokens]
    if short or set(load.statuses) != {200}:
        raise SystemExit(f"answers that are not whole: {dict(load.statuses)}, {short[:3]}")
    return load


def _kind(tokens: int) -> Kind:
    body = {
        "model": NAME,
        "messages": [{"role": "user", "content": SENTENCE * 4}],
        "max_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return Kind("streamed", "/v1/chat/completions", body, is_stream=True)


# --- results


def _keep(arguments: argparse.Namespace, part: str, result: dict[str, Any]) -> None:
    path = arguments.out
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known["host"] = gpu_setup.host()
    known["engine"] = {"model": arguments.model.name} | {
        name: getattr(arguments, name)
        for name in ("load_format", "max_model_len", "dtype", "max_num_seqs", "eager")
    }
    known.setdefault(part, []).append(result)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def table(found: dict[str, Any]) -> str:
    """What was measured, as Markdown: both sides, and by how much ours differs."""
    lines = [
        "| clients | | tokens/s | first token, p50 ms | first token, p95 ms | ms per token |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    parts = [part for part in SIDES if part in found]
    for clients in found[parts[0]][0]["clients"]:
        for part in parts:
            cells = [_cell(found[part], clients, name) for name in _COLUMNS]
            lines.append(f"| {clients} | {SIDES[part]} | {' | '.join(cells)} |")
            if part != "bare" and "bare" in found:
                differences = " | ".join(_differences(found, part, clients))
                lines.append(f"| {clients} | difference | {differences} |")
    return "\n".join(lines)


_COLUMNS = ("tokens_per_s", "first_ms", "first_p95_ms", "token_ms")


def _cell(runs: Sequence[dict[str, Any]], clients: str, name: str) -> str:
    values = _values(runs, clients, name)
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def _values(runs: Sequence[dict[str, Any]], clients: str, name: str) -> list[float]:
    return [value for run in runs for value in run["clients"].get(clients, {}).get(name, [])]


def _differences(found: dict[str, Any], part: str, clients: str) -> Iterator[str]:
    for name in _COLUMNS:
        bare, ours = (
            statistics.median(_values(found[side], clients, name)) for side in ("bare", part)
        )
        if name == "tokens_per_s":
            yield f"{100 * (ours - bare) / bare:+.1f} %"
        else:
            yield f"{ours - bare:+.1f} ms"
