"""Which vLLM, and how it is started: versions, arguments, environment."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path
from typing import Any

from pipeline.config import VllmConfig
from pipeline.engines.deepseek_ocr import model
from pipeline.errors import ConfigError
from pipeline.vllm_plugin import choice

MIN_VERSION, END_VERSION = choice.MIN_VERSION, choice.END_VERSION
"""The versions of vLLM that this module is tested with: from the first, below the second."""

CACHES = {
    "VLLM_CACHE_ROOT": "",
    "TORCHINDUCTOR_CACHE_DIR": "torchinductor",
    "TRITON_CACHE_DIR": "triton",
}
"""Where compiled code is kept: environment variable, and folder below `engine.vllm.cache_dir`.
The decoder that vLLM compiles is in the first, the encoder of the plugin in the second, and
kernels that Triton compiles when they first run, such as those of the experts, in the third."""

_ACTIVATIONS_BYTES = 4_000_000_000
"""Memory of one step of 16,384 tokens and the vision encoder; measured on an H100: under 4 GB."""
_TYPICAL_TOKENS = 2048
"""Tokens of a page and its answer: 903 and about 1,000."""
_MIN_SEQS, _MAX_SEQS, _CPU_SEQS = 8, 512, 4
"""Bounds of `max_num_seqs` where the config leaves it to us."""


def check_version() -> None:
    """Refuse a vLLM that this module is not tested with.

    Raises:
        ConfigError: No vLLM, or one out of range.
    """
    try:
        import vllm
    except ImportError as error:
        raise ConfigError(
            f"engine.kind vllm needs vLLM ({error}): install rayscribe[gpu], or use"
            " --engine.kind onnx"
        ) from None
    found = tuple(int(part) for part in vllm.__version__.split(".")[:2])
    if not MIN_VERSION <= found < END_VERSION:
        first, end = (".".join(map(str, version)) for version in (MIN_VERSION, END_VERSION))
        raise ConfigError(
            f"vLLM {vllm.__version__} is out of range; install 'vllm>={first},<{end}'"
        )


def check_engine_kwargs(config: VllmConfig, args_class: type) -> None:
    """Refuse a key of `engine.vllm.engine_kwargs` that this vLLM does not know.

    Args:
        config: With the keys.
        args_class: vLLM's `AsyncEngineArgs`, a dataclass.

    Raises:
        ConfigError: Names the key and the nearest known one.
    """
    if not config.engine_kwargs:
        return
    known = [field.name for field in dataclasses.fields(args_class)]
    for key in config.engine_kwargs:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"engine.vllm.engine_kwargs: vLLM has no argument {key}{hint}")


def engine_args(config: VllmConfig) -> dict[str, Any]:
    """The arguments of vLLM's `AsyncEngineArgs`, with those of `engine.vllm.engine_kwargs`.

    Caches are off: no page comes twice.
    """
    revision = model.revision(config) or None
    parts = choice.parts(config, model.family(config).name)
    spread = config.tensor_parallel_size * config.pipeline_parallel_size > 1
    return {
        **config.engine_kwargs,
        "model": config.model,
        "revision": revision,
        "tokenizer_revision": revision,
        "dtype": config.dtype,
        "quantization": config.quantization or None,
        "load_format": "dummy" if config.load_format == "random" else config.load_format,
        "max_model_len": config.max_model_len,
        "tensor_parallel_size": config.tensor_parallel_size,
        "pipeline_parallel_size": config.pipeline_parallel_size,
        # Inside a Ray actor vLLM would ask Ray for more actors; the GPUs are this actor's own.
        "distributed_executor_backend": "mp" if spread else None,
        "gpu_memory_utilization": config.memory_share,
        "max_num_seqs": config.max_num_seqs or _max_num_seqs(config),
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "enforce_eager": config.enforce_eager,
        "enable_prefix_caching": False,
        "mm_processor_cache_gb": 0,
        "limit_mm_per_prompt": {"image": 1},
        "skip_mm_profiling": not config.profile_images,
        "kv_cache_dtype": config.kv_cache_dtype,
        **choice.engine_args(parts),
        "disable_log_stats": False,  # the times of a page come from these statistics
        "seed": 0,
    }


def max_num_seqs(gpu_bytes: int, config: VllmConfig) -> int:
    """Pages that fit into the memory of the GPUs of one engine at a time, 8 to 512.

    Args:
        gpu_bytes: Memory of one GPU.
        config: How many GPUs there are, and the part of their memory that may be taken.
    """
    gpus = config.tensor_parallel_size * config.pipeline_parallel_size
    fixed = model.WEIGHTS_BYTES + gpus * _ACTIVATIONS_BYTES
    free = gpus * gpu_bytes * config.memory_share - fixed
    page = model.KV_BYTES_PER_TOKEN * _TYPICAL_TOKENS / (2 if config.kv_cache_dtype == "fp8" else 1)
    return max(_MIN_SEQS, min(_MAX_SEQS, int(free / page)))


def pages_in_flight(config: VllmConfig) -> int:
    """Pages that an engine should be given at a time: those that it decodes, and some to follow.

    Those that follow are turned into model input meanwhile. This is called on the driver, which
    may have no GPU: without `max_num_seqs` the number is that of the largest GPU, or of an engine's
    part of it. On a smaller one more pages wait inside vLLM.
    """
    if not config.num_gpus:
        return 2 * (config.max_num_seqs or _CPU_SEQS)
    decoded = config.max_num_seqs or _MAX_SEQS // config.engines_per_gpu
    return decoded + max(_MIN_SEQS, decoded // 8)


def _max_num_seqs(config: VllmConfig) -> int:
    from vllm.platforms import current_platform

    if not current_platform.is_cuda_alike():
        return _CPU_SEQS
    return max_num_seqs(current_platform.get_device_total_memory(), config)


def set_environment(cache_dir: str, *, second_runner: bool | None = None) -> None:
    """Set the environment variables that vLLM, Inductor and Triton read when they are imported.

    Args:
        cache_dir: Folder for compiled code, "" for their own folders.
        second_runner: Which of vLLM's two model runners is used; None leaves it to vLLM.
    """
    if second_runner is not None:
        os.environ["VLLM_USE_V2_MODEL_RUNNER"] = str(int(second_runner))
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if cache_dir:
        for name, folder in CACHES.items():
            os.environ[name] = str(Path(cache_dir, folder).expanduser())
