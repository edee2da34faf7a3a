"""The rules that KubeRay applies after admission, and the traps that were found on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from ray.serve._private.constants import RECOVERING_LONG_POLL_BROADCAST_TIMEOUT_S
from ray.serve.schema import ServeDeploySchema

from pipeline.cli import validate
from pipeline.config import OcrConfig
from pipeline.errors import ConfigError
from serving import serve_hooks
from serving.config import ServeConfig
from tests.integration.k8s import kuberay, manifests
from tests.integration.k8s.manifests import OVERLAYS, Manifest, Pod

RAY = ("RayService", "RayJob")
CODE = ("pipeline.", "serving.")
"""How the keys of a ConfigMap with code begin."""
DRAIN_S = 30
"""Ray's own time for what runs on a node that ends."""


def ray_objects() -> list[tuple[str, Manifest]]:
    return [(overlay, one) for overlay, one in manifests.everything() if one["kind"] in RAY]


RULES = [
    pytest.param(rule, one, id=f"{overlay}-{one['metadata']['name']}-{rule.name}")
    for overlay, one in ray_objects()
    for rule in kuberay.RULES
    if one["kind"] in rule.kinds
]


@pytest.mark.parametrize(("rule", "manifest"), RULES)
def test_rule_of_kuberay(rule: kuberay.Rule, manifest: Manifest):
    assert list(rule.check(manifest)) == []


def at(manifest: Manifest, *path: str | int) -> Any:
    target: Any = manifest
    for key in path:
        target = target[key]
    return target


def plant(kind: str, value: object, *path: str | int) -> Callable[[], Manifest]:
    def planted() -> Manifest:
        service = kind == "RayService"
        overlay, name = ("production", "vllm") if service else ("batch", "ocr-batch")
        manifest = manifests.one(kind, overlay, name)
        at(manifest, *path[:-1])[path[-1]] = value
        return manifest

    return planted


S, J = "RayService", "RayJob"
CLUSTER, JOB_CLUSTER = ("spec", "rayClusterConfig"), ("spec", "rayClusterSpec")
HEAD = (*CLUSTER, "headGroupSpec")
GROUP = (*CLUSTER, "workerGroupSpecs", 0)
ENV = (*HEAD, "template", "spec", "containers", 0, "env")
NOTES = ("metadata", "annotations")
PLANTED = [
    ("the name is a DNS label", plant(S, "v" * 48, "metadata", "name")),
    ("the name is a DNS label", plant(S, "Vllm", "metadata", "name")),
    (
        "the head Service has no name",
        plant(S, {"metadata": {"name": "vllm"}}, *HEAD, "headService"),
    ),
    ("every group has a container", plant(S, [], *GROUP, "template", "spec", "containers")),
    ("resources stand in", plant(S, {"CPU": "1"}, *HEAD, "resources")),
    ("labels of nodes", plant(S, {"labels": "a=b"}, *GROUP, "rayStartParams")),
    ("replica bounds", plant(S, 9, *GROUP, "minReplicas")),
    ("replica bounds", plant(S, -1, *GROUP, "minReplicas")),
    ("no group is suspended", plant(S, True, *GROUP, "suspend")),
    (
        "an idle time of a group",
        plant(S, {"idleTimeoutSeconds": -1}, *CLUSTER, "autoscalerOptions"),
    ),
    ("the autoscaler v2 wants", plant(S, "Always", *GROUP, "template", "spec", "restartPolicy")),
    (
        "the autoscaler's version",
        plant(S, [{"name": "RAY_enable_autoscaler_v2", "value": "1"}], *ENV),
    ),
    ("fault tolerance is set up", plant(S, [{"name": "REDIS_PASSWORD", "value": "x"}], *ENV)),
    ("fault tolerance is set up", plant(S, {"ray.io/ft-enabled": "true"}, *NOTES)),
    ("nothing is asked for", plant(S, {"mode": "DenyAll"}, *CLUSTER, "networkPolicy")),
    (
        "a token for Ray",
        plant(S, {"mode": "token", "enableK8sTokenAuth": True}, *CLUSTER, "authOptions"),
    ),
    ("the time to get ready", plant(S, {"ray.io/initializing-timeout": "soon"}, *NOTES)),
    ("the time to get ready", plant(S, {"ray.io/initializing-timeout": "0"}, *NOTES)),
    ("an upgrade makes", plant(S, {"type": "Rolling"}, "spec", "upgradeStrategy")),
    ("the old cluster's time", plant(S, -1, "spec", "rayClusterDeletionDelaySeconds")),
    (
        "the serve Service gets a port",
        plant(S, [{"name": "http", "containerPort": 8000}], *ENV[:-1], "ports"),
    ),
    ("the job's cluster ends", plant(J, False, "spec", "shutdownAfterJobFinishes")),
    ("a job brings its cluster", plant(J, {"ray.io/cluster": "a"}, "spec", "clusterSelector")),
    ("the way of submitting", plant(J, "SidecarMode", "spec", "submissionMode")),
    ("limits of the job", plant(J, 0, "spec", "activeDeadlineSeconds")),
    ("runtimeEnvYAML", plant(J, "a: [", "spec", "runtimeEnvYAML")),
    ("what happens to the cluster", plant(J, {"onSuccess": {}}, "spec", "deletionStrategy")),
]


