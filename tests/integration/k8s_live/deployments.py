"""The overlays as they are applied here, and what is asked of them."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.kube import Kube

START_S = 480.0
"""Seconds within which a service runs, on a machine that does other things too."""
PATIENCE_S = "40"
"""Seconds after which a client gives a request up."""
FOREIGN = {
    "PodMonitor": "monitoring.coreos.com",
    "ResourceFlavor": "kueue.x-k8s.io",
    "ClusterQueue": "kueue.x-k8s.io",
    "LocalQueue": "kueue.x-k8s.io",
}
"""Kinds whose definitions other projects install; k8s/README.md says which."""
IMAGE = "data:image/jpeg;base64,@/app/samples/notice.jpg"


def without_gpu(objects: list[Manifest], ocr: str = "fake") -> list[Manifest]:
    """The same with engines that need no GPU; each replica still asks Ray for one.

    Args:
        objects: Of an overlay.
        ocr: The engine that reads pages.
    """
    for one in objects:
        if one["kind"] == "RayService":
            config = serve_config(one)
            for application in config["applications"]:
                _choose(application, ocr)
            one["spec"]["serveConfigV2"] = yaml.safe_dump(config)
    return objects


def _choose(application: dict[str, Any], ocr: str) -> None:
    args = application["args"]
    if "ocr" in args["models"]:
        args["engine"]["kind"] = ocr
        args["ocr"] = {"name": "deepseek-ocr"}
        args["scale"]["ocr"] |= {"num_gpus": 1}
    if "chat" in args["models"]:
        args["chat"] |= {"kind": "fake", "name": "deepseek-r1"}
        args["scale"]["chat"] |= {"num_gpus": 1}


def quick(service: Manifest) -> None:
    """Delays of scaling that a test can wait for, and a model that takes its time for a page."""
    config = serve_config(service)
    [application] = config["applications"]
    delays = {"upscale_delay_s": 1, "downscale_delay_s": 5, "look_back_period_s": 5}
    application["args"]["scale"]["ocr"] |= delays
    application["args"]["engine"]["fake"] = {"delay_ms": 500}
    service["spec"]["serveConfigV2"] = yaml.safe_dump(config)


def impatient(service: Manifest) -> None:
    """Workers without work go after 20 s, and Serve looks for them as soon: both are minutes."""
    cluster = service["spec"]["rayClusterConfig"]
    cluster["autoscalerOptions"]["idleTimeoutSeconds"] = 20
    [head] = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    head["env"].append({"name": "RAY_SERVE_NODE_COMPACTION_DELAY_S", "value": "20"})


def service_of(objects: list[Manifest]) -> Manifest:
    [found] = [one for one in objects if one["kind"] == "RayService"]
    return found


def until_running(live: Kube, name: str) -> Manifest:
    """Wait until the operator calls a RayService ready, and return it."""

    def ready() -> Manifest | None:
        service: Manifest = live.get("rayservice", name)
        conditions = service.get("status", {}).get("conditions") or []
        states = {one["type"]: one["status"] for one in conditions}
        is_new = states.get("UpgradeInProgress", "False") == "False"
        return service if states.get("Ready") == "True" and is_new else None

    found: Manifest = kube.until(ready, f"{name} is ready", START_S)
    return found


@dataclass(frozen=True)
class Answer:
    """What a service said.

    Attributes:
        status: The HTTP status; 0 if nobody answered.
        seconds: How long it took.
        body: The text.
    """

    status: int
    seconds: float
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    live: Kube, method: str, url: str, body: Any = None, wait_s: int = 0, key: str = ""
) -> Answer:
    """Ask from a pod in the cluster; asked again for `wait_s` while nobody listens."""
    text = json.dumps(body) if body else ""
    return Answer(**json.loads(live.client("ask.py", method, url, text, str(wait_s), key)))


def ocr_body(model: str, **more: Any) -> dict[str, Any]:
    """A page in a chat request, as the design document sends it."""
    content = [
        {"type": "text", "text": "Extract all text from this document"},
        {"type": "image_url", "image_url": {"url": IMAGE}},
    ]
    return {"model": model, "messages": [{"role": "user", "content": content}], **more}


def chat_body(model: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "What is 12 times 12?"}]
    return {"model": model, "messages": messages, **more}


def streamed(answer: Answer) -> str:
    """The text of a streamed answer, which has to be whole."""
    assert answer.status == 200, answer
    lines = [line for line in answer.body.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


class Load:
    """Clients that ask without a pause, from inside the cluster.

    Args:
        live: The cluster.
        url: The service.
        seconds: After which they stop by themselves.
        clients: How many.
        model: The model that they ask for.
        page: Whether they send a page.
    """

    def __init__(
        self,
        live: Kube,
        url: str,
        seconds: int = 300,
        clients: int = 4,
        model: str = "deepseek-r1",
        page: bool = False,
    ) -> None:
        self._live = live
        self._seconds = seconds
        self._clients = clients
        self._stop = f"/tmp/stop-{uuid.uuid4().hex[:8]}"
        arguments = [url, model, str(clients), str(seconds), PATIENCE_S, self._stop]
        arguments += ["/app/samples/notice.jpg"] if page else []
        self._process = live.client_started("load.py", *arguments)

    def stop(self, after_s: float = 10.0) -> Load:
        """Let them go on for a while, and then finish what they asked."""
        time.sleep(after_s)
        self._live.within("default").run("exec", "client", "--", "touch", self._stop)
        return self

    def result(self, fault: str, remark: str = "") -> dict[str, Any]:
        """Wait for the end, note the row of the table, and return what was counted."""
        out, error = self._process.communicate(timeout=self._seconds + 120)
        assert self._process.returncode == 0, error
        found: dict[str, Any] = json.loads(out)
        load = f"{self._clients} clients, {found['seconds']} s"
        tables.fault(fault, load, found["fates"], found["gap_s"], remark)
        return found
