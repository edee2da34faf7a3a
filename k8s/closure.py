"""Finds the modules that the online service needs, for the way of deploying without an image.

``python k8s/closure.py`` writes three files that the component `configmap-code` is made of:

- ``pipeline/kustomization.yaml`` and ``serving/kustomization.yaml``: which files go into the
  ConfigMap. kustomize reads the files themselves, so the ConfigMap cannot drift from the code;
  only this list can, and a test compares it.
- ``k8s/components/configmap-code/mount.yaml``: where each of them is put. A key of a ConfigMap has
  no slash; the volume's `items` put the folders back.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = "serving.app"
"""What Serve imports."""
PACKAGES = ("pipeline", "serving")
NAME = "rayscribe-code"
_MODULE = re.compile(r"(?:pipeline|serving)(?:\.\w+)+")
_HEADER = "# Written by k8s/closure.py (make k8s).\n"


def closure(root: Path = ROOT, entry: str = ENTRY) -> list[Path]:
    """The files of our own that importing and running `entry` can want, relative to `root`.

    A module that is named in a string counts too: a child process and vLLM's plugins are started
    by such names. Docstrings do not count.
    """
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        for path in _files(root, waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _wanted(root / path)
    return sorted(found)


def _files(root: Path, module: str) -> Iterator[Path]:
    """The file of a module and those of the packages above it; nothing for what is not ours."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return
    for length in range(1, len(parts) + 1):
        stem = Path(*parts[:length])
        for path in (stem / "__init__.py", stem.with_suffix(".py")):
            if (root / path).is_file():
                yield path


def _wanted(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation: set[ast.AST] = set(_documentation(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif node in documentation:
            continue
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _MODULE.findall(node.value)


def _documentation(tree: ast.AST) -> Iterator[ast.Constant]:
    """The strings that stand alone: docstrings name modules that they do not need."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


def key(path: Path) -> str:
    """The key of a file in the ConfigMap: its path with dots for slashes."""
    return ".".join(path.parts)


def component(package: str, files: list[Path]) -> str:
    """The kustomization beside a package: the only place from which kustomize reads its files."""
    first = package == PACKAGES[0]
    lines = [
        "# The package as part of a ConfigMap, for k8s/components/configmap-code.",
        "apiVersion: kustomize.config.k8s.io/v1alpha1",
        "kind: Component",
        "configMapGenerator:",
        f"- name: {NAME}",
        f"  behavior: {'create' if first else 'merge'}",
        "  options:",
        "    # Flux would take every ${X} in the code for a variable of its own.",
        "    annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}",
        "  files:",
    ]
    inside = [path for path in files if path.parts[0] == package]
    lines += [f"  - {key(path)}={path.relative_to(package)}" for path in inside]
    return _HEADER + "\n".join(lines) + "\n"


def mount(files: list[Path]) -> str:
    """The patch that puts the files at /app on the head and on the workers."""
    items = [f"      - {{key: {key(path)}, path: {path}}}" for path in files]
    lines = []
    for group in ("headGroupSpec", "workerGroupSpecs/0"):
        pod = f"/spec/rayClusterConfig/{group}/template/spec"
        lines += [
            *("- op: add", f"  path: {pod}/volumes/-", "  value:", "    name: code"),
            *("    configMap:", f"      name: {NAME}", "      items:", *items),
            *("- op: add", f"  path: {pod}/containers/0/volumeMounts/-"),
            "  value: {name: code, mountPath: /app, readOnly: true}",
        ]
    return _HEADER + "\n".join(lines) + "\n"


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Every generated file, relative to `root`, with what has to be in it."""
    files = closure(root)
    written = {Path(name, "kustomization.yaml"): component(name, files) for name in PACKAGES}
    return written | {Path("k8s/components/configmap-code/mount.yaml"): mount(files)}


def main() -> int:
    """Write what is generated."""
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
