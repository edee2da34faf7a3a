"""Tests with the real vLLM on the CPU, in an environment of their own: `make test-vllm`."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

found = importlib.util.find_spec("vllm")
# This folder itself looks like a package of that name, but one without an origin.
PRESENT = found is not None and found.origin is not None
if not PRESENT:
    collect_ignore_glob = ["*"]


def pytest_configure(config: pytest.Config) -> None:
    """The sockets of an engine that was killed are found open when all is over."""
    if PRESENT:
        warnings.filterwarnings("default", category=pytest.PytestUnraisableExceptionWarning)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings are errors in our tests, but not those that torch and vLLM raise about their own
    code when they are first imported."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(scope="session", autouse=True)
def cpu_environment() -> Iterator[None]:
    """What vLLM on the CPU reads; every process that the tests start inherits it."""
    cores = len(os.sched_getaffinity(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("VLLM_CPU_OMP_THREADS_BIND", f"0-{max(cores - 1, 0)}")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[2])]))
        yield
