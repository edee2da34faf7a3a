"""vLLM's DeepSeek-OCR with the encoder of `pipeline.vllm_plugin.encoder.encoder`.

Weights, decoder and input processing are vLLM's own. Pictures may come as uint8, which is how the
engine hands them over (`pipeline.vllm_plugin.encoder.inputs`), or normalised, as vLLM's own
processor makes them when it sizes its memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from vllm.model_executor.models import deepseek_ocr as stock
from vllm.multimodal import MULTIMODAL_REGISTRY

from pipeline.vllm_plugin.encoder.attention import choose
from pipeline.vllm_plugin.encoder.encoder import Encoder
from pipeline.vllm_plugin.options import Options

ARCHITECTURE = "RayscribeDeepseekOCRForCausalLM"
"""A name of our own: vLLM remembers the class of a name, and may have been asked for it already."""


@MULTIMODAL_REGISTRY.register_processor(
    stock.DeepseekOCRMultiModalProcessor,
    info=stock.DeepseekOCRProcessingInfo,
    dummy_inputs=stock.DeepseekOCRDummyInputsBuilder,
)
class OcrModel(stock.DeepseekOCRForCausalLM):  # type: ignore[misc]  # vLLM has no types here
    """See the module."""

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix)
        self._options = Options.from_config(vllm_config.additional_config)
        self._encoder: Encoder | None = None

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load weights; what was made of earlier ones is made anew."""
        self._encoder = None
        loaded: set[str] = super().load_weights(weights)
        return loaded

    def embed_multimodal(self, **kwargs: Any) -> Any:
        """Tokens of the pictures of a step, one tensor a page.

        Args:
            kwargs: `pixel_values`, `images_crop` and `images_spatial_crop` of vLLM's processor.
        """
        views = kwargs.get("pixel_values")
        if views is None:
            return None
        grids = [(int(columns), int(rows)) for columns, rows in kwargs["images_spatial_crop"]]
        return self._ready()(views, kwargs.get("images_crop"), grids)

    def _ready(self) -> Encoder:
        """The encoder, made with the first picture: that is when vLLM sizes its memory.

        Graphs that are captured then are part of what it measures.
        """
        if self._encoder is None:
            with torch.inference_mode():
                self._encoder = Encoder(self, self._options, choose(self.image_newline))
                self._encoder.capture()
        return self._encoder


def use(vllm_config: Any) -> None:
    """Make this the class of the model in the running process."""
    from vllm import ModelRegistry

    ModelRegistry.register_model(ARCHITECTURE, OcrModel)
    vllm_config.model_config.hf_config.architectures = [ARCHITECTURE]