@pytest.mark.parametrize(("name", "planted"), PLANTED)
def test_a_planted_error_breaks_its_rule(name: str, planted: Callable[[], Manifest]):
    manifest = planted()
    assert any(broken.startswith(name) for broken in kuberay.broken(manifest))


def test_every_rule_has_a_planted_error():
    names = [name for name, _ in PLANTED]
    assert [r.name for r in kuberay.RULES if not any(map(r.name.startswith, names))] == []


def service(overlay: str, name: str = "") -> Manifest:
    return manifests.one("RayService", overlay, name)


ALL_SERVICES = [
    pytest.param(one, id=f"{overlay}-{one['metadata']['name']}")
    for overlay, one in ray_objects()
    if one["kind"] == "RayService"
]
ALL_PODS = [
    pytest.param(pod, id=f"{overlay}-{one['metadata']['name']}-{pod.group}")
    for overlay, one in ray_objects()
    for pod in manifests.pods(one)
]


def args(manifest: Manifest) -> ServeConfig:
    [application] = manifests.serve_config(manifest)["applications"]
    return validate(ServeConfig, application["args"])


# Traps.


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_pod_has_longer_to_end_than_ray_gives_its_work(pod: Pod):
    if pod.group != "submitter":
        assert pod.spec["terminationGracePeriodSeconds"] > DRAIN_S


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_a_head_is_gone_before_its_clients_lose_patience(manifest: Manifest):
    """No new head starts while the old pod ends; Ray's wait for its work would be in vain."""
    head = manifests.pods(manifest)[0]
    assert kuberay.env(head.ray)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] == "1"
    assert head.spec["terminationGracePeriodSeconds"] <= 45
    assert head.spec["shareProcessNamespace"] is True, "or the autoscaler ignores SIGTERM"


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_a_head_is_found_ready_at_once_and_unready_no_sooner_than_by_kuberays_probe(
    manifest: Manifest,
):
    """KubeRay's: `/api/healthz` of the agent, after 10 s each 5 s, ten failures."""
    probe = manifests.pods(manifest)[0].ray["readinessProbe"]
    assert probe["httpGet"] == {"path": "/api/healthz", "port": 52365}
    assert "initialDelaySeconds" not in probe
    assert probe["periodSeconds"] == 1
    assert probe["periodSeconds"] * probe["failureThreshold"] == 10 * 5


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_a_new_head_gives_lost_replicas_up_before_its_proxy_takes_requests(manifest: Manifest):
    """Serve tells a proxy of no replica while one of the deployment may still come back."""
    head = manifests.pods(manifest)[0]
    given_up_s = int(kuberay.env(head.ray)["RAY_SERVE_SLOW_STARTUP_WARNING_S"])
    assert 5 < given_up_s < RECOVERING_LONG_POLL_BROADCAST_TIMEOUT_S


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_proxies_of_all_pods_have_our_middleware(manifest: Manifest):
    """`RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`: Serve would start a proxy without it as well."""
    for pod in manifests.pods(manifest):
        path = kuberay.env(pod.ray)["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"]
        assert path == f"{serve_hooks.__name__}:{serve_hooks.in_pod_proxy.__name__}"
        assert kuberay.env(pod.ray)["PYTHONPATH"] == "/app"


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_an_old_cluster_outlives_its_longest_request(manifest: Manifest):
    limits = args(manifest).limits
    longest_s = limits.request_s + DRAIN_S
    assert manifest["spec"]["rayClusterDeletionDelaySeconds"] > longest_s


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_the_time_to_get_ready_is_longer_than_a_cold_start(manifest: Manifest):
    """A node 5 min, an image of 12 GB 10 min, weights of 16 GB 10 min, the engine 5 min."""
    text = manifest["metadata"]["annotations"]["ray.io/initializing-timeout"]
    assert (kuberay.seconds(text) or 0) >= 30 * 60


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_the_head_serves_while_there_is_no_worker(manifest: Manifest):
    assert manifest["spec"]["excludeHeadPodFromServeSvc"] is False


