"""A worker that hangs when it ends, as Ray's core does where the raylet was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import ctypes, time
from unittest.mock import Mock
from pipeline.job.ray_data import actors
actors._EXIT_S = 1
actors._Sender(Mock())(Mock())
libc = ctypes.CDLL(None)
libc.__cxa_atexit(libc.pause, None, None)  # runs when Python has ended
print("its work is done", flush=True)
"""


def test_the_kernel_ends_it() -> None:
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "its work is done\n", ended.stderr
    assert ended.returncode == -signal.SIGALRM
