"""The rules that KubeRay 1.7's controllers apply after the API server took an object.

Nothing tells the caller: an object that breaks one is accepted, and its cluster never starts (an
event on the object says why). Written from the behaviour of the operator's validation and of its
builders for pods and Services, with its feature gates as they are by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from tests.integration.k8s.manifests import Loader, Manifest, Pod, cluster, pods

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST = {"RayCluster": 53, "RayService": 47, "RayJob": 47}
"""63 less the longest suffix of a Service; services and jobs add six characters for a cluster."""
CLOSED_GATES = ("networkPolicy", "tlsOptions", "historyServerOptions")
"""Fields of a cluster that are behind feature gates which are off."""
DEFAULT_PORTS = {"gcs-server": 6379, "dashboard": 8265, "client": 10001, "serve": 8000}
METRICS_PORT = {"metrics": 8080}
V2 = ("1", "true")

Check = Callable[[Manifest], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        name: What it asks for.
        check: Yields what breaks it.
        kinds: The kinds that it is for.
    """

    name: str
    check: Check
    kinds: tuple[str, ...] = ("RayCluster", "RayService", "RayJob")


RULES: list[Rule] = []


def rule(name: str, *kinds: str) -> Callable[[Check], Check]:
    """Add a function to the rules."""

    def add(check: Check) -> Check:
        RULES.append(Rule(name, check, kinds or Rule.kinds))
        return check

    return add


def broken(manifest: Manifest) -> list[str]:
    """The names of the rules that a Ray object breaks."""
    wanted = [each for each in RULES if manifest["kind"] in each.kinds]
    return [each.name for each in wanted if list(each.check(manifest))]


def env(container: Manifest) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container.get("env") or []}


def groups(manifest: Manifest) -> list[Manifest]:
    return cluster(manifest).get("workerGroupSpecs") or []


def autoscales(manifest: Manifest) -> bool:
    return bool(cluster(manifest).get("enableInTreeAutoscaling"))


def autoscaler_is_v2(manifest: Manifest) -> bool:
    return (cluster(manifest).get("autoscalerOptions") or {}).get("version") == "v2"


def ray_pods(manifest: Manifest) -> list[Pod]:
    return [pod for pod in pods(manifest) if pod.group != "submitter"]


def head_service_ports(manifest: Manifest) -> dict[str, int]:
    """The ports of the head Service: those that the head declares, or the defaults."""
    [head] = [pod for pod in pods(manifest) if pod.group == "head"]
    declared = {each["name"]: each["containerPort"] for each in head.ray.get("ports") or []}
    return METRICS_PORT | (declared or DEFAULT_PORTS)


@rule("the name is a DNS label and leaves room for KubeRay's suffixes")
def _name(manifest: Manifest) -> Iterator[str]:
    name = manifest["metadata"]["name"]
    if len(name) > LONGEST[manifest["kind"]] or not LABEL.fullmatch(name):
        yield name


@rule("the head Service has no name of ours", "RayService")
def _head_service(manifest: Manifest) -> Iterator[str]:
    service = cluster(manifest)["headGroupSpec"].get("headService") or {}
    if name := (service.get("metadata") or {}).get("name"):
        yield name


@rule("every group has a container")
def _containers(manifest: Manifest) -> Iterator[str]:
    for pod in ray_pods(manifest):
        if not pod.spec.get("containers"):
            yield pod.group


@rule("resources stand in rayStartParams or in resources, not in both")
def _resources_once(manifest: Manifest) -> Iterator[str]:
    params = {"num-cpus", "num-gpus", "memory", "resources"}
    for group in [cluster(manifest)["headGroupSpec"], *groups(manifest)]:
        if group.get("resources") and params & set(group.get("rayStartParams") or {}):
            yield group.get("groupName", "head")


