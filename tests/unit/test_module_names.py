"""Names of modules and files that stand in strings, comments, configuration and documents exist.

A rename does not break them where they are written: Ray, vLLM, Python's -m, setuptools, ruff and
import-linter look them up by name, some of them only on a cluster.
"""

from __future__ import annotations

import ast
import functools
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_process import ROOT

PACKAGES = ("pipeline", "serving", "jobs")
PYTHON = (*PACKAGES, "tests", "benchmarks", "samples", "k8s")
TEXTS = (
    "README.md",
    "CONTRIBUTING.md",
    "k8s/README.md",
    "Makefile",
    "Dockerfile",
    "pyproject.toml",
)
NAME = re.compile(r"(?<![\w./-])(?:pipeline|serving|jobs)(?:\.[A-Za-z_]\w*)+(?::\w+)?")
PATH = re.compile(
    r"(?<![\w./-])(?:pipeline|serving|jobs|tests|benchmarks|k8s|samples)/[\w./-]*\w\.(?:py|ya?ml|md)\b"
)
PLACEHOLDERS = {"jobs.NAME"}
MADE_UP = {Path(__file__).name, "test_k8s_code.py"}
"""Tests that write about modules which do not exist."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def texts() -> Iterator[tuple[str, str]]:
    """Files of the project with all in them that is no Python code."""
    for folder in PYTHON:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.name not in MADE_UP:
                yield str(path.relative_to(ROOT)), strings(path)
    # What `make k8s` generates is compared with the folders by the tests of the deployments.
    manifests = (ROOT / "k8s").rglob("*.yaml")
    written = [
        path for path in manifests if "rendered" not in path.parts and path.name != "mount.yaml"
    ]
    for path in (*written, *(ROOT / name for name in TEXTS)):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def strings(path: Path) -> str:
    kinds = (tokenize.STRING, tokenize.COMMENT)
    with tokenize.open(path) as file:
        tokens = tokenize.generate_tokens(file.readline)
        found = "\n".join(token.string for token in tokens if token.type in kinds)
    return found.replace(r"\.", ".")  # in regular expressions


@functools.cache
def names_in(module: Path) -> set[str]:
    """The names that a module defines or imports."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def resolves(name: str) -> bool:
    """Whether `package.module`, `package.module.name` or `package.module:name` exists."""
    parts = re.split(r"[.:]", name.removesuffix(".py"))
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        module = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if module.is_file():
            return length == len(parts) or parts[length] in names_in(module)
    return False


def test_names_of_modules_resolve():
    stale = [
        f"{file}: {name}"
        for file, text in texts()
        for name in NAME.findall(text)
        if name not in PLACEHOLDERS and not resolves(name)
    ]
    assert stale == []


def test_paths_of_files_exist():
    stale = [
        f"{file}: {path}"
        for file, text in texts()
        for path in PATH.findall(text)
        if not (ROOT / path).exists()
    ]
    assert stale == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("pipeline/documents/sandbox", r"pipeline\.documents\.sandbox\.worker"),
        ("pipeline/vllm_plugin", r"pipeline\.vllm_plugin\.ngram_rule\.processor:\w+"),
        ("pipeline/vllm_plugin", r"pipeline\.vllm_plugin\.ngram_rule\.v2:\w+"),
        ("k8s/base", r"serving\.app:build"),
        ("k8s/base", r"jobs\.ocr"),
    ],
)
def test_what_is_loaded_by_name_is_among_them(folder: str, name: str):
    """The scan above sees the names that matter: one that it missed could be stale unnoticed."""
    found = {one for file, text in texts() if file.startswith(folder) for one in NAME.findall(text)}
    assert [one for one in found if re.fullmatch(name, one)]


@pytest.mark.parametrize("name", ["pipeline.gone", "serving.app:gone", "pipeline.config.Gone"])
def test_a_stale_name_is_found(name: str):
    assert NAME.fullmatch(name)
    assert not resolves(name)


def test_the_packages_are_the_folders():
    folders = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == folders


def test_exemptions_of_the_linter_are_for_files_that_exist():
    patterns = PROJECT["tool"]["ruff"]["lint"]["per-file-ignores"]
    assert [pattern for pattern in patterns if not list(ROOT.glob(pattern))] == []


def test_every_contract_on_imports_names_modules_that_exist():
    [*contracts] = PROJECT["tool"]["importlinter"]["contracts"]
    assert len(contracts) > 5
    for contract in contracts:
        prefixes = [f"{one}." for one in contract.get("containers", [])] or [""]
        keys = ("layers", "protected_modules", "allowed_importers", "exhaustive_ignores")
        names = {
            prefix + one for prefix in prefixes for key in keys for one in contract.get(key, [])
        }
        ours = {name for name in names if name.split(".")[0] in PACKAGES}
        assert [name for name in ours if not resolves(name)] == [], contract["name"]


def test_the_console_scripts_exist():
    assert [name for name in PROJECT["project"]["scripts"].values() if not resolves(name)] == []


def test_the_entry_points_of_plugins_exist():
    groups = PROJECT["project"]["entry-points"].values()
    assert [name for group in groups for name in group.values() if not resolves(name)] == []
