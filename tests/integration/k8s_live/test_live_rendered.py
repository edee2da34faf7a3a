"""`k8s/rendered/` as it stands, and the overlays as they are applied, before a real API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from k8s import render
from tests.integration.k8s.manifests import Loader, Manifest
from tests.integration.k8s_live import kube, tables
from tests.integration.k8s_live.deployments import FOREIGN
from tests.integration.k8s_live.kube import HERE, Kube


@pytest.fixture(scope="module")
def namespaces(live: Kube) -> Iterator[Kube]:
    """Those that the README has made before; `rayscribe` refuses what is not restricted."""
    names = ("ai", "rayscribe", "nvidia-device-plugin")
    for name in names:
        live.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    live.run("label", "namespace", "rayscribe", "pod-security.kubernetes.io/enforce=restricted")
    yield live
    for name in names:
        live.run("delete", "namespace", name, "--wait=false")


def objects(text: str) -> list[Manifest]:
    return [one for one in yaml.load_all(text, Loader) if one]


@pytest.mark.parametrize("overlay", render.overlays())
def test_rendered_files_are_accepted_as_they_stand(namespaces: Kube, overlay: str):
    found = objects(render.rendered(overlay).read_text(encoding="utf-8"))
    accepted(namespaces, found)
    tables.note(f"`rendered/{overlay}.yaml`, server-side dry run", f"{len(found)} objects accepted")


@pytest.mark.parametrize("overlay", render.overlays())
def test_overlays_are_accepted(namespaces: Kube, overlay: str):
    accepted(namespaces, kube.overlay(overlay))


def accepted(live: Kube, found: list[Manifest]) -> None:
    """All at once, as a person applies them; what has no definition here is named by the server."""
    known = [one for one in found if one["kind"] not in FOREIGN]
    live.apply(known, "--dry-run=server", "--validate=strict")
    for one in found:
        if one["kind"] in FOREIGN:
            text = yaml.safe_dump(one)
            place = live.within(one["metadata"].get("namespace", "default"))
            tried = place.tried("apply", "--server-side", "--dry-run=server", "-f", "-", text=text)
            missing = "no matches for kind" in tried.stderr and "ensure CRDs" in tried.stderr
            assert tried.returncode == 0 or missing, tried.stderr


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "upgradeStrategi",
            {"type": "NewCluster"},
            ".spec.upgradeStrategi: field not declared in schema",
        ),
        (
            "rayClusterDeletionDelaySeconds",
            "soon",
            ".spec.rayClusterDeletionDelaySeconds: expected numeric",
        ),
        ("managedBy", "somebody", "managedBy field value must be"),
    ],
)
def test_a_planted_error_is_refused_with_its_name(live: Kube, field: str, value: object, said: str):
    [service] = [one for one in kube.overlay("dev") if one["kind"] == "RayService"]
    service["spec"][field] = value
    words = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
    tried = live.tried(*words, text=yaml.safe_dump(service))
    assert tried.returncode != 0
    assert said in tried.stderr


def test_a_pod_that_wants_rights_is_refused_where_the_namespace_is_restricted(namespaces: Kube):
    pod = yaml.safe_load((HERE / "manifests/reader.yaml").read_text(encoding="utf-8"))
    pod["metadata"]["namespace"] = "rayscribe"
    words = ("apply", "--server-side", "--dry-run=server", "-f", "-")
    tried = namespaces.within("rayscribe").tried(*words, text=yaml.safe_dump(pod))
    assert 'violates PodSecurity "restricted' in tried.stderr
