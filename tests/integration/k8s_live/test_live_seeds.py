"""Both seeds as they are written, compared with their design documents on the live objects.

The engines are fakes (no GPU is here), and an admission policy of the test lowers what pods request
and takes their node selectors away; the selectors are compared on the cluster's own object.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import deployments, kube, tables
from tests.integration.k8s_live.deployments import ask, chat_body, ocr_body, streamed
from tests.integration.k8s_live.kube import Kube, until
from tests.integration.k8s_live.live_objects import (
    container,
    images_code,
    limits,
    mounts,
    ports,
    probe,
    ray_cluster,
    requests,
    secrets,
    volume,
)
from tests.integration.k8s_live.test_live_batch import volume_for

CHAT = "http://vllm-serve-svc:8000"
OCR = "http://deepseek-ocr-head-svc.ai.svc.cluster.local:8000"


@pytest.fixture(scope="module")
def chat(live: Kube) -> Iterator[Kube]:
    objects = deployments.without_gpu(kube.overlay("seed-chat"))
    start = time.monotonic()
    live.apply(objects)
    deployments.until_running(live, "vllm")
    tables.note("`seed-chat`, from `kubectl apply` to ready", f"{time.monotonic() - start:.0f} s")
    yield live
    live.delete(objects)


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
    row("ConfigMap in the head", True, "vllm-serve-script" in images_code(head))
    row("ConfigMap in a worker", True, "vllm-serve-script" in images_code(worker))
    row("code in the head at", "/app", mounts(head, "ray-head")["code"])
    row("/dev/shm of a worker", "8Gi", volume(worker, "shm")["emptyDir"]["sizeLimit"])
    row("probe of the head", ("/api/healthz", 52365), probe(head, "ray-head"))
    row("probe of a worker", True, "8000/-/healthz" in str(probe(worker, "ray-worker")))
    five = {8000, 8080, 6379, 8265, 10001}
    row("Service vllm", five, ports(chat, "vllm"))
    row("Service vllm-head-svc", five, ports(chat, "vllm-head-svc"))
    row("Service vllm-serve-svc", {8000}, ports(chat, "vllm-serve-svc"))


def names(pod: Manifest) -> list[str]:
    return [one["name"] for one in pod["spec"]["containers"]]


@pytest.mark.parametrize("service", ["vllm-serve-svc", "vllm", "vllm-head-svc"])
def test_chat_answers_through_each_service(chat: Kube, service: str):
    url = f"http://{service}:8000"
    assert ask(chat, "GET", f"{url}/health", wait_s=30).json["status"] == "ok"
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


@pytest.fixture(scope="module")
def ocr(live: Kube) -> Iterator[Kube]:
    ai = live.within("ai")
    for name in ("ai", "nvidia-device-plugin"):
        live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    objects = deployments.without_gpu(kube.overlay("seed-ocr"))
    for one in objects:
        if "tailscale.com/hostname" in (one["metadata"].get("annotations") or {}):
            one["metadata"]["annotations"]["tailscale.com/hostname"] = "home-ai-deepseek-ocr"
    volume_for(ai, "model-cache")
    start = time.monotonic()
    ai.apply(objects)
    deployments.until_running(ai, "deepseek-ocr")
    tables.note("`seed-ocr`, from `kubectl apply` to ready", f"{time.monotonic() - start:.0f} s")
    yield ai
    ai.delete(objects)


def test_ocr_scales_from_nothing_and_has_the_rows_of_its_document(ocr: Kube):
    """The order matters: there is no worker to look at before the first page."""
    row = partial(tables.compare, "OCR")
    assert ask(ocr, "GET", f"{OCR}/health", wait_s=30).json["status"] == "ok"
    assert "deepseek-ocr" in str(ask(ocr, "GET", f"{OCR}/v1/models").json)
    row("workers before the first page", 0, len(ocr.pods(node="worker")))
    answer = ask(ocr, "POST", f"{OCR}/v1/chat/completions", ocr_body("deepseek-ocr"))
    assert answer.status == 200, answer
    tables.note("`seed-ocr`, first page from no worker", f"{answer.seconds:.0f} s")
    row("workers after it", 1, len(ocr.pods(node="worker")))
    body = ocr_body("deepseek-ocr", stream=True)
    assert streamed(ask(ocr, "POST", f"{OCR}/v1/chat/completions", body))
    rows_of_the_ocr_document(ocr)


def rows_of_the_ocr_document(ocr: Kube) -> None:
    row = partial(tables.compare, "OCR")
    cluster, head, worker = ray_cluster(ocr, "deepseek-ocr")
    row("namespace", "ai", cluster["metadata"]["namespace"])
    row("containers of the head", {"ray-head", "autoscaler"}, set(names(head)))
    row("containers of a worker", ["ray-worker"], names(worker))
    [group] = cluster["spec"]["workerGroupSpecs"]
    head_template = cluster["spec"]["headGroupSpec"]["template"]
    row("head asks for", ("2", "8G"), requests(head_template))
    row("head, at most", ("4", "16G"), limits(head, "ray-head", "cpu", "memory"))
    has_gpu = "nvidia.com/gpu" in container(head, "ray-head")["resources"]["limits"]
    row("head has a GPU", False, has_gpu)
    row("worker asks for", ("4", "24G"), requests(group["template"]))
    gpu = ("cpu", "memory", "nvidia.com/gpu")
    row("worker, at most", ("8", "32G", "1"), limits(worker, "ray-worker", *gpu))
    row("least and most workers", (0, 2), (group["minReplicas"], group["maxReplicas"]))
    row("Service deepseek-ocr-head-svc", True, {8000, 8265} <= ports(ocr, "deepseek-ocr-head-svc"))
    claim = volume(worker, "cache")["persistentVolumeClaim"]["claimName"]
    storage = ocr.get("pvc", claim)["spec"]["resources"]["requests"]["storage"]
    row("cache of the weights", "30Gi", storage)
    row("/dev/shm of a worker", "8Gi", volume(worker, "shm")["emptyDir"]["sizeLimit"])
    row("Secret of the token", ("hf-token", "token"), secrets(worker)["HF_TOKEN"])
    service = ocr.get("service", "deepseek-ocr-tailscale")
    row("Service of the tailnet", "tailscale", service["spec"]["loadBalancerClass"])
    row("its port", {80}, ports(ocr, "deepseek-ocr-tailscale"))
    name = service["metadata"]["annotations"]["tailscale.com/hostname"]
    row("its name, LOCATION being home", "home-ai-deepseek-ocr", name)
    slices = ocr.within("nvidia-device-plugin").get("cm", "nvidia-device-plugin-time-slicing")
    row("time-slicing", True, "replicas: 2" in str(slices["data"]))
    deployed = ask(ocr, "GET", OCR.replace(":8000", ":8265") + "/api/serve/applications/").json
    config = deployed["applications"]["ocr"]["deployments"]["Ocr"]["deployment_config"]
    scale = config["autoscaling_config"]
    row("replicas of the model", (0, 2), (scale["min_replicas"], scale["max_replicas"]))
    row("requests of a replica", 1, scale["target_ongoing_requests"])
    delays = (scale["upscale_delay_s"], scale["downscale_delay_s"])
    row("delays up and down, s", (30, 300), delays)


def test_the_logs_of_both_kinds_of_pods_are_found_by_label(ocr: Kube):
    for node, name in (("head", "ray-head"), ("worker", "ray-worker")):
        words = ("logs", f"--selector=ray.io/node-type={node}", f"--container={name}", "--tail=300")
        assert "Ray runtime started" in ocr.run(*words)


def test_ocr_scales_to_two_and_back_to_nothing(ocr: Kube):
    """With delays that a test can wait for; a change of the Serve config alone goes in place."""
    [service] = [
        one
        for one in deployments.without_gpu(kube.overlay("seed-ocr"))
        if one["kind"] == "RayService"
    ]
    before = ocr.get("rayservice", "deepseek-ocr")["status"]["activeServiceStatus"]
    deployments.quick(service)
    cluster = ocr.get("raycluster", before["rayClusterName"])
    idle = {"spec": {"autoscalerOptions": {"idleTimeoutSeconds": 20}}}
    assert cluster["spec"]["autoscalerOptions"]["idleTimeoutSeconds"] == 300
    ocr.patch("raycluster", before["rayClusterName"], idle)
    ocr.patch(
        "rayservice", "deepseek-ocr", {"spec": {"serveConfigV2": service["spec"]["serveConfigV2"]}}
    )
    load = deployments.Load(ocr, OCR, 90, clients=3, model="deepseek-ocr", page=True)
    start = time.monotonic()
    until(lambda: len(ocr.pods(node="worker")) == 2, "two workers", 150)
    tables.note(
        "`seed-ocr`, from one to two workers under load", f"{time.monotonic() - start:.0f} s"
    )
    assert set(load.result("seed-ocr, scaled from 1 to 2 workers")["fates"]) == {"answered"}
    start = time.monotonic()
    until(lambda: not ocr.pods(node="worker"), "no worker", 240)
    after = f"{time.monotonic() - start:.0f} s"
    tables.note("`seed-ocr`, from the last page to no worker (delays 5 s and 20 s)", after)
