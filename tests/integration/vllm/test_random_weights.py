"""Random weights for measurements, as wide as those of a trained model."""

from __future__ import annotations

import pytest
import torch
from torch import nn


def fixed(values: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


class Quantised(nn.Module):
    """A layer as vLLM keeps one with weights of 8 bits, beside one without."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Linear(64, 64)
        self.norm = nn.LayerNorm(64)
        self.w13_weight = fixed(torch.zeros(4, 64, 64).to(torch.float8_e4m3fn))
        self.w13_weight_scale = fixed(torch.ones(4))


def test_weights_of_every_type_are_drawn_as_wide() -> None:
    from pipeline.vllm_plugin.worker import spread

    model = Quantised()
    spread(model)
    assert model.plain.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert model.norm.weight.tolist() == [1.0] * 64
    scaled = model.w13_weight.float() * model.w13_weight_scale[:, None, None]
    assert scaled.std().item() == pytest.approx(0.02, rel=0.1)
    assert scaled.isfinite().all()
