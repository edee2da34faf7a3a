"""`overlays/dev`, as the README applies it: one pod, and an engine that reads on the CPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.integration.k8s_live import deployments, kube, tables
from tests.integration.k8s_live.deployments import ask, ocr_body, streamed
from tests.integration.k8s_live.kube import ROOT, Kube
from tests.support.one_node.cluster import NodeCluster

URL = "http://deepseek-ocr-serve-svc:8000"


@pytest.fixture(scope="module")
def dev(live: Kube) -> Iterator[Kube]:
    objects = kube.overlay("dev")
    start = time.monotonic()
    live.apply(objects)
    deployments.until_running(live, "deepseek-ocr")
    tables.note("`dev`, from `kubectl apply` to ready", f"{time.monotonic() - start:.0f} s")
    yield live
    live.delete(objects)


def test_health_and_models_through_the_service(dev: Kube):
    assert ask(dev, "GET", f"{URL}/health", wait_s=150).json == {"status": "ok"}
    listed = ask(dev, "GET", f"{URL}/v1/models").json
    assert "pp-ocrv6" in [model["id"] for model in listed["data"]]


def test_a_page_in_a_chat_request_is_read(dev: Kube):
    answer = ask(dev, "POST", f"{URL}/v1/chat/completions", ocr_body("pp-ocrv6"))
    assert answer.status == 200, answer
    [choice] = answer.json["choices"]
    assert len(choice["message"]["content"].split()) > 20
    tables.note("`dev`, a page in a chat request", f"{answer.seconds:.1f} s")


def test_a_page_is_streamed_with_the_same_text(dev: Kube):
    url = f"{URL}/v1/chat/completions"
    whole = ask(dev, "POST", url, ocr_body("pp-ocrv6")).json["choices"][0]["message"]["content"]
    assert streamed(ask(dev, "POST", url, ocr_body("pp-ocrv6", stream=True))) == whole


def test_a_document_is_read_by_a_forwarded_port_as_the_readme_says(
    dev: Kube, node: NodeCluster | None
):
    forward = "port-forward service/deepseek-ocr-serve-svc 8000"
    ask_it = "curl -F file=@samples/article.pdf http://127.0.0.1:8000/v1/ocr"
    readme = (ROOT / "k8s/README.md").read_text(encoding="utf-8")
    assert f"kubectl {forward} &\n{ask_it}\n" in readme
    command = dev.command(*forward.split())
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout
            assert b"Forwarding from 127.0.0.1:8000" in process.stdout.readline()
            words = ask_it.split()
            done = subprocess.run(
                node.command(*words) if node else words, cwd=ROOT, capture_output=True, check=True
            )
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    pages = json.loads(done.stdout)["pages"]
    assert {page["status"] for page in pages} == {"ok"}
    assert all(page["markdown"] for page in pages)


def test_the_pod_is_what_the_restricted_profile_allows(dev: Kube):
    """The label is set on a dry run: the server lists the pods that it would refuse."""
    words = ("label", "--dry-run=server", "--overwrite", "namespace", dev.namespace)
    tried = dev.tried(*words, "pod-security.kubernetes.io/enforce=restricted")
    assert tried.returncode == 0
    assert "deepseek-ocr" not in tried.stderr, tried.stderr


def test_logs_are_found_by_label(dev: Kube):
    words = ("logs", "--selector=ray.io/node-type=head", "--container=ray-head", "--tail=200")
    assert "Ray runtime started" in dev.run(*words)
