"""The project's image, as an archive for the cluster.

    python -m tests.integration.k8s_live.image

builds those that are not there yet, ahead of the tests; not for a cluster that KUBECONFIG names.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.integration.k8s_live.kube import HERE, ROOT

CACHE = Path(os.environ.get("RAYSCRIBE_CACHE", "~/.cache/rayscribe")).expanduser()
"""The cluster's programs and images are kept here from one run to the next."""
NAME = "docker.io/library/rayscribe:0.1.0-cpu"
OTHER_NAMES = (
    "registry.example.com/rayscribe:0.1.0-gpu-runtime",
    "registry.example.com/rayscribe:0.1.0-gpu",
)
"""What the overlays for GPUs call theirs. Here it is the same image: its code is hidden where the
code comes in ConfigMaps, and engines that need no GPU are chosen."""


REDIS = "docker.io/library/redis:7.4-bookworm"
VLLM = "docker.io/library/rayscribe:0.1.0-cpu-vllm"
BASE = "localhost/rayscribe-base:bookworm-clean"
"""What `k8s/image/build.sh` made if it reached no registry."""


def archive(cache: Path) -> Path:
    """Build the image, unless it was built from the same files."""
    path = cache / f"rayscribe-{_digest(_files())}.tar"
    if not path.exists():
        for old in cache.glob("rayscribe-*.tar"):
            old.unlink()
        name = NAME.rpartition("/")[2]
        command = [ROOT / "k8s/image/build.sh", "cpu", name, path]
        subprocess.run(command, cwd=ROOT, check=True)
    return path


def redis_archive(cache: Path) -> Path:
    """Debian's Redis, for a cluster that cannot pull the one of `gcs-fault-tolerance`."""
    path = cache / "redis.tar"
    if not path.exists():
        name = REDIS.rpartition("/")[2]
        command = ["buildah", "bud", "--quiet", "--isolation=chroot", "--network=host"]
        if not subprocess.run(["buildah", "inspect", BASE], capture_output=True).returncode:
            command.append(f"--build-arg=BASE={BASE}")
        command += [f"--tag={name}", f"--file={HERE / 'redis.Dockerfile'}", str(HERE)]
        subprocess.run(command, check=True)
        subprocess.run(["buildah", "push", "-q", name, f"docker-archive:{path}:{name}"], check=True)
    return path


def vllm_archive(cache: Path) -> Path:
    """vLLM's build for the CPU beside what the project needs, without the project's code."""
    lane = ROOT / "tests/integration/vllm"
    parts = [lane / name for name in ("requirements.txt", "models.py", "sitecustomize.py")]
    recipe = HERE / "vllm.Dockerfile"
    path = cache / f"vllm-{_digest([*parts, recipe, ROOT / 'requirements.lock', *_BUILD])}.tar"
    if not path.exists():
        for old in cache.glob("vllm-*.tar"):
            old.unlink()
        name, base = VLLM.rpartition("/")[2], "rayscribe:0.1.0-cpu-runtime"
        subprocess.run([ROOT / "k8s/image/build.sh", "cpu-runtime", base], cwd=ROOT, check=True)
        wheels = (cache / "wheels").resolve()
        # By this machine's pip, as its indexes are known to it.
        wanted = ("--no-deps", "--only-binary=:all:", "--python-version=3.11")
        download = (sys.executable, "-m", "pip", "download", "--quiet", *wanted)
        subprocess.run([*download, f"--requirement={parts[0]}", f"--dest={wheels}"], check=True)
        build = ["buildah", "bud", "--quiet", "--isolation=chroot", "--network=host"]
        build += [f"--build-arg=BASE={base}", f"--volume={wheels}:/wheels:ro", f"--tag={name}"]
        subprocess.run([*build, f"--file={recipe}", str(lane)], check=True)
        subprocess.run(["buildah", "push", "-q", name, f"docker-archive:{path}:{name}"], check=True)
    return path


_BUILD = (
    ROOT / "Dockerfile",
    *(ROOT / "k8s/image" / name for name in ("build.sh", "trim.py", "ray_command.py")),
)


def _files() -> list[Path]:
    """All that the image is made from."""
    names = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    parts = [ROOT / name.removeprefix("!") for name in names if name.startswith("!")]
    files = [path for part in parts for path in ([part] if part.is_file() else part.rglob("*"))]
    wanted = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    return [*wanted, *_BUILD[:2]]


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__" and not os.environ.get("KUBECONFIG"):
    CACHE.mkdir(parents=True, exist_ok=True)
    for build in (archive, redis_archive, vllm_archive):
        print(build(CACHE))