@pytest.mark.parametrize("overlay", ["seed-ocr", "production"])
def test_what_scales_to_zero_has_its_ingress_on_the_head(overlay: str):
    manifest = service(overlay, "deepseek-ocr")
    ingress = args(manifest).ingress
    assert (ingress.on_head, ingress.num_cpus) == (True, 0)
    [application] = manifests.serve_config(manifest)["applications"]
    assert "deployments" not in application, "they would take the place of the code's options"
    head = manifests.cluster(manifest)["headGroupSpec"]
    assert head["rayStartParams"]["num-cpus"] == "0", "and a replica has nothing to run on there"


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_no_working_dir_is_a_bare_path(manifest: Manifest):
    for application in manifests.serve_config(manifest)["applications"]:
        working_dir = (application.get("runtime_env") or {}).get("working_dir", "local:///app")
        assert "://" in working_dir


@pytest.mark.parametrize("pod", ALL_PODS)
def test_the_ray_container_has_the_name_that_logs_are_found_by(pod: Pod):
    names = {"head": "ray-head", "submitter": "ray-job-submitter"}
    assert pod.ray["name"] == names.get(pod.group, "ray-worker")
    assert len(pod.spec["containers"]) == 1, "KubeRay adds the autoscaler's itself"


@pytest.mark.parametrize("pod", ALL_PODS)
def test_a_pod_is_not_root_and_gains_no_rights(pod: Pod):
    assert pod.spec["securityContext"]["runAsNonRoot"] is True
    assert pod.spec["securityContext"]["runAsUser"] == 1000
    assert pod.ray["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_name_that_is_referred_to_is_there_or_is_known_to_come_from_outside(overlay: str):
    """Hash suffixes reach Ray's kinds only with a nameReference of ours."""
    from_outside = {
        ("Secret", "hf-token"),
        ("Secret", "rayscribe-api-keys"),
        ("Secret", "redis-password"),
        ("Secret", "s3-credentials"),
        ("Secret", "rayscribe-tls"),
        ("PersistentVolumeClaim", "documents"),
    }
    objects = manifests.load(overlay)
    here = {(one["kind"], one["metadata"]["name"]) for one in objects}
    wanted = {ref for one in objects for ref in references(one)}
    assert wanted - here <= from_outside


REFERENCES = {
    "configMap": ("ConfigMap", "name"),
    "configMapKeyRef": ("ConfigMap", "name"),
    "secretKeyRef": ("Secret", "name"),
    "secret": ("Secret", "secretName"),
    "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
}


def references(value: object) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    if isinstance(value, dict):
        for key, child in value.items():
            if key in REFERENCES and isinstance(child, dict):
                kind, name = REFERENCES[key]
                found.add((kind, child[name]))
            elif key == "serviceAccountName":
                found.add(("ServiceAccount", child))
            found |= references(child)
    elif isinstance(value, list):
        for each in value:
            found |= references(each)
    return found


def test_changed_settings_change_a_name_in_the_cluster():
    """Contents of a ConfigMap are not in what KubeRay compares: its name has to change."""
    for overlay, prefix in (("seed-chat", "vllm-serve-script"), ("seed-ocr", "rayscribe-code")):
        for pod in manifests.pods(service(overlay)):
            found = sorted(n for kind, n in references(pod.template) if kind == "ConfigMap")
            wanted = (prefix, "rayscribe-code-engines", "rayscribe-code-pipeline")
            assert len(found) == len(wanted)
            for name in wanted:
                assert any(re.fullmatch(rf"{name}-[0-9a-z]{{10}}", one) for one in found), found
    job = manifests.one("RayJob", "batch")
    assert any(re.fullmatch("ocr-job-[0-9a-z]{10}", name) for _, name in references(job))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_flux_finds_nothing_to_fill_in_but_the_location(overlay: str):
    for one in manifests.load(overlay):
        notes = one["metadata"].get("annotations") or {}
        if notes.get("kustomize.toolkit.fluxcd.io/substitute") != "disabled":
            assert set(re.findall(r"\$\{[^}]*\}?", str(one))) <= {"${LOCATION}"}
        else:
            assert one["kind"] == "ConfigMap"


def test_config_maps_with_code_or_templates_are_kept_from_flux():
    kept = [
        one
        for one in manifests.of_kind("ConfigMap")
        if any(key.startswith(CODE) for key in one["data"]) or "${" in str(one)
    ]
    assert len(kept) == 7, "the code of two overlays, and the dashboard"
    for one in kept:
        notes = one["metadata"]["annotations"]
        assert notes["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_config_map_is_small_enough_and_its_keys_have_no_slash(overlay: str):
    for one in manifests.load(overlay):
        if one["kind"] == "ConfigMap":
            assert sum(map(len, map(str.encode, one["data"].values()))) < 2**20
            assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in one["data"])


def test_every_image_has_a_tag_and_none_is_latest():
    for _, one in manifests.everything():
        for image in re.findall(r"'image': '([^']*)'", str(one)):
            assert re.search(r":[\w.-]+$|@sha256:[0-9a-f]{64}$", image), image
            assert not image.endswith(":latest")
            assert not image.startswith("rayscribe:") or image.endswith("-cpu"), "no placeholder"


def test_the_image_is_of_this_version():
    from pipeline import __version__

    tags = {
        match
        for _, one in manifests.everything()
        for match in re.findall(r"rayscribe:([\w.]+)-(?:gpu|cpu)", str(one))
    }
    assert tags == {__version__}


# The settings.


def unknown_keys(value: object, model: object, path: str = "") -> list[str]:
    """Keys of a Serve config that Ray's models do not have. Ray takes and forgets them."""
    if isinstance(value, list):
        return [key for each in value for key in unknown_keys(each, model, path)]
    models = models_in(model)
    if not isinstance(value, dict) or not models:
        return []
    [one] = models
    found = [f"{path}.{key}" for key in value if key not in one.model_fields]
    for key, child in value.items():
        if field := one.model_fields.get(key):
            found += unknown_keys(child, field.annotation, f"{path}.{key}")
    return found


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for inner in get_args(annotation) for one in models_in(inner)]


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_serve_knows_every_key(manifest: Manifest):
    config = manifests.serve_config(manifest)
    ServeDeploySchema.model_validate(config)
    assert unknown_keys(config, ServeDeploySchema) == []


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("deployment", "max_concurrent_queries"),
        ("autoscaling", "target_num_ongoing_requests_per_replica"),
        ("application", "route"),
        ("config", "http_option"),
    ],
)
def test_a_key_that_serve_would_forget_is_caught(place: str, key: str):
    config = manifests.serve_config(service("seed-ocr"))
    [application] = config["applications"]
    deployment: dict[str, Any] = {"name": "Ingress"}
    application["deployments"] = [deployment]
    deployment["autoscaling_config"] = {}
    places = {
        "config": config,
        "application": application,
        "deployment": deployment,
        "autoscaling": deployment["autoscaling_config"],
    }
    places[place][key] = 1
    ServeDeploySchema.model_validate(config)  # not a word
    assert [name for name in unknown_keys(config, ServeDeploySchema) if name.endswith(f".{key}")]


