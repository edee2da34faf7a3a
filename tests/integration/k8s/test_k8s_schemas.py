"""The API server's checks: KubeRay's CRDs, and the schemas of built-in kinds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from tests.integration.k8s import crds, manifests
from tests.integration.k8s.manifests import OVERLAYS, Manifest

KUBERNETES = "1.32"
RAY = ("RayCluster", "RayService", "RayJob")
NOT_CHECKED = {
    ("monitoring.coreos.com/v1", "PodMonitor"),
    ("kueue.x-k8s.io/v1beta1", "ResourceFlavor"),
    ("kueue.x-k8s.io/v1beta1", "ClusterQueue"),
    ("kueue.x-k8s.io/v1beta1", "LocalQueue"),
}
"""Kinds of other projects, whose schemas are not at hand."""


def built_in_problems(manifest: Manifest) -> list[str]:
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message[:300]}"]
    return []


def pod_of(template: Manifest) -> Manifest:
    metadata = {"name": "pod", **(template.get("metadata") or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_passes_the_schema_of_its_kind(overlay: str):
    for one in manifests.load(overlay):
        check = crds.problems if one["kind"] in RAY else built_in_problems
        if (one["apiVersion"], one["kind"]) not in NOT_CHECKED:
            assert check(one) == [], (one["kind"], one["metadata"]["name"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_template_of_ray_is_a_pod(overlay: str):
    for one in manifests.load(overlay):
        for pod in manifests.pods(one) if one["kind"] in RAY else []:
            assert built_in_problems(pod_of(pod.template)) == [], pod.group


def test_ray_kinds_are_there_to_be_checked():
    assert len(manifests.of_kind("RayService")) == 5
    assert len(manifests.of_kind("RayJob")) == 3


def set_to(value: Any, *path: str | int) -> Callable[[Manifest], None]:
    def plant(manifest: Manifest) -> None:
        target: Any = manifest
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return plant


HEAD = ("spec", "rayClusterConfig", "headGroupSpec")
CONTAINER = (*HEAD, "template", "spec", "containers", 0)
PORT = {"name": "serve", "containerPort": 8000}
PLANTED: dict[str, tuple[Callable[[Manifest], None], str]] = {
    "unknown field": (set_to(1, "spec", "maxReplica"), "spec.maxReplica: unknown field"),
    "misspelt deep down": (set_to("x", *CONTAINER, "imagePullPolice"), "unknown field"),
    "wrong type": (set_to("yes", "spec", "excludeHeadPodFromServeSvc"), "not of type 'boolean'"),
    "required field": (set_to([{"image": "x"}], *CONTAINER[:-1]), "'name' is a required"),
    "not in the enum": (
        set_to({"version": "v3"}, "spec", "rayClusterConfig", "autoscalerOptions"),
        "is not one of",
    ),
    "too large an integer": (
        set_to(2**40, "spec", "rayClusterDeletionDelaySeconds"),
        "is not a 'int32'",
    ),
    "the same port twice": (set_to([PORT, PORT], *CONTAINER, "ports"), "comes twice"),
    "a CEL rule": (set_to("somebody", "spec", "managedBy"), "managedBy field value must be"),
    "a bad quantity": (
        set_to({"limits": {"cpu": "two"}}, *CONTAINER, "resources"),
        "does not match",
    ),
    "no such version": (set_to("ray.io/v2", "apiVersion"), "is not ray.io/v1"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_in_a_ray_service_is_caught(name: str):
    plant, said = PLANTED[name]
    service = manifests.one("RayService", "seed-chat")
    plant(service)
    assert [line for line in crds.problems(service) if said in line], crds.problems(service)


def test_a_planted_error_in_a_ray_job_is_caught():
    job = manifests.one("RayJob", "batch")
    job["spec"]["deletionStrategy"] = {"onSuccess": {"policy": "DeleteCluster"}}
    assert [line for line in crds.problems(job) if "requires either BOTH" in line]
    job["spec"]["deletionStrategy"] = {
        "deletionRules": [
            {
                "policy": "DeleteCluster",
                "condition": {"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"},
            }
        ]
    }
    assert [line for line in crds.problems(job) if "cannot be used together" in line]


def test_a_change_of_what_cannot_change_is_caught():
    old = manifests.one("RayService", "production", "vllm")
    old["spec"]["managedBy"] = "ray.io/kuberay-operator"
    new = manifests.one("RayService", "production", "vllm")
    new["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
    assert crds.problems(new, old) == ["spec.managedBy: the managedBy field is immutable"]
    assert crds.problems(old, old) == []


def test_defaults_are_applied_before_the_checks():
    """With every field that has a default taken out, the object is as good as before."""
    service = manifests.one("RayService", "seed-ocr")
    for group in service["spec"]["rayClusterConfig"]["workerGroupSpecs"]:
        group.pop("replicas")
    value = crds.defaulted(service, crds.schema("RayService"))
    [group] = value["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert group["replicas"] == 0 == group["minReplicas"]
    assert crds.problems(service) == []


BUILT_IN: dict[str, tuple[str, str, Callable[[Manifest], None]]] = {
    "unknown field": ("Service", "seed-chat", set_to({}, "spec", "selectors")),
    "wrong type": ("Service", "seed-chat", set_to("all", "spec", "ports")),
    "no number": ("Job", "production", set_to("four", "spec", "backoffLimit")),
    "required field": ("Ingress", "production", set_to([{"path": "/"}], "spec", "rules")),
    "a volume's typo": (
        "PersistentVolumeClaim",
        "seed-ocr",
        set_to({"request": {}}, "spec", "resources"),
    ),
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_planted_error_in_a_built_in_kind_is_caught(name: str):
    kind, overlay, plant = BUILT_IN[name]
    one = manifests.one(kind, overlay)
    assert built_in_problems(one) == []
    plant(one)
    assert built_in_problems(one) != []


@pytest.mark.parametrize(
    "plant",
    [
        set_to("x", "spec", "containers", 0, "imagePullPolice"),
        set_to([{"name": "a"}], "spec", "containers", 0, "ports"),
        set_to({"medium": "RAM", "sizeLimt": "1Gi"}, "spec", "volumes", 0, "emptyDir"),
        set_to("soon", "spec", "terminationGracePeriodSeconds"),
    ],
)
def test_a_planted_error_in_a_pod_template_is_caught(plant: Callable[[Manifest], None]):
    service = manifests.one("RayService", "seed-ocr")
    [_, worker] = manifests.pods(service)
    plant(worker.template)
    assert built_in_problems(pod_of(worker.template)) != []


@functools.cache
def _kinds() -> set[tuple[str, str]]:
    return {(one["apiVersion"], one["kind"]) for _, one in manifests.everything()}


def test_what_no_schema_here_checks_is_named():
    from importlib.resources import files

    folder = files("kubernetes_validate") / f"kubernetes-json-schema/v{KUBERNETES}.0-local-strict"
    known = {path.name for path in folder.iterdir()}

    def is_known(version: str, kind: str) -> bool:
        group, _, name = version.rpartition("/")
        stem = f"{group.split('.')[0]}-{name}" if group else name
        return f"{kind.lower()}-{stem}.json" in known

    others = {each for each in _kinds() if not is_known(*each) and not each[0].startswith("ray.io")}
    assert others == NOT_CHECKED
