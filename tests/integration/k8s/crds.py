"""The API server's own checks of a custom resource, done with KubeRay's CRDs and no server.

In its order: defaults, unknown fields, the schema, unique keys of lists, CEL rules. The CRDs are
KubeRay's and not part of this project: see `FOLDER`.
"""

from __future__ import annotations

import copy
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import jsonschema
import yaml

from tests.integration.k8s.manifests import ROOT, Loader, Manifest

FOLDER = Path(os.environ.get("RAYSCRIBE_CRDS") or ROOT.parent / "shared/k8s/crds")
HOW = """KubeRay's CRDs are missing in {folder}; RAYSCRIBE_CRDS names another folder. To fetch them:
  mkdir crds && cd crds && for kind in clusters jobs services cronjobs; do
    curl -fO https://raw.githubusercontent.com/ray-project/kuberay/v1.7.0/ray-operator/config/crd/bases/ray.io_ray$kind.yaml
  done"""
PLURAL = {"RayCluster": "rayclusters", "RayService": "rayservices", "RayJob": "rayjobs"}
_INT_RANGE = {"int32": 2**31, "int64": 2**63}


def missing() -> str:
    """How to get the CRDs where they are missing; empty where they are present."""
    there = all(_path(kind).is_file() for kind in PLURAL)
    return "" if there else HOW.format(folder=FOLDER)


def _path(kind: str) -> Path:
    return FOLDER / f"ray.io_{PLURAL[kind]}.yaml"


@functools.cache
def schema(kind: str, version: str = "v1") -> dict[str, Any]:
    """The schema of a kind."""
    path = _path(kind)
    crd = yaml.load(path.read_text(encoding="utf-8"), Loader)
    [found] = [each for each in crd["spec"]["versions"] if each["name"] == version]
    return found["schema"]["openAPIV3Schema"]


def problems(manifest: Manifest, old: Manifest | None = None) -> list[str]:
    """What the API server would answer to creating (or changing) this, one line each."""
    if manifest.get("apiVersion") != "ray.io/v1":
        return [f"apiVersion: {manifest.get('apiVersion')} is not ray.io/v1"]
    whole = schema(manifest["kind"])
    value = defaulted(copy.deepcopy(manifest), whole)
    found = [f"{path}: unknown field" for path in unknown(value, whole)]
    found += [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in _validator(manifest["kind"]).iter_errors(value)
    ]
    found += duplicates(value, whole)
    return found + cel_problems(value, whole, old)


@functools.cache
def _validator(kind: str) -> Any:
    checker = jsonschema.FormatChecker(formats=())
    for name, limit in _INT_RANGE.items():
        checker.checks(name)(functools.partial(_in_range, limit=limit))
    checker.checks("date-time")(lambda text: bool(re.match(r"\d{4}-\d\d-\d\dT", str(text))))
    return jsonschema.Draft4Validator(_as_json_schema(schema(kind)), format_checker=checker)


def _in_range(value: object, limit: int) -> bool:
    return not isinstance(value, int) or -limit <= value < limit


def _as_json_schema(node: Any) -> Any:
    """What differs from JSON Schema: `nullable`, and values that are numbers or strings."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    converted = {key: _as_json_schema(value) for key, value in node.items()}
    if node.get("x-kubernetes-int-or-string") is True:
        converted.pop("type", None)
        converted["type"] = ["integer", "string"]
    if node.get("nullable") is True and "type" in converted:
        kinds = converted["type"]
        converted["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]
    return converted


def defaulted(value: Any, node: dict[str, Any]) -> Any:
    """The value with the schema's defaults in it."""
    if isinstance(value, dict):
        for key, child in (node.get("properties") or {}).items():
            if key not in value and "default" in child:
                value[key] = copy.deepcopy(child["default"])
        for key, child in value.items():
            if (inner := _child(node, key)) is not None:
                value[key] = defaulted(child, inner)
    elif isinstance(value, list) and "items" in node:
        return [defaulted(each, node["items"]) for each in value]
    return value


def _child(node: dict[str, Any], key: str) -> dict[str, Any] | None:
    """The schema of a key; None where there is none."""
    inner = (node.get("properties") or {}).get(key, node.get("additionalProperties"))
    return inner if isinstance(inner, dict) else None


def unknown(value: Any, node: dict[str, Any], path: str = "") -> Iterator[str]:
    """Fields that the schema does not have: a server drops them, a strict client refuses them."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from unknown(each, node.get("items", {}), f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    free = node.get("x-kubernetes-preserve-unknown-fields") or node.get("additionalProperties")
    # The server knows these of every object; a CRD's schema says no more of them than "object".
    root = not path
    for key, child in value.items():
        inner = _child(node, key)
        if inner is not None:
            if not (root and key == "metadata"):
                yield from unknown(child, inner, f"{path}.{key}".lstrip("."))
        elif not free:
            yield f"{path}.{key}".lstrip(".")


def duplicates(value: Any, node: dict[str, Any], path: str = "") -> list[str]:
    """Lists that are maps or sets, in which a key comes twice."""
    found: list[str] = []
    if isinstance(value, list):
        found += _twice(value, node, path)
        for index, each in enumerate(value):
            found += duplicates(each, node.get("items", {}), f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, child in value.items():
            if (inner := _child(node, key)) is not None:
                found += duplicates(child, inner, f"{path}.{key}".lstrip("."))
    return found


def _twice(values: list[Any], node: dict[str, Any], path: str) -> list[str]:
    if node.get("x-kubernetes-list-type") == "map":
        keys = node["x-kubernetes-list-map-keys"]
        seen = [tuple(repr(each.get(key)) for key in keys) for each in values]
    elif node.get("x-kubernetes-list-type") == "set":
        seen = [(repr(each),) for each in values]
    else:
        return []
    return [f"{path}: {each} comes twice" for each in sorted(set(seen)) if seen.count(each) > 1]


def cel_problems(value: Any, node: dict[str, Any], old: Any = None, path: str = "") -> list[str]:
    """CEL rules that do not hold. Rules about changes are run where there is an old value."""
    found = []
    for rule in node.get("x-kubernetes-validations") or []:
        changes = "oldSelf" in rule["rule"]
        if changes and old is None:
            continue
        names = {"self": value} | ({"oldSelf": old} if changes else {})
        if cel.evaluate(rule["rule"], names) is not True:
            found.append(f"{path}: {rule['message']}")
    if isinstance(value, dict):
        for key, child in value.items():
            if (inner := _child(node, key)) is not None:
                before = old.get(key) if isinstance(old, dict) else None
                found += cel_problems(child, inner, before, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            found += cel_problems(each, node.get("items", {}), None, f"{path}[{index}]")
    return found