def test_bounds_in_the_wrong_order_pass_ray_and_not_our_settings():
    config = manifests.serve_config(service("seed-ocr"))
    [application] = config["applications"]
    bounds = {"min_replicas": 3, "max_replicas": 2}
    application["deployments"] = [{"name": "Ingress", "autoscaling_config": bounds}]
    ServeDeploySchema.model_validate(config)  # not a word; so they stand in args
    application["args"]["scale"]["ocr"] |= {"min_replicas": 3, "max_replicas": 2}
    with pytest.raises(ConfigError, match="min_replicas is more than max_replicas"):
        validate(ServeConfig, application["args"])


def test_a_setting_that_is_not_known_is_refused():
    config = manifests.serve_config(service("seed-ocr"))
    config["applications"][0]["args"]["scale"]["ocr"]["max_replica"] = 2
    with pytest.raises(ConfigError, match="did you mean max_replicas"):
        validate(ServeConfig, config["applications"][0]["args"])


def test_serve_refuses_a_bare_path_for_the_working_dir():
    config = manifests.serve_config(service("seed-ocr"))
    config["applications"][0]["runtime_env"] = {"working_dir": "/app"}
    with pytest.raises(ValidationError):
        ServeDeploySchema.model_validate(config)


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_args_are_valid_settings(manifest: Manifest):
    assert args(manifest).models


