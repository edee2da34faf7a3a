"""The image for GPUs, as far as it can be run without one: `make test-image-gpu`.

PyTorch and vLLM are imported, and compile; their kernels need a GPU and its driver.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import image_modules
from tests.support.image_container import Container, of_image

ROOT = Path(__file__).parents[3]
NAME = "rayscribe:0.1.0-gpu"
LOCK = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements-gpu.lock").read_text(), re.M))
NEWER_VLLM = "vllm.v1.worker.gpu.sample.logits_processor"
"""Of vLLM 0.31, for which `vllm_plugin` has a part too."""
OF_THE_DRIVER = {"libcuda.so.1", "libnvidia-ml.so.1"}
"""The node brings them, with NVIDIA's container toolkit."""
OPTIONAL = re.compile(
    r"lib(av\w+|sw\w+|fabric|heif|ibverbs|mlx5|mpi|oshmem|pmix|rdmacm|tbb|ucp|ucs)\.so\.\d+"
)
"""What parts of packages are built for that are tried and left: FFmpeg (torchcodec), HEIF, networks
between nodes (NVSHMEM), threads (Numba)."""


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with of_image(NAME, tmp_path_factory.mktemp("bundle")) as container:
        yield container


def python(gpu: Container, program: str) -> str:
    """What a program prints last."""
    done = gpu.run("python", "-", text=program)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def bash(gpu: Container, script: str) -> str:
    done = gpu.run("bash", "-euc", script)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout.strip()


def test_every_module_is_imported_as_a_user_without_rights(gpu: Container):
    assert bash(gpu, "id --user") == "1000"
    image_modules.check(python(gpu, image_modules.PROGRAM), {NEWER_VLLM}, {"vllm_plugin"})


def test_the_root_file_system_cannot_be_written(gpu: Container):
    tried = gpu.run("touch", "/app/x")
    assert tried.returncode != 0
    assert "Read-only file system" in tried.stderr


def test_the_commands_are_there(gpu: Container):
    bash(gpu, "which bash wget ray gcc g++")
    assert "--output" in bash(gpu, "python -m jobs.ocr --help")
    assert "version" in bash(gpu, "ray --version")
    own = (ROOT / "k8s/image/ray_command.py").read_text(encoding="utf-8")
    assert bash(gpu, 'cat "$(which ray)"') == own.strip()


VERSIONS = """
import json, torch, triton, vllm
from vllm import AsyncEngineArgs
from vllm.v1.engine.async_llm import AsyncLLM
names = [AsyncEngineArgs.__name__, AsyncLLM.__name__]
found = {each.__name__: each.__version__ for each in (torch, triton, vllm)}
print(json.dumps([names, found, torch.version.cuda, torch.cuda.is_available()]))
"""


def test_vllm_and_pytorch_are_those_of_the_lock_and_for_cuda(gpu: Container):
    names, found, cuda, is_available = json.loads(python(gpu, VERSIONS))
    assert names == ["AsyncEngineArgs", "AsyncLLM"]
    locked = {name: LOCK[name] for name in found}
    assert {name: version.partition("+")[0] for name, version in found.items()} == locked
    assert cuda.split(".")[0] == LOCK["cuda-toolkit"].split(".")[0]
    assert is_available is False, "no GPU was given to the container"


LINKED = r"""
for file in $(find / -xdev -type f \( -name "*.so" -o -name "*.so.*" \) -size +0); do
    readelf --dynamic "$file" 2>/dev/null | sed -n "s/.*(NEEDED).*\[\(.*\)\]/\1/p"
done | sort --unique >/tmp/needed
find / -xdev -name "*.so*" -printf "%f\n" | sort --unique >/tmp/found
comm -23 /tmp/needed /tmp/found
"""


def test_what_was_deleted_is_linked_by_nothing(gpu: Container):
    missing = set(bash(gpu, LINKED).split())
    assert "libcuda.so.1" in missing
    assert not {name for name in missing - OF_THE_DRIVER if not OPTIONAL.fullmatch(name)}


C_SOURCE = "#include <Python.h>\nint answer(void) { return PY_MAJOR_VERSION; }\n"


def test_c_is_compiled_with_pythons_headers(gpu: Container):
    """Triton writes such a file for each kernel."""
    include = python(gpu, "import sysconfig; print(sysconfig.get_path('include'))")
    flags = f"-shared -fPIC -I{include}"
    bash(gpu, f"printf '%s' '{C_SOURCE}' >/tmp/a.c; gcc {flags} /tmp/a.c -o /tmp/a.so")


CUDA_SOURCE = """#include <cuda_fp16.h>
__global__ void twice(__half* x) { x[threadIdx.x] = x[threadIdx.x] + x[threadIdx.x]; }
void launch(__half* x) { twice<<<1, 32>>>(x); }
"""
FOLDER = "import nvidia.cu13 as found; print(*found.__path__)"


@pytest.mark.parametrize("architecture", ["sm_86", "sm_90a"])
def test_cudas_compiler_of_the_wheels_compiles_and_links(gpu: Container, architecture: str):
    """TileLang finds it there."""
    nvcc = f"{python(gpu, FOLDER)}/bin/nvcc -arch={architecture} --shared -Xcompiler -fPIC"
    bash(gpu, f"printf '%s' '{CUDA_SOURCE}' >/tmp/a.cu; {nvcc} /tmp/a.cu -o /tmp/a.so")


def test_flashinfer_is_not_asked_to_compile_its_sampler(gpu: Container):
    """It wants CUDA in one folder, with `lib64`; vLLM would take it unless told not to."""
    path = "import flashinfer.jit.cpp_ext as found; print(found.get_cuda_path())"
    tried = gpu.run("python", "-c", path)
    assert "Could not find nvcc" in tried.stderr
    used = "import vllm.envs as found; print(found.VLLM_USE_FLASHINFER_SAMPLER)"
    assert python(gpu, used) == "False"


@pytest.mark.parametrize("package", ["flashinfer", "tilelang"])
def test_without_a_home_that_can_be_written_it_is_said_why(gpu: Container, package: str):
    tried = gpu.run("env", "HOME=/home/ray", "python", "-c", f"import {package}")
    assert "Read-only file system" in tried.stderr
    assert gpu.run("python", "-c", f"import {package}").returncode == 0
    assert "`Read-only file system` from" in (ROOT / "k8s/README.md").read_text()


def test_the_size_is_what_the_readme_says(gpu: Container):
    size = int(bash(gpu, "du --summarize --one-file-system --block-size=1 / || true").split()[0])
    said = re.search(r"make image-gpu .*?([\d.]+) GB", (ROOT / "k8s/README.md").read_text())
    assert said
    assert size / 1e9 == pytest.approx(float(said[1]), rel=0.05)