@rule("labels of nodes are a field of the group, no start parameter")
def _labels(manifest: Manifest) -> Iterator[str]:
    for group in [cluster(manifest)["headGroupSpec"], *groups(manifest)]:
        if "labels" in (group.get("rayStartParams") or {}):
            yield group.get("groupName", "head")


@rule("replica bounds are in order, and said where nothing scales")
def _bounds(manifest: Manifest) -> Iterator[str]:
    for group in groups(manifest):
        least, most = group.get("minReplicas"), group.get("maxReplicas")
        if not autoscales(manifest) and (least is None or most is None):
            yield f"{group['groupName']}: bounds are missing"
        if (least or 0) < 0 or (most or 0) < 0 or (most is not None and (least or 0) > most):
            yield f"{group['groupName']}: {least}..{most}"


@rule("no group is suspended while the cluster scales")
def _suspended(manifest: Manifest) -> Iterator[str]:
    yield from (each["groupName"] for each in groups(manifest) if each.get("suspend"))


@rule("an idle time of a group needs the autoscaler v2; none is negative")
def _idle(manifest: Manifest) -> Iterator[str]:
    options = cluster(manifest).get("autoscalerOptions") or {}
    if options.get("idleTimeoutSeconds", 0) < 0:
        yield "autoscalerOptions"
    for group in groups(manifest):
        seconds = group.get("idleTimeoutSeconds")
        if seconds is not None and (seconds < 0 or not autoscaler_is_v2(manifest)):
            yield group["groupName"]


@rule("the autoscaler v2 wants restartPolicy Never or none")
def _restart(manifest: Manifest) -> Iterator[str]:
    if autoscales(manifest) and autoscaler_is_v2(manifest):
        for pod in ray_pods(manifest):
            if pod.spec.get("restartPolicy", "Never") != "Never":
                yield pod.group


@rule("the autoscaler's version is said once, and only where it runs")
def _version_once(manifest: Manifest) -> Iterator[str]:
    value = env(pods(manifest)[0].ray).get("RAY_enable_autoscaler_v2")
    options = cluster(manifest).get("autoscalerOptions") or {}
    if value is not None and (options.get("version") or not autoscales(manifest)):
        yield value
    if any(e["name"] == "KUBERAY_GEN_AUTOSCALER_START_CMD" for e in options.get("env") or []):
        yield "KUBERAY_GEN_AUTOSCALER_START_CMD"


@rule("fault tolerance is set up by its own field alone")
def _fault_tolerance(manifest: Manifest) -> Iterator[str]:
    options = cluster(manifest).get("gcsFaultToleranceOptions")
    notes = manifest["metadata"].get("annotations") or {}
    params = cluster(manifest)["headGroupSpec"].get("rayStartParams") or {}
    names = set(env(pods(manifest)[0].ray))
    if "redis-username" in params or "REDIS_USERNAME" in names:
        yield "redis username"
    if options is None and "RAY_REDIS_ADDRESS" in names:
        yield "RAY_REDIS_ADDRESS"
    if options is not None:
        yield from names & {"RAY_REDIS_ADDRESS", "REDIS_PASSWORD"}
        yield from set(notes) & {"ray.io/ft-enabled", "ray.io/external-storage-namespace"}
        yield from set(params) & {"redis-password"}
        if options.get("backend", "redis") != "redis" or options.get("storage"):
            yield "a backend behind a gate that is off"


@rule("nothing is asked for whose feature gate is off")
def _gates(manifest: Manifest) -> Iterator[str]:
    yield from set(cluster(manifest)) & set(CLOSED_GATES)


@rule("a token for Ray needs Ray 2.52 and a version that says so")
def _auth(manifest: Manifest) -> Iterator[str]:
    options = cluster(manifest).get("authOptions") or {}
    version = str(cluster(manifest).get("rayVersion", ""))
    if options.get("mode") == "token":
        parts = [int(part) for part in version.split(".")[:2]] if version else [0]
        if parts < [2, 52]:
            yield version
    if options.get("enableK8sTokenAuth"):
        yield "enableK8sTokenAuth"


