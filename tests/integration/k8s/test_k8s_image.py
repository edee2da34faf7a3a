"""What is taken out of an image, and what is said where a live cluster cannot be started."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from k8s.image import ray_command, trim
from tests.integration.k8s.manifests import ROOT
from tests.support.one_node import archives, preflight, programs


def packages(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    return folder


def test_tests_and_what_compilers_read_go_and_the_rest_stays(tmp_path: Path):
    of_that_name = str(Path("tests", "a.py"))
    kept = ["ray/__init__.py", of_that_name, "pandas/testing/a.py", "a/__init__.py"]
    gone = ["pandas/tests/io/test_a.py", "a/b/c.pyi", "a/lib.a", "ray/jars/ray.jar"]
    packages(tmp_path, *kept, *gone)
    assert trim.trim(tmp_path) == 5 * len(gone)
    assert sorted(str(one.relative_to(tmp_path)) for one in files(tmp_path)) == sorted(kept)


def test_what_cudas_compiler_links_with_stays(tmp_path: Path):
    kept = ["nvidia/cu13/lib/libcudart_static.a", "nvidia_cutlass_dsl/cu13/lib/libcute.so"]
    gone = ["nvidia/cu13/lib/libcusolverMg.so.12", "nvidia_cutlass_dsl/cu12/lib/libcute.so"]
    packages(tmp_path, *kept, *gone)
    trim.trim(tmp_path)
    assert sorted(str(one.relative_to(tmp_path)) for one in files(tmp_path)) == sorted(kept)


def files(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


def test_credentials_and_s3_stay_of_the_descriptions_of_services(tmp_path: Path):
    names = [f"botocore/data/{one}/2006/service-2.json" for one in ("s3", "sts", "ec2")]
    packages(tmp_path, *names, "botocore/data/endpoints.json")
    trim.trim(tmp_path)
    assert {one.relative_to(tmp_path).parts[2] for one in files(tmp_path)} == {
        "s3",
        "sts",
        "endpoints.json",
    }


def ray(*arguments: str, flag: str = "-B") -> str:
    """What the image's command `ray` and Python, which runs it with a flag, print."""
    script = ROOT / "k8s/image/ray_command.py"
    command = [sys.executable, flag, script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


CALLS: tuple[tuple[str, ...], ...] = (("health-check",), ())


def imported(said: str) -> set[str]:
    """The modules in what `-X importtime` printed, but for those that were refused at once."""
    lines = re.findall(r"^import time: +\d+ \| +(\d+) \| +(\S+)$", said, re.MULTILINE)
    return {name for microseconds, name in lines if int(microseconds) > 50}


def test_a_health_check_imports_no_other_commands():
    """KubeRay runs it before each worker, on a fifth of a CPU."""
    short, long = (imported(ray(*words, "--help", flag="-Ximporttime")) for words in CALLS)
    assert "ray.scripts.scripts" in short
    assert set(ray_command.UNUSED) <= long, "Ray's commands have other modules now"
    assert not [name for name in short if name.startswith(("ray.serve.", "fastapi", "pandas"))]
    assert len(short) < len(long) * 0.7


def test_all_other_commands_are_rays_own():
    own = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = own.stdout.partition("Commands:")[2]
    assert "job " in listed
    assert ray("--help").partition("Commands:")[2] == listed


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, str]:
    """The versions in a lock, by the names of the packages; each has hashes."""
    entries = re.split(r"^(?=\S)", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for entry in entries:
        if match := re.match(r"([\w.-]+)==(\S+)", entry):
            assert "--hash=sha256:" in entry, f"{name}: {match[1]} has no hash"
            found[canonicalize_name(match[1])] = match[2]
    return found


@pytest.mark.parametrize(
    ("lock", "extras", "stage"),
    [
        ("requirements.lock", ["orientation"], "cpu"),
        ("requirements-gpu.lock", ["orientation", "gpu"], "gpu"),
    ],
)
def test_the_lock_of_an_image_has_what_the_project_asks_for(
    lock: str, extras: list[str], stage: str
):
    versions = locked(lock)
    optional = PYPROJECT["optional-dependencies"]
    asked = PYPROJECT["dependencies"] + [line for extra in extras for line in optional[extra]]
    for requirement in map(Requirement, asked):
        version = versions[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{lock}: {requirement.name} {version}"
    runtime = re.search(
        rf"^FROM base AS {stage}-runtime$(.*?)^FROM", DOCKERFILE, re.MULTILINE | re.DOTALL
    )
    assert runtime
    assert f"COPY {lock} " in runtime[1]
    assert f"--no-deps --require-hashes --requirement /tmp/{lock}" in runtime[1]
    assert f"\nFROM {stage}-runtime AS {stage}\n" in DOCKERFILE


def test_the_images_have_the_same_ray_and_the_python_that_the_locks_are_for():
    cpu, gpu = locked("requirements.lock"), locked("requirements-gpu.lock")
    assert gpu["ray"] == cpu["ray"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    python = re.search(r"--python-version (\S+)", makefile)
    assert python
    assert f"\nARG BASE=python:{python[1]}-slim-" in DOCKERFILE
    assert f"/usr/lib/python{python[1]}/" in (ROOT / "k8s/image/build.sh").read_text()


def test_the_image_for_gpus_keeps_the_cuda_that_its_pytorch_is_built_for():
    major = locked("requirements-gpu.lock")["cuda-toolkit"].partition(".")[0]
    assert major == "13", "trim.py deletes what is for CUDA 12 and keeps what is for 13"


def test_the_script_that_builds_is_valid_and_knows_the_base_of_the_dockerfile():
    script = ROOT / "k8s/image/build.sh"
    subprocess.run(["bash", "-n", script], check=True)
    base = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base
    assert "s/^ARG BASE=//p" in script.read_text()


def test_without_the_programs_of_a_cluster_it_is_said_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(programs, "FOLDER", tmp_path)
    monkeypatch.setattr(programs.shutil, "which", lambda name: None)
    said = programs.missing()
    for phrase in (
        "KUBECONFIG=... make test-k8s-live",
        "etcd, kube, coredns, kuberay-operator",
        "RAYSCRIBE_K8S",
        "apt-get install --no-install-recommends",
        "containerd",
    ):
        assert phrase in said


def test_the_preflight_says_what_a_machine_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(preflight.programs, "missing", lambda: "")
    monkeypatch.setattr(preflight, "_INSIDE", ())
    tried = {"a bridge": "echo not permitted >&2; false", "mounts": "true", "forwarding": "exit 3"}
    monkeypatch.setattr(preflight, "_TRIED", tried)
    monkeypatch.setattr(preflight, "_CGROUPS", tmp_path / "none")
    monkeypatch.setattr(preflight, "_MEMORY_GIB", 10**6)
    monkeypatch.setattr(preflight, "_DISK_GIB", 10**6)
    lines = list(preflight.problems(tmp_path / "cache"))
    assert [line.partition(":")[0] for line in lines] == [
        "a bridge",
        "forwarding",
        *["control groups"] * 3,
        "memory",
        "disk",
    ]
    assert lines[0].endswith("says not permitted")
    monkeypatch.setattr(preflight.programs, "missing", lambda: "containerd")
    assert list(preflight.problems(tmp_path)) == ["containerd"]


def test_an_archive_of_a_program_is_an_image(tmp_path: Path):
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    archive = archives.of_program(program, "localhost/program:1", 65535, "/bin/program")
    with tarfile.open(archive) as tar:
        assert set(tar.getnames()) == {"config.json", "manifest.json", "layer.tar"}
        layer = tar.extractfile("layer.tar")
        assert layer
        with tarfile.open(fileobj=layer) as inside:
            [member] = inside.getmembers()
    assert (member.name, member.mode) == ("bin/program", 0o755)
