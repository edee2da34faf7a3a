"""Finds the files that the online service needs, for the way of deploying without an image.

``python k8s/closure.py`` writes three files that the component `configmap-code` is made of:

- ``pipeline/kustomization.yaml`` and ``serving/kustomization.yaml``: which files go into which
  ConfigMap. kustomize reads the files themselves, so the ConfigMaps cannot drift from the code;
  only these lists can, and a test compares them.
- ``k8s/components/configmap-code/mount.yaml``: where each of them is put. A key of a ConfigMap has
  no slash; the volume's `items` put the folders back.

A ConfigMap holds 1 MiB, the code is about as long: it is divided by folder, so that a longer module
moves no other one from one ConfigMap to the next.
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
CONFIG_MAPS = {
    "pipeline/engines": "rayscribe-code-engines",
    "pipeline/vllm_plugin": "rayscribe-code-engines",
    "pipeline": "rayscribe-code-pipeline",
    "serving": "rayscribe-code",
}
"""The ConfigMap of each folder; the first folder that a file lies in decides."""
CONFIG_MAP_BYTES = 2**20
"""What the API server takes."""
DATA = (".css", ".html", ".js", ".json", ".svg")
"""Files beside a package's modules that its modules may open."""
_MODULE = re.compile(r"(?:pipeline|serving)(?:\.\w+)+")
_HEADER = "# Written by k8s/closure.py (make k8s).\n"


def closure(root: Path = ROOT, entry: str = ENTRY) -> list[Path]:
    """The files of our own that importing and running `entry` can want, relative to `root`.

    A module that is named in a string counts too: a child process and vLLM's plugins are started
    by such names. Docstrings do not count. A package brings its data files.
    """
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        for path in _files(root, waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += _wanted(root / path)
    return sorted(found | set(_data(root, found)))


def _data(root: Path, modules: set[Path]) -> Iterator[Path]:
    """The data files of the packages among `modules`."""
    for package in (path.parent for path in modules if path.name == "__init__.py"):
        for path in (root / package).rglob("*"):
            if path.suffix in DATA and _package(root, path) == root / package:
                yield path.relative_to(root)


def _package(root: Path, path: Path) -> Path:
    """The package that a file belongs to: folders without an `__init__.py` are part of it."""
    parents = (folder for folder in path.parents if folder != root)
    return next(folder for folder in parents if (folder / "__init__.py").is_file())


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
    """The key of a file in its ConfigMap: its path with dots for slashes."""
    return ".".join(path.parts)


def config_map(path: Path) -> str:
    """The name of the ConfigMap that a file goes into."""
    return next(name for folder, name in CONFIG_MAPS.items() if path.is_relative_to(folder))


def divided(files: list[Path]) -> dict[str, list[Path]]:
    """The files of each ConfigMap, by its name."""
    names = dict.fromkeys(CONFIG_MAPS.values())
    parts = {name: [path for path in files if config_map(path) == name] for name in names}
    return {name: inside for name, inside in parts.items() if inside}


def check_sizes(parts: dict[str, list[Path]], root: Path = ROOT) -> None:
    """Refuse what the API server would refuse.

    Raises:
        ValueError: The files of a ConfigMap are together larger than it may be.
    """
    for name, files in parts.items():
        size = sum((root / path).stat().st_size for path in files)
        if size >= CONFIG_MAP_BYTES:
            raise ValueError(
                f"{name} would hold {size} bytes, a ConfigMap holds {CONFIG_MAP_BYTES}: give some "
                "of its folders a ConfigMap of their own in CONFIG_MAPS (k8s/closure.py)"
            )


def component(package: str, parts: dict[str, list[Path]]) -> str:
    """The kustomization beside a package: the only place from which kustomize reads its files."""
    lines = [
        "# The package as ConfigMaps, for k8s/components/configmap-code.",
        "apiVersion: kustomize.config.k8s.io/v1alpha1",
        "kind: Component",
        "configMapGenerator:",
    ]
    for name, files in parts.items():
        if files[0].parts[0] == package:
            lines += _generator(name, package, files)
    return _HEADER + "\n".join(lines) + "\n"


def _generator(name: str, package: str, files: list[Path]) -> list[str]:
    return [
        f"- name: {name}",
        "  options:",
        "    # Flux would take every ${X} in the code for a variable of its own.",
        "    annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}",
        "  files:",
        *(f"  - {key(path)}={path.relative_to(package)}" for path in files),
    ]


def mount(parts: dict[str, list[Path]]) -> str:
    """The patch that puts the files at /app on the head and on the workers."""
    sources = []
    for name, files in parts.items():
        sources += ["      - configMap:", f"          name: {name}", "          items:"]
        sources += [f"          - {{key: {key(path)}, path: {path}}}" for path in files]
    lines = []
    for group in ("headGroupSpec", "workerGroupSpecs/0"):
        pod = f"/spec/rayClusterConfig/{group}/template/spec"
        lines += [
            *("- op: add", f"  path: {pod}/volumes/-", "  value:", "    name: code"),
            *("    projected:", "      sources:", *sources),
            *("- op: add", f"  path: {pod}/containers/0/volumeMounts/-"),
            "  value: {name: code, mountPath: /app, readOnly: true}",
        ]
    return _HEADER + "\n".join(lines) + "\n"


def generated(root: Path = ROOT) -> dict[Path, str]:
    """Every generated file, relative to `root`, with what has to be in it.

    Raises:
        ValueError: A ConfigMap would be too large.
    """
    parts = divided(closure(root))
    check_sizes(parts, root)
    written = {Path(name, "kustomization.yaml"): component(name, parts) for name in PACKAGES}
    return written | {Path("k8s/components/configmap-code/mount.yaml"): mount(parts)}


def main() -> int:
    """Write what is generated."""
    for path, text in generated().items():
        (ROOT / path).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
