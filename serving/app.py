"""The Ray Serve application. ``serving.app:build`` is the `import_path` of Serve's config."""

import math
from typing import Any, Final

import ray
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig

from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import choose_engine, has_gpu_engine, pages_in_flight, spec_of
from serving.config import IngressConfig, ScaleConfig, ServeConfig
from serving.deployments import (
    CHAT,
    INGRESS,
    OCR,
    QUIET_LOGGING,
    ChatReplica,
    Ingress,
    OcrReplica,
)

_HEALTH_CHECK_PERIOD_S: Final = 10.0
_MAX_METRICS_INTERVAL_S: Final = 10.0
_HEAD_NODE_SHARE: Final = 0.001
"""Of the head node's own resource. Any amount binds a replica to that node."""

_SHARED_LOOP: Final = {
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
}
"""Environment of ingress and chat replicas. With loops of their own every event of a stream would
change threads four times in each replica. Nothing in these replicas blocks the loop for long."""


def build(config: ServeConfig) -> Application:
    """Build the application of a config.

    Args:
        config: Serve passes its `args`, which have the fields of `ServeConfig`.

    Raises:
        ConfigError: The engine is not installed, or does not have the configured task.
    """
    recipe, ocr, chat = None, None, None
    if "ocr" in config.models:
        kind = choose_engine(config.engine, has_gpu=_has_gpu())
        engine = config.engine.model_copy(update={"kind": kind})
        recipe = make_recipe(config, kind)
        gpus = spec_of(engine).resources(engine).gpus
        options = _options(OCR, config.scale.ocr, pages_in_flight(engine), gpus)
        ocr = serve.deployment(OcrReplica, **options).bind(engine, recipe, config.self_test)
    if "chat" in config.models:
        gpus = config.chat.num_gpus if config.chat.kind == "vllm" else 0.0
        options = _options(CHAT, config.scale.chat, config.chat.max_num_seqs, gpus)
        options["ray_actor_options"]["runtime_env"] = {"env_vars": _SHARED_LOOP}
        chat = serve.deployment(ChatReplica, **options).bind(
            config.chat, config.ingress.events_per_s
        )
    ingress = serve.deployment(
        Ingress,
        name=INGRESS,
        num_replicas=config.ingress.num_replicas,
        max_replicas_per_node=config.ingress.max_replicas_per_node or None,
        max_ongoing_requests=config.ingress.max_ongoing_requests,
        graceful_shutdown_timeout_s=config.limits.request_s,
        logging_config=QUIET_LOGGING,
        ray_actor_options=_ingress_resources(config.ingress),
    )
    return ingress.bind(config, recipe, ocr, chat)


def _options(name: str, scale: ScaleConfig, capacity: int, gpus: float) -> dict[str, Any]:
    """The options of a model's deployment.

    Args:
        name: The deployment.
        scale: Its replicas.
        capacity: Concurrent requests that suit the engine.
        gpus: GPUs of one replica, where `scale.num_gpus` is not set.
    """
    max_ongoing = scale.max_ongoing_requests or max(
        capacity, math.ceil(scale.target_ongoing_requests)
    )
    return {
        "name": name,
        "max_ongoing_requests": max_ongoing,
        "max_queued_requests": scale.max_queued_requests,
        "graceful_shutdown_timeout_s": scale.graceful_shutdown_timeout_s,
        "health_check_period_s": _HEALTH_CHECK_PERIOD_S,
        "logging_config": QUIET_LOGGING,
        "ray_actor_options": {
            "num_cpus": scale.num_cpus,
            "num_gpus": gpus if scale.num_gpus is None else scale.num_gpus,
        },
        "autoscaling_config": _autoscaling(scale),
    }


def _autoscaling(scale: ScaleConfig) -> AutoscalingConfig:
    return AutoscalingConfig(
        min_replicas=scale.min_replicas,
        max_replicas=scale.max_replicas,
        target_ongoing_requests=scale.target_ongoing_requests,
        upscale_delay_s=scale.upscale_delay_s,
        downscale_delay_s=scale.downscale_delay_s,
        look_back_period_s=scale.look_back_period_s,
        metrics_interval_s=min(_MAX_METRICS_INTERVAL_S, scale.look_back_period_s / 2),
    )


def _ingress_resources(config: IngressConfig) -> dict[str, Any]:
    # On a worker node the ingress would be removed when that node is scaled away.
    head = {"resources": {"node:__internal_head__": _HEAD_NODE_SHARE}} if config.on_head else {}
    return {"num_cpus": config.num_cpus, "runtime_env": {"env_vars": _SHARED_LOOP}, **head}


def _has_gpu() -> bool:
    return ray.is_initialized() and ray.cluster_resources().get("GPU", 0) > 0 and has_gpu_engine()
