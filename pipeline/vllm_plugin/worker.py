"""The class that vLLM's processes load by name (`worker_cls`): its own worker, and the plugin.

It stands in every process of the engine before the model is loaded, so that it is also where the
model's class is registered; no entry point is needed, which would reach every vLLM of an
environment.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm.platforms import current_platform

from pipeline.vllm_plugin.options import Options
from pipeline.vllm_plugin.runner import install

if current_platform.is_cpu():
    from vllm.v1.worker.cpu_worker import CPUWorker as Base
else:
    from vllm.v1.worker.gpu_worker import Worker as Base

_DEVIATION = 0.02
"""Of random weights."""
_DEVIATION_FP8, _MAX_FP8 = 100.0, 448.0
"""Of random weights of 8 bits before they are scaled, and the largest number of that type."""
_SCALES = ("weight_scale", "weight_scale_inv")
"""How the names of the scales of quantised weights end."""


class OcrWorker(Base):  # type: ignore[misc]  # vLLM has no types here
    """vLLM's worker for the platform, with the parts of the plugin that are switched on."""

    def __init__(self, vllm_config: Any, *args: Any, **kwargs: Any) -> None:
        self._options = Options.from_config(vllm_config.additional_config)
        if self._options.encoder:
            from pipeline.vllm_plugin.encoder.model import use

            use(vllm_config)
        if not current_platform.is_cpu():
            # All that torch does on the CPU here is to put pictures together. With a thread a core
            # it waited for threads that had no core: 40 ms for four pages, where one takes 7 ms.
            torch.set_num_threads(1)
        super().__init__(vllm_config, *args, **kwargs)

    def init_device(self) -> Any:
        """Set the device up and extend the runner; the second one has the rule by other ways."""
        result = super().init_device()
        if not self._options.second_runner:
            install(self.model_runner, self._options)
        return result

    def load_model(self, *args: Any, **kwargs: Any) -> None:
        """Load the model; random weights are drawn as wide as those of a trained one."""
        super().load_model(*args, **kwargs)
        if self._options.spread:
            spread(self.model_runner.get_model())


@torch.inference_mode()  # type: ignore[untyped-decorator]
def spread(model: torch.nn.Module) -> None:
    """Draw all weights anew: the scales of norms are one, the rest is normal and small.

    Weights of 8 bits are drawn over the range of their type, and their scales make them small.
    """
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if name.endswith(_SCALES):
            weight.fill_(_DEVIATION / _DEVIATION_FP8)
        elif weight.is_floating_point() and weight.element_size() == 1:
            wide = torch.randn(weight.shape, device=weight.device) * _DEVIATION_FP8
            weight.copy_(wide.clamp(-_MAX_FP8, _MAX_FP8))
        elif weight.ndim == 1 and "norm" in name and name.endswith("weight"):
            weight.fill_(1)
        elif weight.is_floating_point():
            weight.normal_(0, _DEVIATION)
