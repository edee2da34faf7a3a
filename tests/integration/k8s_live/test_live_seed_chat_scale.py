"""seed-chat from one worker to four and back, as many as its design document allows."""

from __future__ import annotations

import time

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest, serve_config
from tests.integration.k8s_live import deployments, tables
from tests.integration.k8s_live.chat_service import SERVE, one_worker
from tests.integration.k8s_live.deployments import Load
from tests.integration.k8s_live.kube import Kube, until

pytestmark = pytest.mark.faults
_DELAYS = {"upscale_delay_s": 1, "downscale_delay_s": 5, "look_back_period_s": 5}
"""That a test can wait for."""


def test_chat_goes_to_four_workers_and_back_to_one(chat: Kube, service: Manifest):
    """Twelve clients of a model that takes its time, of which each replica is to have two."""
    config = serve_config(service)
    args = config["applications"][0]["args"]
    args["chat"]["fake_ms_per_word"] = 300
    args["scale"]["chat"] |= {"target_ongoing_requests": 2, **_DELAYS}
    assert args["scale"]["chat"]["max_replicas"] == 4
    chat.patch("rayservice", "vllm", {"spec": {"serveConfigV2": yaml.safe_dump(config)}})
    start = time.monotonic()
    load = Load(chat, SERVE, clients=12, seconds=600)
    try:
        until(lambda: replicas(chat) == 4, "four replicas of the model", deployments.START_S)
        took = f"four replicas after {time.monotonic() - start:.0f} s"
        assert len(chat.pods(service="vllm", node="worker")) == 4, "one on each worker"
    finally:
        load.stop()
    found = load.result("seed-chat, scaled from 1 to 4 workers", took)
    assert set(found["fates"]) == {"answered"}
    start = time.monotonic()
    one_worker(chat)
    after = f"{time.monotonic() - start:.0f} s"
    tables.note("`seed-chat`, from four workers to one (delays 5 s and 20 s)", after)
    before = {"serveConfigV2": service["spec"]["serveConfigV2"]}
    chat.patch("rayservice", "vllm", {"spec": before})
    deployments.until_running(chat, "vllm")


def replicas(chat: Kube) -> int:
    """The replicas of the model that run; there is none to see while the application is read."""
    url = "http://vllm-head-svc:8265/api/serve/applications/"
    found = deployments.ask(chat, "GET", url).json["applications"]["chat"].get("deployments", {})
    states = [one["state"] for one in found.get("Chat", {}).get("replicas", [])]
    return states.count("RUNNING")
