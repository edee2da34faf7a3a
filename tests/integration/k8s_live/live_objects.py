"""Parts of live objects, by their names in the design documents."""

from __future__ import annotations

from typing import Any

from tests.integration.k8s.manifests import Manifest
from tests.integration.k8s_live.kube import Kube


def ray_cluster(live: Kube, service: str) -> tuple[Manifest, Manifest, Manifest]:
    """The cluster that serves, its head pod and one of its worker pods."""
    status = live.get("rayservice", service)["status"]["activeServiceStatus"]
    name = status["rayClusterName"]
    [head] = live.pods(cluster=name, node="head")
    workers = live.pods(cluster=name, node="worker")
    return live.get("raycluster", name), head, workers[0]


def container(pod: Manifest, name: str) -> Any:
    return next(one for one in pod["spec"]["containers"] if one["name"] == name)


def names(pod: Manifest) -> list[str]:
    """Of a pod's containers."""
    return [one["name"] for one in pod["spec"]["containers"]]


def limits(pod: Manifest, name: str, *resources: str) -> tuple[str, ...]:
    found = container(pod, name)["resources"]["limits"]
    return tuple(found[each] for each in resources)


def requests(template: Manifest) -> tuple[str, str]:
    """Of a cluster's template: on the pods the test lowers them."""
    found = template["spec"]["containers"][0]["resources"]["requests"]
    return found["cpu"], found["memory"]


def mounts(pod: Manifest, name: str) -> dict[str, str]:
    """Where each volume is in a container."""
    return {one["name"]: one["mountPath"] for one in container(pod, name)["volumeMounts"]}


def volume(pod: Manifest, name: str) -> Any:
    return next(one for one in pod["spec"]["volumes"] if one["name"] == name)


def config_maps(pod: Manifest) -> set[str]:
    """The ConfigMaps that the code comes from, without the hashes in their names."""
    sources = volume(pod, "code")["projected"]["sources"]
    return {one["configMap"]["name"].rpartition("-")[0] for one in sources}


def secrets(pod: Manifest) -> dict[str, tuple[str, str]]:
    """The Secret and its key behind each variable of Ray's container."""
    found = {}
    for one in pod["spec"]["containers"][0]["env"]:
        if reference := (one.get("valueFrom") or {}).get("secretKeyRef"):
            found[one["name"]] = (reference["name"], reference["key"])
    return found


def probe(pod: Manifest, name: str) -> Any:
    """What the kubelet asks to know whether a container is ready."""
    found = container(pod, name)["readinessProbe"]
    if "httpGet" in found:
        return found["httpGet"]["path"], found["httpGet"]["port"]
    return found["exec"]["command"]


def ports(live: Kube, service: str) -> set[int]:
    return {one["port"] for one in live.get("service", service)["spec"]["ports"]}
