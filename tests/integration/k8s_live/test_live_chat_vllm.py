"""seed-chat on the real vLLM: its build for the CPU, and a model that says one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import deployments, image, kube, tables
from tests.integration.k8s_live.deployments import ask, chat_body
from tests.integration.k8s_live.kube import Kube
from tests.support.one_node.cluster import NodeCluster

_MODEL = {
    "model": "/models/llama",
    "dtype": "float32",
    "max_model_len": 512,
    "max_num_seqs": 4,
    "enforce_eager": True,
}
_URL = "http://vllm:8000/v1/chat/completions"


@pytest.fixture(scope="module")
def vllm(live: Kube, node: NodeCluster | None) -> Iterator[Kube]:
    """The overlay with a model that fits this machine, and with an image that has vLLM."""
    if node is not None:
        node.load(image.vllm_archive(image.CACHE), image.VLLM)
    objects = [_on_cpu(one) for one in kube.overlay("seed-chat")]
    start = time.monotonic()
    live.apply(objects)
    deployments.until_running(live, "vllm")
    took = f"{time.monotonic() - start:.0f} s"
    tables.note("`seed-chat` on vLLM's build for the CPU, from `kubectl apply` to ready", took)
    yield live
    live.delete(objects)


def _on_cpu(one: Manifest) -> Manifest:
    if one["kind"] != "RayService":
        return one
    config = serve_config(one)
    [application] = config["applications"]
    application["args"]["chat"] |= _MODEL
    one["spec"]["serveConfigV2"] = yaml.safe_dump(config)
    cluster = one["spec"]["rayClusterConfig"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        [container] = group["template"]["spec"]["containers"]
        container["image"] = image.VLLM
        container["env"].append({"name": "VLLM_CPU_KVCACHE_SPACE", "value": "1"})  # GiB
    return one


@pytest.mark.parametrize("service", ["vllm", "vllm-serve-svc"])
def test_the_model_is_there_and_healthy_by_each_service(vllm: Kube, service: str):
    url = f"http://{service}:8000"
    assert ask(vllm, "GET", f"{url}/health", wait_s=150).json["status"] == "ok"
    listed = ask(vllm, "GET", f"{url}/v1/models").json["data"]
    assert "deepseek-r1" in [model["id"] for model in listed]


def test_an_answer_comes_from_vllm_with_its_reasoning_apart(vllm: Kube):
    answer = ask(vllm, "POST", _URL, chat_body("deepseek-r1", temperature=0))
    assert answer.status == 200, answer
    [choice] = answer.json["choices"]
    assert choice["message"]["content"] == "Yes."
    assert choice["message"]["reasoning"] == "Why?"
    assert choice["finish_reason"] == "stop"


def test_an_answer_is_streamed(vllm: Kube):
    body = chat_body("deepseek-r1", temperature=0, stream=True)
    assert deployments.streamed(ask(vllm, "POST", _URL, body)) == "Yes."


def test_an_answer_ends_at_its_limit(vllm: Kube):
    answer = ask(vllm, "POST", _URL, chat_body("deepseek-r1", temperature=0, max_tokens=3))
    assert answer.json["choices"][0]["finish_reason"] == "length"
