"""Which vLLM, and how it is started: versions, arguments, environment."""

from __future__ import annotations

import os
from typing import Any

from pipeline import prompts
from pipeline.config import ChatConfig, VllmConfig
from pipeline.errors import ConfigError
from pipeline.vllm_plugin import choice

OLDEST, TOO_NEW = choice.OLDEST, choice.TOO_NEW
"""The versions of vLLM that this module is run with."""

NGRAM_PROCESSOR = "pipeline.vllm_plugin.processor:NGramRule"
"""The rule against repetition, switched on for each request by its arguments."""

_ACTIVATIONS_BYTES = 4_000_000_000
"""Room for one step of 16,384 tokens and the vision encoder; measured on an H100: under 4 GB."""
_TYPICAL_TOKENS = 2048
"""Tokens of a page and its answer: 903 and about 1,000."""
_FEWEST_SEATS, _MOST_SEATS, _CPU_SEATS = 8, 512, 4


def check_version() -> None:
    """Refuse a vLLM that this module was never run with.

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
    if not OLDEST <= found < TOO_NEW:
        oldest, too_new = (".".join(map(str, version)) for version in (OLDEST, TOO_NEW))
        raise ConfigError(
            f"vLLM {vllm.__version__} is out of range; install 'vllm>={oldest},<{too_new}'"
        )


def engine_args(config: VllmConfig) -> dict[str, Any]:
    """The arguments of vLLM's `AsyncEngineArgs`. Caches are off: no page comes twice."""
    revision = prompts.revision(config) or None
    spread = config.tensor_parallel * config.pipeline_parallel > 1
    parts = choice.parts(config)
    return {
        "model": config.model,
        "revision": revision,
        "tokenizer_revision": revision,
        "dtype": config.dtype,
        "quantization": config.quantization or None,
        "load_format": "dummy" if config.load_format == "random" else config.load_format,
        "max_model_len": config.max_model_len,
        "tensor_parallel_size": config.tensor_parallel,
        "pipeline_parallel_size": config.pipeline_parallel,
        # Inside a Ray actor vLLM would ask Ray for more actors; the GPUs are this actor's own.
        "distributed_executor_backend": "mp" if spread else None,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_num_seqs": config.max_num_seqs or _seats(config),
        "max_num_batched_tokens": config.max_num_batched_tokens,
        "enforce_eager": config.enforce_eager,
        "enable_prefix_caching": False,
        "mm_processor_cache_gb": 0,
        "limit_mm_per_prompt": {"image": 1},
        "skip_mm_profiling": not config.profile_images,
        "logits_processors": [] if parts.ngram else [NGRAM_PROCESSOR],
        "kv_cache_dtype": config.kv_cache_dtype,
        **choice.engine_args(parts),
        "disable_log_stats": False,  # the times of a page come from these statistics
        "seed": 0,
    }


def seats(gpu_bytes: int, config: VllmConfig) -> int:
    """Pages that fit into the memory of the GPUs of one engine at a time, 8 to 512.

    Args:
        gpu_bytes: Memory of one GPU.
        config: How many GPUs there are, and the part of their memory that may be taken.
    """
    gpus = config.tensor_parallel * config.pipeline_parallel
    fixed = prompts.WEIGHTS_BYTES + gpus * _ACTIVATIONS_BYTES
    free = gpus * gpu_bytes * config.gpu_memory_utilization - fixed
    page = prompts.KV_BYTES_PER_TOKEN * _TYPICAL_TOKENS
    return max(_FEWEST_SEATS, min(_MOST_SEATS, int(free / page)))


def pages_in_flight(config: VllmConfig) -> int:
    """Pages that an engine should be given at a time: its seats and some in waiting.

    Pages that wait are turned into model input meanwhile. The driver asks, which may have no
    GPU: without `max_num_seqs` this is for the largest one; pages without a seat wait in vLLM.
    """
    if not config.num_gpus:
        return 2 * (config.max_num_seqs or _CPU_SEATS)
    most = config.max_num_seqs or _MOST_SEATS
    return most + max(_FEWEST_SEATS, most // 8)


def _seats(config: VllmConfig) -> int:
    from vllm.platforms import current_platform

    if not current_platform.is_cuda_alike():
        return _CPU_SEATS
    return seats(current_platform.get_device_total_memory(), config)


def set_environment(config: VllmConfig | ChatConfig) -> None:
    """Set what vLLM reads from the environment, before it is imported."""
    if isinstance(config, VllmConfig):
        # vLLM's second model runner refuses processors of logits, and with them the n-gram rule.
        os.environ["VLLM_USE_V2_MODEL_RUNNER"] = "0"
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if config.cache_dir:
        os.environ["VLLM_CACHE_ROOT"] = config.cache_dir
