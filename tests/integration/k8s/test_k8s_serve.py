"""`serveConfigV2` of the overlays on a real Ray cluster, handed over as KubeRay does it."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.integration.k8s import manifests
from tests.integration.k8s.local_cluster import Cluster, rehearsed
from tests.support import job_process

README = (manifests.ROOT / "k8s/README.md").read_text(encoding="utf-8")
HOSTS = {
    "ocr": "http://deepseek-ocr-head-svc.ai.svc.cluster.local:8000",
    "chat": "http://vllm-serve-svc:8000",
}


def commands(model: str) -> list[str]:
    """The `curl` commands for a model in k8s/README.md."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    [block] = [text for text in blocks if HOSTS[model] in text]
    return re.split(r"\n\n+", block.strip())


def run(command: str, model: str, cluster: Cluster) -> str:
    assert HOSTS[model] in command
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{command.replace(HOSTS[model], cluster.url)}"],
        cwd=manifests.ROOT,
        env=job_process.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def ocr(cluster: Cluster) -> Cluster:
    """The OCR deployment, put and running."""
    config = rehearsed(manifests.one("RayService", "seed-ocr"), cluster.port)
    assert cluster.put(config) == 200
    found = cluster.settled("ocr")
    assert found["status"] == "RUNNING", found["message"]
    return cluster


def test_ocr_runs_without_a_replica_and_answers_what_needs_none(ocr: Cluster):
    health, models, _ = commands("ocr")
    run(health, "ocr", ocr)
    listed = json.loads(run(models, "ocr", ocr))
    assert "deepseek-ocr" in [model["id"] for model in listed["data"]]
    assert ocr.replicas("ocr", "Ocr") == [], "neither woke a GPU"


def test_ocr_wakes_a_replica_for_a_page(ocr: Cluster):
    answer = json.loads(run(commands("ocr")[2], "ocr", ocr))
    [choice] = answer["choices"]
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert answer["model"] == "deepseek-ocr"
    assert len(ocr.replicas("ocr", "Ocr")) == 1


def test_the_ingress_holds_what_only_a_head_has(ocr: Cluster):
    assert len(ocr.replicas("ocr", "Ingress")) == 1, "it was granted"
    config = ocr.applications()["ocr"]["deployments"]["Ingress"]["deployment_config"]
    assert config["ray_actor_options"]["resources"] == {"node:__internal_head__": 0.001}
    assert config["ray_actor_options"]["num_cpus"] == 0


def test_ready_is_what_kuberay_asks(ocr: Cluster):
    """A worker's probe and the operator look at Serve's proxy, not at the application."""
    out = run(f"curl -sf {HOSTS['ocr']}/-/healthz", "ocr", ocr)
    assert "success" in out


def test_the_dashboard_asks_for_metrics_that_are_there(ocr: Cluster):
    run(commands("ocr")[2], "ocr", ocr)
    wanted = {
        *("ray_rayscribe_requests_total", "ray_rayscribe_request_ms_bucket"),
        *("ray_rayscribe_pages_total", "ray_rayscribe_queue_pages", "ray_rayscribe_rungs_total"),
        "ray_node_cpu_utilization",
        "ray_serve_deployment_replica_healthy",
    }
    ocr.until(lambda: all(name in ocr.metrics() for name in wanted))


def test_a_bad_config_is_taken_and_fails(ocr: Cluster):
    """PUT says 200: only the status tells, so the operator polls, and so do these tests."""
    config = rehearsed(manifests.one("RayService", "seed-ocr"), ocr.port)
    config["applications"][0]["args"]["scale"]["ocr"]["min_replicas"] = 3
    assert ocr.put(config) == 200
    found = ocr.settled("ocr")
    assert found["status"] == "DEPLOY_FAILED"
    assert "min_replicas is more than max_replicas" in found["message"]


def test_chat_runs_and_answers_the_documents_commands(cluster: Cluster):
    config = rehearsed(manifests.one("RayService", "seed-chat"), cluster.port)
    assert cluster.put(config) == 200
    found = cluster.settled("chat")
    assert found["status"] == "RUNNING", found["message"]
    assert len(cluster.replicas("chat", "Chat")) == 1
    models, plain, streamed = commands("chat")
    listed = json.loads(run(models, "chat", cluster))
    ids = [model["id"] for model in listed["data"]]
    assert "deepseek-ai/DeepSeek-R1-Distill-Llama-8B" in ids or "deepseek-r1" in ids
    [choice] = json.loads(run(plain, "chat", cluster))["choices"]
    assert choice["message"]["content"]
    lines = [line for line in run(streamed, "chat", cluster).splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 3


def test_production_answers_nobody_without_a_key(cluster: Cluster):
    """Its settings have no `auth.disabled`: a caller from elsewhere would need a key."""
    manifest = manifests.one("RayService", "production", "deepseek-ocr")
    config = rehearsed(manifest, cluster.port)
    assert "auth" not in config["applications"][0]["args"]
    assert cluster.put(config) == 200
    found = cluster.settled("ocr")
    assert found["status"] == "RUNNING", found["message"]
    elsewhere = "curl -s -o /dev/null -w '%{http_code}' -H 'X-Forwarded-For: 192.0.2.1'"
    forwarded = f"{elsewhere} {HOSTS['ocr']}/v1/models"
    assert run(forwarded, "ocr", cluster) in ("401", "403")
    assert os.environ.get("RAYSCRIBE_API_KEYS") is None
