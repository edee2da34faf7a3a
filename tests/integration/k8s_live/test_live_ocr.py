"""seed-ocr as it is written: from nothing to a page, its design document row by row, two and back.

The pages are read by the engine for the CPU; a fake takes its place where replicas are counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.integration.k8s_live import deployments, kube, tables
from tests.integration.k8s_live.deployments import ask, ocr_body, streamed
from tests.integration.k8s_live.kube import Kube, until
from tests.integration.k8s_live.live_objects import (
    container,
    limits,
    names,
    ports,
    ray_cluster,
    requests,
    secrets,
    volume,
)
from tests.integration.k8s_live.volumes import volume_for

OCR = "http://deepseek-ocr-head-svc.ai.svc.cluster.local:8000"


@pytest.fixture(scope="module")
def ocr(live: Kube) -> Iterator[Kube]:
    ai = live.within("ai")
    for name in ("ai", "nvidia-device-plugin"):
        live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    objects = deployments.without_gpu(kube.overlay("seed-ocr"), ocr="onnx")
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
    assert ask(ocr, "GET", f"{OCR}/health", wait_s=150).json["status"] == "ok"
    assert "deepseek-ocr" in str(ask(ocr, "GET", f"{OCR}/v1/models").json)
    row("workers before the first page", 0, len(ocr.pods(node="worker")))
    answer = ask(ocr, "POST", f"{OCR}/v1/chat/completions", ocr_body("deepseek-ocr"))
    assert answer.status == 200, answer
    tables.note("`seed-ocr`, first page from no worker", f"{answer.seconds:.0f} s")
    row("workers after it", 1, len(ocr.pods(node="worker")))
    text = answer.json["choices"][0]["message"]["content"]
    for words in ("Library notice", "closes at six o'clock on Fridays", "report damaged pages"):
        assert words in " ".join(text.split()), text
    body = ocr_body("deepseek-ocr", stream=True)
    assert streamed(ask(ocr, "POST", f"{OCR}/v1/chat/completions", body)) == text
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
    idle = {"spec": {"autoscalerOptions": {"idleTimeoutSeconds": 10}}}
    assert cluster["spec"]["autoscalerOptions"]["idleTimeoutSeconds"] == 300
    ocr.patch("raycluster", before["rayClusterName"], idle)
    ocr.patch(
        "rayservice", "deepseek-ocr", {"spec": {"serveConfigV2": service["spec"]["serveConfigV2"]}}
    )
    load = deployments.Load(ocr, OCR, clients=3, model="deepseek-ocr", page=True)
    start = time.monotonic()
    until(lambda: len(ocr.pods(node="worker")) == 2, "two workers", 250)
    tables.note(
        "`seed-ocr`, from one to two workers under load", f"{time.monotonic() - start:.0f} s"
    )
    found = load.stop(12).result("seed-ocr, scaled from 1 to 2 workers")
    assert set(found["fates"]) == {"answered"}
    start = time.monotonic()
    until(lambda: not ocr.pods(node="worker"), "no worker", 500)
    after = f"{time.monotonic() - start:.0f} s"
    tables.note("`seed-ocr`, from the last page to no worker (delays 5 s and 10 s)", after)
