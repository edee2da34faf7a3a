"""Deletes from the installed packages what no reader of documents needs, while an image is built.

In the same layer as the installation, or the image would not get smaller. What is deleted here must
not be imported by any module of ours: `tests/integration/k8s_live/test_live_image.py` imports them
all in the image.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PARTS = {
    "ray/jars": "for programs in Java",
    "ray/cpp": "for programs in C++",
    "ray/rllib": "reinforcement learning",
    "pyarrow/include": "headers for extensions",
    "pyarrow/libarrow_flight.so*": "a network protocol of its own",
    "pyarrow/libarrow_python_flight.so*": "the same",
    "pyarrow/_flight*": "the same",
    "pymupdf/mupdf-devel": "headers for extensions",
    "numpy/_core/include": "headers for extensions",
    "numpy/_core/lib": "the same",
    "cv2/data": "face detectors",
    "onnxruntime/quantization": "makes models, does not run them",
    "onnxruntime/tools": "the same",
    "onnxruntime/transformers": "the same",
    # Of the image for GPUs.
    "nvidia/cu13/lib/libcusolverMg.so*": "solvers for several GPUs; nothing is linked with it",
    "nvidia/cu13/lib/libnvrtc*.alt.so*": "a second build of the compiler beside it",
    "nvidia_cutlass_dsl/cu12": "for CUDA 12, where PyTorch's build is for 13",
    "nvidia_cutlass_dsl/dsl_packages/cutlass/_mlir/_mlir_libs/_cutlass_ir.cu12.*": "the same",
    "triton/backends/nvidia/lib/cupti": "Triton's profiler; PyTorch's has its own",
    "tokenspeed_triton/backends/amd/lib/libtriton_amd_codegen.so": "for GPUs of AMD",
    "vllm/vllm-rs": "a server in the place of Ray Serve's",
    "PyNvVideoCodec": "decodes videos",
    "torch/bin/protoc*": "a compiler",
}
"""Parts of packages, as patterns below the folder of packages, and what they are for."""
ONLY = {
    "botocore/data": ("*.json", "s3", "sso", "sso-oidc", "signin", "sts"),
}
"""Folders of which only this is needed: documents come from S3, with credentials from the others.
PyMuPDF's layout models, of which one is used, all stay: importing PyMuPDF opens them."""
EVERYWHERE = ("tests", "*.pyi", "*.pyx", "*.pxd", "*.a")
"""Names that are deleted in every package: tests, and what compilers and type checkers read."""
LINKED = ("nvidia/cu13/lib/*.a",)
"""These stay: CUDA's compiler, which writes kernels at run time, links with them."""


def unneeded(packages: Path) -> Iterator[Path]:
    """What can go, files and folders; some lie inside others.

    Args:
        packages: The folder into which pip installs.
    """
    for pattern in PARTS:
        yield from packages.glob(pattern)
    for folder, kept in ONLY.items():
        for path in packages.glob(f"{folder}/*"):
            if not any(path.match(name) for name in kept):
                yield path
    linked = {path for pattern in LINKED for path in packages.glob(pattern)}
    for name in EVERYWHERE:
        # One level down at least: a package that is called `tests` is somebody's only content.
        yield from (path for path in packages.glob(f"*/**/{name}") if path not in linked)


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    files = [path] if not path.is_dir() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.lstat().st_size for one in files)


def trim(packages: Path) -> int:
    """Delete it, and return how many bytes that were."""
    freed = 0
    for path in sorted(set(unneeded(packages))):
        if path.is_symlink() or path.exists():
            freed += size(path)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    return freed


if __name__ == "__main__":
    print(f"deleted {trim(Path(sysconfig.get_path('purelib'))) / 1e6:.0f} MB", file=sys.stderr)
