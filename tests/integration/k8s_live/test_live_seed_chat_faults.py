"""What becomes of requests when something is changed or lost: seed-chat under streaming clients.

Each test asks through Services as users do and notes a row of the table. What is required holds on
a machine that is busy with other things; how long a gap was is in the table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import image, tables
from tests.integration.k8s_live.chat_service import (
    BEFORE_S,
    GATEWAY,
    SERVE,
    again,
    change_cluster,
    delete_cluster,
    lost,
    names,
    one_worker,
    pod,
)
from tests.integration.k8s_live.deployments import Load, until_running
from tests.integration.k8s_live.kube import Kube, until

pytestmark = pytest.mark.faults


def test_a_changed_serve_config_is_rolled_out_in_place_and_loses_nothing(
    chat: Kube, service: Manifest
):
    """The new replica starts beside the old one, so a second worker comes, and goes again."""
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    config = serve_config(service)
    config["applications"][0]["args"]["scale"]["chat"]["target_ongoing_requests"] = 31
    chat.patch("rayservice", "vllm", {"spec": {"serveConfigV2": yaml.safe_dump(config)}})
    found = load.stop(40).result("Serve config changed (in place)")
    assert set(found["fates"]) == {"answered"}
    cluster = until_running(chat, "vllm")["status"]["activeServiceStatus"]["rayClusterName"]
    assert cluster == service["status"]["activeServiceStatus"]["rayClusterName"]
    one_worker(chat)


def changed_code(chat: Kube, cluster: Manifest) -> Manifest:
    """As kustomize would name it anew: a ConfigMap with other code, and the pods refer to it."""
    volumes = cluster["headGroupSpec"]["template"]["spec"]["volumes"]
    [code] = [each["projected"]["sources"] for each in volumes if each["name"] == "code"]
    old = code[0]["configMap"]["name"]
    found = chat.get("configmap", old)
    new = {"name": f"{old}-changed", "labels": {"rayscribe/service": "changed-code"}}
    data = {key: f"{text}\n# changed\n" for key, text in found["data"].items()}
    chat.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": new, "data": data}])
    return renamed(cluster, old, new["name"])


def changed_image(chat: Kube, cluster: Manifest) -> Manifest:
    """Another name, which the node has too."""
    old = cluster["headGroupSpec"]["template"]["spec"]["containers"][0]["image"]
    return renamed(cluster, old, next(name for name in image.OTHER_NAMES if name != old))


def renamed(cluster: Manifest, old: str, new: str) -> Manifest:
    found: Manifest = json.loads(json.dumps(cluster).replace(f'"{old}"', f'"{new}"'))
    assert found != cluster
    return found


@pytest.mark.parametrize(
    ("what", "change"), [("code (ConfigMap)", changed_code), ("image", changed_image)]
)
def test_a_change_of_the_pods_makes_a_new_cluster_and_loses_nothing(
    chat: Kube, service: Manifest, what: str, change: Callable[[Kube, Manifest], Manifest]
):
    cluster = change(chat, service["spec"]["rayClusterConfig"])
    load = Load(chat, SERVE, clients=2)
    time.sleep(BEFORE_S)
    took = change_cluster(chat, service, cluster)
    found = load.stop().result(f"{what} changed (new cluster)", took)
    assert set(found["fates"]) == {"answered"}
    delete_cluster(chat, service)


def test_a_lost_worker_is_replaced_and_the_one_too_many_goes(chat: Kube, service: Manifest):
    """Two come: the operator replaces the pod, and Ray's autoscaler adds one to `replicas`.

    The one too many goes when it has been idle.
    """
    load = Load(chat, SERVE)
    time.sleep(BEFORE_S)
    start = time.monotonic()
    old = pod(chat, "worker")
    chat.run("delete", "pod", old, "--wait=false")
    again(chat, old)
    found = load.stop().result("worker pod deleted")
    assert found["fates"]["answered"] > 0
    assert lost(found["fates"]) <= 8, "what its ingress was answering: two for each client"
    one_worker(chat)
    took = f"after {time.monotonic() - start:.0f} s (delays 20 s each)"
    tables.note("worker pod deleted, one worker again and not two", took)


def test_a_lost_head_is_back_and_callers_are_told_at_once(
    chat: Kube, service: Manifest, gateway: Kube
):
    """Without fault tolerance a head takes its workers with it; nobody hangs meanwhile.

    By the gateway nobody is refused either: it says 503, and when to ask again.
    """
    old = pod(chat, "head")
    worker = pod(chat, "worker")
    load, by_gateway = (Load(chat, url, clients=2) for url in (SERVE, GATEWAY))
    time.sleep(BEFORE_S)
    start = time.monotonic()
    chat.run("delete", "pod", old, "--wait=false")
    until(lambda: old not in names(chat), "the old head is gone", 60)
    gone = time.monotonic() - start
    again(chat, worker)
    both = f"old pod gone after {gone:.0f} s, new head and worker serve after"
    remark = f"{both} {time.monotonic() - start:.0f} s"
    load.stop()
    told = by_gateway.stop(0).result("head pod deleted, by `vllm-gateway:8000`", remark)
    found = load.result("head pod deleted", remark)
    assert gone < 30, "its grace time is 45 s: something does not end by itself"
    assert found["gap_s"] < 90
    assert found["fates"].get("no answer", 0) <= 4, "each client may hang once or twice"
    assert set(told["fates"]) <= {"answered", "503", "502", "cut"}, told
    assert told["fates"].get("503", 0) > 0, "there was a time without a pod that serves"
    assert lost(told["fates"]) - told["fates"]["503"] <= 4, "what the worker was answering"
    assert told["slowest_503_s"] < 5, "four times a quarter of a second, on a busy machine"
    slowest = f"{told['slowest_503_s']:.2f} s"
    tables.note("`gateway`, slowest 503 while the head was away", slowest)
    tables.note("head pod deleted, until the pod is gone", f"{gone:.0f} s")