@rule("the time to get ready is a duration above zero", "RayService")
def _initializing(manifest: Manifest) -> Iterator[str]:
    notes = manifest["metadata"].get("annotations") or {}
    text = notes.get("ray.io/initializing-timeout", "")
    if text and seconds(text) is None:
        yield text


def seconds(text: str) -> float | None:
    """Seconds of a Go duration such as 1h30m, or of a whole number; None where it is neither."""
    if text.isdigit():
        return float(text) or None
    factors = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * factors[unit] for number, unit in parts) or None


@rule("an upgrade makes a new cluster, or none", "RayService")
def _upgrade(manifest: Manifest) -> Iterator[str]:
    strategy = manifest["spec"].get("upgradeStrategy") or {}
    if strategy.get("type", "NewCluster") not in ("NewCluster", "None"):
        yield strategy["type"]  # the third way needs options and a Gateway, which are not here
    if cluster(manifest).get("upgradeStrategy"):
        yield "upgradeStrategy of the cluster"


@rule("the old cluster's time is not negative", "RayService")
def _deletion(manifest: Manifest) -> Iterator[str]:
    if manifest["spec"].get("rayClusterDeletionDelaySeconds", 0) < 0:
        yield "rayClusterDeletionDelaySeconds"


@rule("the serve Service gets a port", "RayService")
def _serve_port(manifest: Manifest) -> Iterator[str]:
    if "serve" not in head_service_ports(manifest):
        yield str(head_service_ports(manifest))


@rule("the job's cluster ends with it, where it has a time to live or may be suspended", "RayJob")
def _job_ends(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]
    if spec.get("ttlSecondsAfterFinished", 0) < 0:
        yield "ttlSecondsAfterFinished"
    if not spec.get("shutdownAfterJobFinishes") and (
        spec.get("ttlSecondsAfterFinished", 0) > 0 or spec.get("suspend")
    ):
        yield "shutdownAfterJobFinishes"


@rule("a job brings its cluster or names one", "RayJob")
def _job_cluster(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]
    selector = spec.get("clusterSelector")
    if selector and (spec.get("suspend") or spec.get("backoffLimit", 0) > 0):
        yield "clusterSelector"
    if not selector and not spec.get("rayClusterSpec"):
        yield "rayClusterSpec"


@rule("the way of submitting fits the other fields", "RayJob")
def _submission(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]
    mode = spec.get("submissionMode", "K8sJobMode")
    if mode == "SidecarMode" and (spec.get("submitterPodTemplate") or spec.get("submitterConfig")):
        yield "a submitter beside the sidecar"
    if mode == "InteractiveMode" and spec.get("backoffLimit", 0) > 0:
        yield "backoffLimit"


@rule("limits of the job are above zero", "RayJob")
def _limits(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]
    for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        if spec.get(key, 1) <= 0:
            yield key
    if spec.get("backoffLimit", 0) < 0:
        yield "backoffLimit"


@rule("runtimeEnvYAML is YAML", "RayJob")
def _runtime_env(manifest: Manifest) -> Iterator[str]:
    try:
        found = yaml.load(manifest["spec"].get("runtimeEnvYAML", "{}"), Loader)
    except yaml.YAMLError as error:
        yield str(error)
    else:
        if not isinstance(found, dict):
            yield repr(found)


@rule("what happens to the cluster in the end is said in one way", "RayJob")
def _deletion_strategy(manifest: Manifest) -> Iterator[str]:
    strategy = manifest["spec"].get("deletionStrategy")
    if strategy is None:
        return
    both = {"onSuccess", "onFailure"} <= set(strategy)
    if both == bool(strategy.get("deletionRules")):
        yield "one of the two ways"
    if strategy.get("deletionRules") and manifest["spec"].get("shutdownAfterJobFinishes"):
        yield "shutdownAfterJobFinishes"
