"""How many replicas of each deployment run. Asks Serve's controller, which starts none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ray import serve

from serving.config import ScaleConfig
from serving.routes import ModelState


class ReplicaCounts:
    """Counts the running replicas of the models of this application.

    Create it inside of a replica.

    Args:
        scales: The scaling of each deployment.
    """

    def __init__(self, scales: Mapping[str, ScaleConfig]) -> None:
        self._scales = scales
        self._models: dict[str, str] = {}
        self._app = serve.get_replica_context().app_name

    def add(self, deployment: str, model: str) -> None:
        """Include a deployment in `by_model`, under the name of its model."""
        self._models[deployment] = model

    async def by_model(self) -> dict[str, ModelState]:
        """The state of every model that was added."""
        counts = await asyncio.to_thread(self._counts)
        return {
            model: ModelState(counts.get(deployment, 0), self._scales[deployment].min_replicas)
            for deployment, model in self._models.items()
        }

    async def running(self, deployment: str) -> int | None:
        """Running replicas of a deployment; None while the controller knows none of them."""
        counts = await asyncio.to_thread(self._counts)
        return counts.get(deployment) if counts else None

    def _counts(self) -> dict[str, int]:
        app = serve.status().applications.get(self._app)
        if app is None:
            return {}
        return {
            name: deployment.replica_states.get("RUNNING", 0)
            for name, deployment in app.deployments.items()
        }
