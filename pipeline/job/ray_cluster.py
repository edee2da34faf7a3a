"""The Ray cluster of a job: a running one, or a local one that is started with the job."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import ray_constants, services
from ray._private import utils as ray_utils
from ray._private import worker as ray_worker

from pipeline.config import RayConfig
from pipeline.engines.registry import has_gpu_engine
from pipeline.errors import ConfigError, JobError
from pipeline.job.signals import keep_sigterm_handler
from pipeline.storage import locked_folder

_NO_HISTORY = {"task_events_report_interval_ms": 0}
"""For a local Ray. Events of 100,000 tasks are hundreds of MiB in a large job, and without a
dashboard nothing shows them."""

_TEMP_PREFIX = "rayscribe-ray-"
_END_S = 5.0
"""Seconds that processes of a local Ray get to end by themselves."""


@contextmanager
def connected(
    config: RayConfig,
    *,
    worker_output: Callable[[Mapping[str, Any]], None] | None = None,
    metrics_port: int = 0,
) -> Iterator[None]:
    """Connect to a cluster, or start one for the time inside and remove all of it after.

    Args:
        config: Which cluster.
        worker_output: Gets what workers print, as batches of lines with where they come from.
        metrics_port: Where a local Ray exports metrics, on loopback; 0: it collects none.

    Raises:
        ConfigError: There is no cluster at the address.
        JobError: Ray does not start, or the cluster cannot be joined.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for name in ("ray.data", "ray.data._internal.progress"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its errors are raised as well
    if not worker_output:
        # Ray's core prints an error about the constructor arguments of Ray Data's own actors.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    address = config.cluster()
    others = set(psutil.Process().children(recursive=True))
    with nullcontext("") if address else _temp_dir(config) as temp_dir:
        try:
            with _printed_by(worker_output):
                with keep_sigterm_handler():
                    _start(config, address, temp_dir, worker_output is not None, metrics_port)
                yield
        finally:
            _shutdown(set() if address else set(psutil.Process().children(recursive=True)) - others)


def _start(
    config: RayConfig, address: str, temp_dir: str, worker_output: bool, metrics_port: int
) -> None:
    try:
        with _quiet_start():
            if address:
                ray.init(address=address, log_to_driver=worker_output, logging_level="ERROR")
            else:
                _use_private_token()
                with _on_loopback(), _in_sessions_of_their_own():
                    ray.init(
                        address="local",
                        num_cpus=config.cpus or None,
                        include_dashboard=False,
                        log_to_driver=worker_output,
                        logging_level="ERROR",
                        _temp_dir=temp_dir,
                        _metrics_export_port=metrics_port or None,
                        _system_config=_NO_HISTORY
                        | {"enable_metrics_collection": bool(metrics_port)},
                    )
    except ConnectionError as error:
        raise ConfigError(
            f"no Ray cluster answers at {address!r} ({error}); "
            "start one with 'ray start --head' or leave ray.address empty"
        ) from None
    except Exception as error:  # Ray raises a bare Exception if its processes do not start in time
        raise JobError(_no_start(address, temp_dir, error)) from error


def _no_start(address: str, temp_dir: str, error: Exception) -> str:
    """What went wrong, and what to look at."""
    problem = " ".join(str(error).split()) or type(error).__name__
    if address:
        return (
            f"the Ray cluster at {address!r} cannot be joined ({problem}); look at 'ray status', "
            "and check that Ray and Python have the same versions here and there"
        )
    return (
        f"Ray does not start on this machine ({problem}); check that memory, processes and space "
        f"in {temp_dir} are left, and try again, with fewer ray.cpus where the machine is busy. "
        "With ray.temp_dir set to a folder of yours Ray's logs stay there"
    )


@contextmanager
def _printed_by(worker_output: Callable[[Mapping[str, Any]], None] | None) -> Iterator[None]:
    """Give the output of Ray's processes to a function; Ray adds a prefix and colours to each line.

    Args:
        worker_output: As for `connected`.
    """
    before = ray_worker.print_to_stdstream
    if worker_output is not None:
        ray_worker.print_to_stdstream = lambda batch, ignore_prefix: worker_output(batch)
    try:
        yield
    finally:
        ray_worker.print_to_stdstream = before


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Have a Ray that is started inside listen on loopback only.

    Its processes bind to loopback where that is the address of their node, and else to all
    interfaces. `_node_ip_address` of `ray.init` replaces loopback by an address that others reach,
    and RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER, which chooses loopback, was read when Ray was imported.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _in_sessions_of_their_own() -> Iterator[None]:
    """Have the processes of a Ray that is started inside get no signals of this one's group.

    `timeout`, supervisors and `kill -- -PGID` send SIGTERM to all of a group: Ray would be gone
    before this process has ended what it does. The kernel ends them with this process; where it
    cannot, Ray itself ends the group.
    """
    before = services.ConsolePopen
    if ray_utils.detect_fate_sharing_support():
        services.ConsolePopen = partial(before, start_new_session=True)
    try:
        yield
    finally:
        services.ConsolePopen = before


def _use_private_token() -> None:
    """Protect a local Ray with a token that is only in the environment of its processes.

    Otherwise Ray writes one to ~/.ray/auth_token, and from then on every `ray start --head` of this
    user requires a token that `ray job submit` does not send by itself.
    """
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        ray._raylet.Config.initialize("")  # Ray read the environment when it was imported


def _shutdown(ours: set[psutil.Process]) -> None:
    """Disconnect; end all processes of a local Ray, also workers that hang."""
    ray.shutdown()
    _, alive = psutil.wait_procs(ours, timeout=_END_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep the lines that Ray's core prints past Python's streams off the terminal.

    Errors of the start are exceptions, so they are still reported.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextmanager
def _temp_dir(config: RayConfig) -> Iterator[str]:
    """Ray's folder: sockets, logs, and objects that do not fit into memory.

    It is deleted at the end, and by the next job on this machine if this process is killed.
    """
    if config.temp_dir:
        yield config.temp_dir
        return
    # A short path: names of sockets have to stay under 107 characters.
    short = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - mkdtemp makes it private
    locked_folder.clear_abandoned(_TEMP_PREFIX, short)
    folder, lock = locked_folder.create(_TEMP_PREFIX, short)
    try:
        yield str(folder)
    finally:
        locked_folder.delete(folder, lock)


def machines() -> list[dict[str, float]]:
    """Resources of each machine of the cluster, by Ray's names."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def cpus() -> int:
    """CPUs of the cluster, at least 1."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def gpus() -> float:
    """GPUs of the cluster."""
    return float(ray.cluster_resources().get("GPU", 0))


def has_gpu() -> bool:
    """Whether the cluster has a GPU and this environment has vLLM to use it."""
    return gpus() > 0 and has_gpu_engine()
