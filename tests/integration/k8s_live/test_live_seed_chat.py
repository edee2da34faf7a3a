"""seed-chat as it is written, compared with its design document on the live objects.

The engine is a fake (no GPU is here), and an admission policy of the test lowers what pods request
and takes their node selectors away; the selectors are compared on the cluster's own object.
"""

from __future__ import annotations

from functools import partial

import pytest

from tests.integration.k8s_live import tables
from tests.integration.k8s_live.deployments import ask, chat_body, streamed
from tests.integration.k8s_live.kube import Kube
from tests.integration.k8s_live.live_objects import (
    config_maps,
    limits,
    mounts,
    names,
    ports,
    probe,
    ray_cluster,
    secrets,
    volume,
)


def test_rows_of_the_chat_document(chat: Kube):
    row = partial(tables.compare, "chat")
    cluster, head, worker = ray_cluster(chat, "vllm")
    row("RayService", "vllm", chat.get("rayservice", "vllm")["metadata"]["name"])
    row("containers of the head", {"ray-head", "autoscaler"}, set(names(head)))
    row("containers of a worker", ["ray-worker"], names(worker))
    row("head: CPUs, memory", ("2", "12G"), limits(head, "ray-head", "cpu", "memory"))
    gpu = ("cpu", "memory", "nvidia.com/gpu")
    row("worker: CPUs, memory, GPUs", ("12", "60G", "1"), limits(worker, "ray-worker", *gpu))
    [group] = cluster["spec"]["workerGroupSpecs"]
    bounds = (group["groupName"], group["minReplicas"], group["maxReplicas"])
    row("worker group, least and most workers", ("gpu-group", 1, 4), bounds)
    head_spec = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    on = {"NodeGroupType": "x86-cpu-karpenter"}
    row("node selector of the head", on, head_spec["nodeSelector"])
    on = {"NodeGroupType": "g5-gpu-karpenter"}
    row("node selector of workers", on, group["template"]["spec"]["nodeSelector"])
    keys = [each["key"] for each in group["template"]["spec"]["tolerations"]]
    row("tolerations of workers", ["nvidia.com/gpu"], keys)
    row("Secret of the token", ("hf-token", "token"), secrets(worker)["HF_TOKEN"])
    row("ConfigMap in the head", True, "vllm-serve-script" in config_maps(head))
    row("ConfigMap in a worker", True, "vllm-serve-script" in config_maps(worker))
    row("code in the head at", "/app", mounts(head, "ray-head")["code"])
    row("/dev/shm of a worker", "8Gi", volume(worker, "shm")["emptyDir"]["sizeLimit"])
    row("probe of the head", ("/api/healthz", 52365), probe(head, "ray-head"))
    row("probe of a worker", True, "8000/-/healthz" in str(probe(worker, "ray-worker")))
    five = {8000, 8080, 6379, 8265, 10001}
    row("Service vllm", five, ports(chat, "vllm"))
    row("Service vllm-head-svc", five, ports(chat, "vllm-head-svc"))
    row("Service vllm-serve-svc", {8000}, ports(chat, "vllm-serve-svc"))


@pytest.mark.parametrize("service", ["vllm-serve-svc", "vllm", "vllm-head-svc"])
def test_chat_answers_through_each_service(chat: Kube, service: str):
    url = f"http://{service}:8000"
    assert ask(chat, "GET", f"{url}/health", wait_s=150).json["status"] == "ok"
    listed = ask(chat, "GET", f"{url}/v1/models").json
    assert "deepseek-r1" in [model["id"] for model in listed["data"]]
    answer = ask(chat, "POST", f"{url}/v1/chat/completions", chat_body("deepseek-r1"))
    assert answer.json["choices"][0]["message"]["content"] == "What is 12 times 12?"
    body = chat_body("deepseek-r1", stream=True)
    assert streamed(ask(chat, "POST", f"{url}/v1/chat/completions", body)) == "What is 12 times 12?"


def test_the_dashboard_answers_through_the_service(chat: Kube):
    assert "Ray Dashboard" in ask(chat, "GET", "http://vllm:8265/").body


def test_one_ingress_replica_is_on_the_head_and_one_on_a_worker(chat: Kube):
    found = ask(chat, "GET", "http://vllm:8265/api/serve/applications/").json
    replicas = found["applications"]["chat"]["deployments"]["Ingress"]["replicas"]
    assert len({one["node_ip"] for one in replicas if one["state"] == "RUNNING"}) == 2
