"""Tests of the deployments on a real cluster: `make test-k8s-live`.

The cluster is the one that KUBECONFIG names, else one that is started here. Without one the run
fails and says what is missing: none of these tests is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live import chat_service, deployments, image, kube, tables, volumes
from tests.integration.k8s_live.kube import HERE, Kube, until
from tests.support.one_node import cluster, programs
from tests.support.one_node.cluster import NodeCluster
from tests.support.one_node.layout import NODE

_GPUS = "8"


def pytest_configure() -> None:
    if not os.environ.get("KUBECONFIG") and (missing := programs.missing()):
        raise pytest.UsageError(missing)


@pytest.fixture(scope="session")
def node() -> Iterator[NodeCluster | None]:
    """The cluster that is started here, with the images; none where KUBECONFIG names one."""
    if kube.named_cluster():
        yield None
        return
    with cluster.running(image.CACHE / "node") as started:
        started.load(image.archive(image.CACHE), image.NAME, *image.OTHER_NAMES)
        yield started
    shutil.rmtree(volumes.FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def live(node: NodeCluster | None) -> Kube:
    """A cluster with the operator, the image and a client pod."""
    if node is None:
        named = kube.named_cluster()
        assert named is not None
        return _ready(named)
    found = Kube(tuple(node.kubectl()))
    status = {name: {"nvidia.com/gpu": _GPUS} for name in ("capacity", "allocatable")}
    patch = yaml.safe_dump({"status": status})
    found.run("patch", "node", NODE, "--subresource=status", "--type=merge", "-p", patch)
    tables.note("memory of the control plane", f"{node.memory() / 2**20:.0f} MiB")
    return _ready(found)


def _ready(found: Kube) -> Kube:
    found.run("apply", "--server-side", "-f", "-", text=_read("small_machine.yaml"))
    operator = ("deployment/kuberay-operator", "--namespace=kuberay-system")
    found.run("wait", "--for=condition=Available", *operator, "--timeout=300s", timeout_s=310)
    found.run("apply", "--server-side", "-f", "-", text=_read("client.yaml"))
    found.run("wait", "--for=condition=Ready", "pod/client", "--timeout=300s", timeout_s=310)
    _note_versions(found)
    return found


def _note_versions(found: Kube) -> None:
    version = json.loads(found.run("version", "--output=json"))["serverVersion"]["gitVersion"]
    system = found.within("kuberay-system")
    [operator] = system.get("deployment", "kuberay-operator")["spec"]["template"]["spec"][
        "containers"
    ]
    nodes = found.get("nodes")
    info = nodes[0]["status"]["nodeInfo"]
    tables.note("Kubernetes", f"{version}, {info['containerRuntimeVersion']}, nodes: {len(nodes)}")
    tables.note("KubeRay's operator", operator["image"])
    ray = found.run("exec", "client", "--", "python", "-c", "import ray; print(ray.__version__)")
    tables.note("Ray", ray.strip())
    load = f"{os.cpu_count()} CPUs, load {os.getloadavg()[1]:.0f} at the start"
    tables.note("machine that runs the tests", load)


def _read(name: str) -> str:
    return (HERE / "manifests" / name).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chat(live: Kube) -> Iterator[Kube]:
    """The overlay seed-chat, running; the modules that use it come last."""
    objects = deployments.without_gpu(kube.overlay("seed-chat"))
    deployments.impatient(deployments.service_of(objects))
    start = time.monotonic()
    live.apply(objects)
    deployments.until_running(live, "vllm")
    tables.note("`seed-chat`, from `kubectl apply` to ready", f"{time.monotonic() - start:.0f} s")
    yield live
    live.delete(objects)
    live.run("delete", "statefulset,service,secret", "--selector=rayscribe/service=redis")
    live.run("delete", "configmap", "--selector=rayscribe/service=changed-code")


@pytest.fixture(scope="session")
def gateway(chat: Kube) -> Iterator[Kube]:
    """The component `gateway` as `production` has it, before the chat service."""
    objects = chat_service.gateway()
    chat.apply(objects)
    chat.run("rollout", "status", "deployment/gateway", "--timeout=480s", timeout_s=490)
    yield chat
    chat.delete(objects)


@pytest.fixture
def service(chat: Kube) -> Manifest:
    """The chat RayService, running, with all of its replicas and one worker."""
    deployments.until_running(chat, "vllm")
    chat_service.one_worker(chat)
    both = partial(chat_service.both_serve, chat)
    until(both, "head and worker serve", deployments.START_S)
    found: Manifest = chat.get("rayservice", "vllm")
    return found


@pytest.fixture(scope="module", autouse=True)
def _written(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each module what the tests measured so far becomes the tables."""
    yield
    tables.write(are_faults=request.config.getoption("markexpr") == "faults")