@pytest.mark.parametrize("overlay", ["batch", "batch-queued", "dev-batch"])
def test_the_job_has_valid_settings(overlay: str):
    [settings] = [
        one for one in manifests.of_kind("ConfigMap", overlay) if "job.yaml" in one["data"]
    ]
    config = validate(OcrConfig, yaml.safe_load(settings["data"]["job.yaml"]))
    job = manifests.one("RayJob", overlay)
    mounts = {m["mountPath"] for m in manifests.pods(job)[0].ray["volumeMounts"]}
    assert any(config.output.startswith(f"{mount}/") for mount in mounts)
    assert config.engine.kind != "auto", "a cluster that starts without a GPU would choose onnx"


def test_gpu_nodes_are_enough_for_the_engines():
    [settings] = [
        one for one in manifests.of_kind("ConfigMap", "batch") if "job.yaml" in one["data"]
    ]
    config = validate(OcrConfig, yaml.safe_load(settings["data"]["job.yaml"]))
    groups = manifests.cluster(manifests.one("RayJob", "batch"))["workerGroupSpecs"]
    [gpu] = [group for group in groups if group["groupName"] == "gpu-group"]
    assert config.engine.max_workers == gpu["maxReplicas"]
    assert gpu["minReplicas"] == 0


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_keys_are_required_or_switched_off_in_plain_sight(manifest: Manifest):
    names = {name for pod in manifests.pods(manifest) for name in kuberay.env(pod.ray)}
    assert args(manifest).auth.disabled != ("RAYSCRIBE_API_KEYS" in names)


@pytest.mark.parametrize("manifest", ALL_SERVICES)
def test_there_are_nodes_for_all_replicas(manifest: Manifest):
    config, groups = args(manifest), manifests.cluster(manifest).get("workerGroupSpecs") or []
    for model in config.models:
        scale = getattr(config.scale, model)
        for group in groups:
            assert group["maxReplicas"] >= scale.max_replicas
            assert group["minReplicas"] <= scale.min_replicas


def test_rows_of_the_chat_document():
    """What the first of the two design documents says of the deployment."""
    vllm = service("seed-chat", "vllm")
    head, worker = manifests.pods(vllm)
    limits = head.ray["resources"]["limits"]
    assert (limits["cpu"], limits["memory"]) == ("2", "12G")
    limits = worker.ray["resources"]["limits"]
    assert (limits["cpu"], limits["memory"], limits["nvidia.com/gpu"]) == ("12", "60G", "1")
    assert worker.group == "gpu-group"
    assert manifests.cluster(vllm)["enableInTreeAutoscaling"] is True
    assert head.spec["nodeSelector"] == {"NodeGroupType": "x86-cpu-karpenter"}
    assert worker.spec["nodeSelector"] == {"NodeGroupType": "g5-gpu-karpenter"}
    config = args(vllm)
    assert config.models == ("chat",)
    assert config.chat.model == "deepseek-ai/DeepSeek-R1-Distill-Llama-8B"
    assert (config.scale.chat.min_replicas, config.scale.chat.max_replicas) == (1, 4)
    assert ("Secret", "hf-token") in references(worker.template)
    for pod in (head, worker):
        assert any(name.startswith("vllm-serve-script-") for _, name in references(pod.template))


