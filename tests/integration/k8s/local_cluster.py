"""A Ray cluster on this machine, spoken to as KubeRay does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.support import job_process

_PATH = "/api/serve/applications/"
_WAIT_S = 90.0


@dataclass(frozen=True)
class Cluster:
    """A Ray head with logical GPUs.

    Attributes:
        head: Where it is.
        port: Where Serve listens.
        metrics_port: Where Ray's metrics agent listens.
    """

    head: job_process.Head
    port: int
    metrics_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def put(self, config: Manifest) -> int:
        """Hand over a Serve config as the operator does: as JSON, to the head's dashboard."""
        body = json.dumps(config).encode()
        with urlopen(self._request("PUT", body), timeout=30) as answer:
            return int(answer.status)

    def applications(self) -> dict[str, Any]:
        with urlopen(self._request("GET"), timeout=30) as answer:
            found = json.load(answer)["applications"]
        assert isinstance(found, dict)
        return found

    def settled(self, name: str) -> dict[str, Any]:
        """Poll, as the operator does, until the application runs or will never."""
        self.until(lambda: self._status(name) in ("RUNNING", "DEPLOY_FAILED", "UNHEALTHY"))
        found: dict[str, Any] = self.applications()[name]
        return found

    def _status(self, name: str) -> str:
        return str(self.applications().get(name, {}).get("status", ""))

    def replicas(self, application: str, deployment: str) -> list[dict[str, Any]]:
        found = self.applications()[application]["deployments"][deployment]["replicas"]
        return [each for each in found if each["state"] == "RUNNING"]

    def metrics(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=30) as answer:
            return str(answer.read().decode())

    @staticmethod
    def until(done: Callable[[], object]) -> None:
        deadline = time.monotonic() + _WAIT_S
        while not done():
            assert time.monotonic() < deadline, "it takes too long"
            time.sleep(0.5)

    def _request(self, method: str, body: bytes | None = None) -> Request:
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {job_process.TOKEN['RAY_AUTH_TOKEN']}",
        }
        return Request(self.head.dashboard + _PATH, body, headers, method=method)


GPU = {"num_cpus": 1, "num_gpus": 1}
"""What vLLM's replicas reserve; the fakes would reserve nothing."""


def rehearsed(service: Manifest, port: int) -> Manifest:
    """The config of a service with what this machine has not: GPUs' engines and port 8000.

    Ray still counts a GPU for each replica, and the model keeps its name.
    """
    config = serve_config(service)
    config["http_options"]["port"] = port
    for application in config["applications"]:
        args, deployments = application["args"], application.setdefault("deployments", [])
        if args.get("ingress", {}).get("max_replicas_per_node") == 1:
            args["ingress"]["num_replicas"] = 1  # there is one node
        if "ocr" in args["models"]:
            args["engine"]["kind"] = "fake"
            args["ocr"] = {"name": "deepseek-ocr"}
            deployments.append({"name": "Ocr", "ray_actor_options": GPU})
        if "chat" in args["models"]:
            args["chat"]["kind"] = "fake"
            deployments.append({"name": "Chat", "ray_actor_options": GPU})
    return config
