"""The Serve application that a config becomes."""

from __future__ import annotations

import pytest

from serving.app import build
from serving.config import ServeConfig


@pytest.mark.parametrize(("said", "limit"), [(0, None), (1, 1)])
def test_the_ingress_replicas_of_a_node_can_be_limited(said: int, limit: int | None) -> None:
    ingress = {"on_head": False, "num_replicas": 2, "max_replicas_per_node": said}
    config = ServeConfig.model_validate(
        {"models": ["chat"], "chat": {"kind": "fake"}, "ingress": ingress}
    )
    deployment = build(config)._bound_deployment
    assert deployment.num_replicas == 2
    assert deployment._replica_config.max_replicas_per_node == limit
    assert "resources" not in deployment.ray_actor_options, "it may run on any node"
