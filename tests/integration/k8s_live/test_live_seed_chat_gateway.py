"""The component `gateway` before seed-chat: what it passes on, what it says, and its own end."""

from __future__ import annotations

import time

import pytest

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import tables
from tests.integration.k8s_live.chat_service import BEFORE_S, GATEWAY
from tests.integration.k8s_live.deployments import START_S, Load, ask, chat_body, streamed
from tests.integration.k8s_live.kube import Kube, until

_NOBODY = "http://deepseek-ocr-gateway:8000"
"""The other Service of the gateway: seed-chat has no OCR behind it."""


def gateways(live: Kube) -> set[str]:
    """Its pods, also those that are about to end."""
    return {one["metadata"]["name"] for one in live.get("pods", service="gateway")}


def ready(live: Kube) -> set[str]:
    """Those that take requests."""
    return {
        one["metadata"]["name"]
        for one in live.pods(service="gateway")
        for each in one["status"].get("conditions") or []
        if (each["type"], each["status"]) == ("Ready", "True")
    }


def test_chat_answers_through_the_gateway(gateway: Kube):
    assert ask(gateway, "GET", f"{GATEWAY}/health", wait_s=150).json["status"] == "ok"
    listed = ask(gateway, "GET", f"{GATEWAY}/v1/models").json
    assert "deepseek-r1" in [model["id"] for model in listed["data"]]
    url = f"{GATEWAY}/v1/chat/completions"
    answer = ask(gateway, "POST", url, chat_body("deepseek-r1"))
    assert answer.json["choices"][0]["message"]["content"] == "What is 12 times 12?"
    body = chat_body("deepseek-r1", stream=True)
    assert streamed(ask(gateway, "POST", url, body)) == "What is 12 times 12?"


def test_where_nothing_serves_it_is_said_at_once(gateway: Kube):
    answer = ask(gateway, "GET", f"{_NOBODY}/v1/models")
    assert answer.status == 503
    assert answer.json["error"]["code"] == "unavailable"
    assert answer.seconds < 10, "no connection was waited for"
    tables.note("`gateway`, 503 where nothing serves", f"{answer.seconds:.2f} s")


def test_its_pods_are_what_the_restricted_profile_allows(gateway: Kube):
    words = ("label", "--dry-run=server", "--overwrite", "namespace", gateway.namespace)
    tried = gateway.tried(*words, "pod-security.kubernetes.io/enforce=restricted")
    assert tried.returncode == 0
    assert "gateway" not in tried.stderr, tried.stderr


def test_a_gateway_pod_that_is_deleted_loses_nothing(gateway: Kube, service: Manifest):
    until(lambda: len(ready(gateway)) == 2, "two gateways", START_S)
    old = min(ready(gateway))
    load = Load(gateway, GATEWAY)
    time.sleep(BEFORE_S)
    gateway.run("delete", "pod", old, "--wait=false")
    until(lambda: old not in gateways(gateway), "the old one has ended", START_S)
    until(lambda: len(ready(gateway)) == 2, "two gateways again", START_S)
    found = load.stop(3).result("gateway pod deleted, by `vllm-gateway:8000`")
    assert set(found["fates"]) == {"answered"}


@pytest.mark.faults
def test_gateways_that_are_rolled_lose_nothing(gateway: Kube, service: Manifest):
    load = Load(gateway, GATEWAY)
    time.sleep(BEFORE_S)
    old = gateways(gateway)
    gateway.run("rollout", "restart", "deployment/gateway")
    gateway.run("rollout", "status", "deployment/gateway", "--timeout=480s", timeout_s=490)
    until(lambda: not old & gateways(gateway), "the old ones have ended", START_S)
    found = load.stop(3).result("gateways rolled, by `vllm-gateway:8000`")
    assert set(found["fates"]) == {"answered"}
