"""Several engines on one GPU: they start one after the other, and MPS lets them run together.

VLLM measures how much memory is free, runs the largest step once, and takes the difference. An
engine that starts or ends meanwhile makes that measurement fail. Without NVIDIA's
multi-process service (MPS) the kernels of two processes take turns on a GPU; with it they fill
each other's gaps.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PIPES = "CUDA_MPS_PIPE_DIRECTORY"
_DEFAULT_PIPES = "/tmp/nvidia-mps"  # noqa: S108 - where CUDA itself looks for it


@contextlib.contextmanager
def starting(folder: Path | None = None) -> Iterator[None]:
    """Wait until no other engine starts on the GPUs of this process, and hold others up.

    The lock is the operating system's: it ends with the process, however that ends.

    Args:
        folder: Where the lock's file is, the system's folder for temporary files by default.
    """
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "all").replace(",", "-").replace("/", "-")
    path = (folder or Path(tempfile.gettempdir())) / f"rayscribe-start-{os.getuid()}-{gpus}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Closing would not do: the engine's process was forked with the file open.
            fcntl.flock(file, fcntl.LOCK_UN)


def report(engines: int) -> dict[str, str]:
    """How the engines of a GPU share it, for the receipt; nothing where each has its own.

    Args:
        engines: Engines on one GPU.
    """
    if engines < 2:
        return {}
    how = "together, by MPS" if mps_runs() else "in turn: MPS is not running"
    return {"gpu sharing": f"{engines} engines on a GPU, {how}"}


def mps_runs() -> bool:
    """Whether the multi-process service answers on this machine: its control pipe has a reader."""
    pipe = Path(os.environ.get(_PIPES) or _DEFAULT_PIPES, "control")
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
