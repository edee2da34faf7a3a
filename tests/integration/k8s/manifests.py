"""What the overlays become, as Python values; read once in a test run."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from k8s import render

Manifest = dict[str, Any]
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROOT = Path(__file__).parents[3]
OVERLAYS = render.overlays()
CLUSTER = {
    "RayCluster": ("spec",),
    "RayService": ("spec", "rayClusterConfig"),
    "RayJob": ("spec", "rayClusterSpec"),
}
"""Where each of Ray's kinds has the spec of its cluster."""


@functools.cache
def text(overlay: str) -> str:
    return render.kustomize(overlay)


@functools.cache
def _parsed(overlay: str) -> str:
    documents = yaml.load_all(text(overlay), Loader)
    return json.dumps([one for one in documents if one])


def load(overlay: str) -> list[Manifest]:
    """All objects of an overlay; a copy that a test may spoil."""
    return json.loads(_parsed(overlay))


def everything() -> Iterator[tuple[str, Manifest]]:
    for overlay in OVERLAYS:
        yield from ((overlay, one) for one in load(overlay))


def of_kind(kind: str, overlay: str = "") -> list[Manifest]:
    return [
        one
        for name, one in everything()
        if one["kind"] == kind and (not overlay or name == overlay)
    ]


def one(kind: str, overlay: str, name: str = "") -> Manifest:
    [found] = [
        each for each in of_kind(kind, overlay) if not name or each["metadata"]["name"] == name
    ]
    return found


def cluster(manifest: Manifest) -> Manifest:
    spec = manifest
    for key in CLUSTER[manifest["kind"]]:
        spec = spec[key]
    return spec


@dataclass(frozen=True)
class Pod:
    """A pod template of a Ray cluster.

    Attributes:
        group: `head`, `submitter` or the name of the worker group.
        template: The template.
    """

    group: str
    template: Manifest

    @property
    def spec(self) -> Manifest:
        return self.template["spec"]

    @property
    def ray(self) -> Manifest:
        """KubeRay takes the first container for Ray's."""
        return self.spec["containers"][0]


def pods(manifest: Manifest) -> list[Pod]:
    """Every pod template of a Ray kind."""
    spec = cluster(manifest)
    found = [Pod("head", spec["headGroupSpec"]["template"])]
    found += [
        Pod(group["groupName"], group["template"]) for group in spec.get("workerGroupSpecs") or []
    ]
    if submitter := manifest["spec"].get("submitterPodTemplate"):
        found.append(Pod("submitter", submitter))
    return found


def serve_config(service: Manifest) -> Manifest:
    config = yaml.load(service["spec"]["serveConfigV2"], Loader)
    assert isinstance(config, dict)
    return config