def test_the_services_of_the_chat_document():
    own = manifests.one("Service", "seed-chat", "vllm")
    ports = {port["port"] for port in own["spec"]["ports"]}
    assert ports == {8000, 8080, 6379, 8265, 10001}
    declared = manifests.pods(service("seed-chat"))[0].ray["ports"]
    assert ports <= {port["containerPort"] for port in declared}, "those of the head behind it"
    assert kuberay.head_service_ports(service("seed-chat"))["serve"] == 8000
    kuberays = {"vllm-head-svc", "vllm-serve-svc"}
    assert not kuberays & {one["metadata"]["name"] for one in manifests.load("seed-chat")}


@pytest.mark.parametrize("overlay", ["seed-chat", "production"])
def test_the_service_of_our_own_follows_the_cluster_that_serves(overlay: str):
    """A selector would also find the head that is still starting in an upgrade."""
    own = manifests.one("Service", overlay, "vllm")
    namespace = service(overlay, "vllm")["metadata"].get("namespace", "default")
    assert own["spec"]["type"] == "ExternalName"
    assert own["spec"]["externalName"] == f"vllm-head-svc.{namespace}.svc.cluster.local"
    assert "selector" not in own["spec"]


def test_rows_of_the_ocr_document():
    """What the second of the two design documents says of the deployment."""
    ocr = service("seed-ocr", "deepseek-ocr")
    assert ocr["metadata"]["namespace"] == "ai"
    head, worker = manifests.pods(ocr)
    resources = head.ray["resources"]
    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == ("2", "4")
    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == ("8G", "16G")
    assert "nvidia.com/gpu" not in resources["limits"]
    resources = worker.ray["resources"]
    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == ("4", "8")
    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == ("24G", "32G")
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    [group] = manifests.cluster(ocr)["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (0, 2)
    scale = args(ocr).scale.ocr
    assert (scale.min_replicas, scale.max_replicas, scale.target_ongoing_requests) == (0, 2, 1)
    assert (scale.upscale_delay_s, scale.downscale_delay_s) == (30, 300)
    ports = kuberay.head_service_ports(ocr)
    assert (ports["serve"], ports["dashboard"]) == (8000, 8265)
    volumes = {volume["name"]: volume for volume in worker.spec["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "8Gi"}
    assert {"name": "shm", "mountPath": "/dev/shm"} in worker.ray["volumeMounts"]
    assert volumes["cache"]["persistentVolumeClaim"] == {"claimName": "model-cache"}
    claim = manifests.one("PersistentVolumeClaim", "seed-ocr", "model-cache")
    assert claim["spec"]["resources"]["requests"]["storage"] == "30Gi"
    assert ("Secret", "hf-token") in references(worker.template)


def test_the_tailnet_of_the_ocr_document():
    own = manifests.one("Service", "seed-ocr", "deepseek-ocr-tailscale")
    assert own["spec"]["type"] == "LoadBalancer"
    assert own["spec"]["loadBalancerClass"] == "tailscale"
    assert own["metadata"]["annotations"] == {
        "tailscale.com/hostname": "${LOCATION}-ai-deepseek-ocr"
    }
    assert [(port["port"], port["targetPort"]) for port in own["spec"]["ports"]] == [(80, 8000)]
    ocr = service("seed-ocr")
    assert "serveService" not in ocr["spec"], "port 8000 of KubeRay's Services stays"
    assert "headService" not in manifests.cluster(ocr)["headGroupSpec"]


def test_each_object_of_the_ocr_document_is_in_its_namespace():
    """The device plugin reads its ConfigMap where it runs itself."""
    found = {
        (one["kind"], one["metadata"]["name"]): one["metadata"].get("namespace")
        for one in manifests.load("seed-ocr")
    }
    assert found.pop(("Namespace", "ai")) is None
    slicing = ("ConfigMap", "nvidia-device-plugin-time-slicing")
    assert found.pop(slicing) == "nvidia-device-plugin"
    assert set(found.values()) == {"ai"}


def test_the_batch_job():
    job = manifests.one("RayJob", "batch")
    assert job["spec"]["entrypoint"].startswith("python -m jobs.ocr ")
    assert job["spec"]["entrypoint"].endswith(" --fail-on none"), "bad pages are no reason to retry"
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    assert job["spec"]["backoffLimit"] > 0
    for pod in manifests.pods(job)[1:3]:
        keys = {toleration["key"] for toleration in pod.spec["tolerations"]}
        assert {"cloud.google.com/gke-spot", "kubernetes.azure.com/scalesetpriority"} <= keys
        assert pod.spec["nodeSelector"] == {"karpenter.sh/capacity-type": "spot"}


def test_objects_of_kueue_have_a_namespace_only_where_their_kind_does():
    kinds = ("ResourceFlavor", "ClusterQueue", "LocalQueue")
    found = {kind: manifests.one(kind, "batch-queued")["metadata"] for kind in kinds}
    assert {kind: one["name"] for kind, one in found.items()} == dict.fromkeys(kinds, "rayscribe")
    assert "namespace" not in found["ResourceFlavor"]
    assert "namespace" not in found["ClusterQueue"]
    assert found["LocalQueue"]["namespace"] == "rayscribe"


def test_chat_replicas_are_packed_so_that_a_worker_too_many_becomes_idle():
    for overlay in ("seed-chat", "production"):
        head = manifests.pods(service(overlay, "vllm"))[0]
        environment = {one["name"]: one.get("value") for one in head.ray["env"]}
        assert environment["RAY_SERVE_USE_PACK_SCHEDULING_STRATEGY"] == "1"


def test_the_budget_of_heads_does_without_a_count_that_raycluster_cannot_give():
    """Its kind has no scale subresource: with maxUnavailable or a percentage no pod is evicted."""
    budget = manifests.one("PodDisruptionBudget", "production", "rayscribe-heads")
    assert "maxUnavailable" not in budget["spec"]
    assert isinstance(budget["spec"]["minAvailable"], int)


def test_kueue_counts_a_job_of_a_fixed_size():
    job = manifests.one("RayJob", "batch-queued")
    assert job["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "rayscribe"}
    assert job["spec"]["suspend"] is True
    assert manifests.cluster(job)["enableInTreeAutoscaling"] is False
    for group in manifests.cluster(job)["workerGroupSpecs"]:
        assert group["minReplicas"] == group["maxReplicas"] == group["replicas"]
    assert requested(job) == {"cpu": 26, "memory": 104, "nvidia.com/gpu": 2}
    [flavor] = manifests.one("ClusterQueue", "batch-queued")["spec"]["resourceGroups"][0]["flavors"]
    quota = {each["name"]: whole(each["nominalQuota"]) for each in flavor["resources"]}
    assert all(quota[name] >= amount for name, amount in requested(job).items())


def requested(job: Manifest) -> dict[str, float]:
    """What Kueue adds up: requests of all pods, in CPUs, GB and GPUs."""
    groups = {g["groupName"]: g["replicas"] for g in manifests.cluster(job)["workerGroupSpecs"]}
    total: dict[str, float] = {}
    for pod in manifests.pods(job):
        for name, amount in pod.ray["resources"]["requests"].items():
            total[name] = total.get(name, 0) + whole(amount) * groups.get(pod.group, 1)
    return {name: int(amount) for name, amount in total.items()}


def whole(quantity: str) -> float:
    """A quantity in CPUs, GB or pieces; binary units count as decimal ones and a bit."""
    factors = {"m": 0.001, "G": 1.0, "Gi": 1.073741824, "Mi": 0.001048576, "": 1.0}
    [(number, unit)] = re.findall(r"^([\d.]+)(m|Gi|G|Mi|)$", quantity)
    return float(number) * factors[unit]
