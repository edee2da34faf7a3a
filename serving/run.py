"""Runs the service from a shell: on a Ray of its own, or on a running cluster."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from pipeline.engines.registry import spec_of
from pipeline.errors import ConfigError, JobError
from pipeline.job.signals import redeliver_signals
from serving import json_log, proxy, starting, tracing
from serving.config import ServeConfig
from serving.http.auth import Keys, check_binding, is_bound_to_loopback
from serving.jobs.store import Store
from serving.jobs.webhook import read_secret

_DRAIN_MARGIN_S = 10.0
"""Seconds beyond the grace period in which ingress replicas have to say that they are done."""

_SPANS_S = 2.0
"""Seconds in which replicas have to export their last spans."""
_POLL_S = 0.1
_LOOPBACK = "127.0.0.1"

APP = "rayscribe"
"""Name of the Serve application."""


def check(config: ServeConfig) -> None:
    """Check the config before anything is started.

    Raises:
        ConfigError: With a message that says what to change.
    """
    check_binding(config.http, config.auth, os.environ)
    if config.job.folder and not config.job.webhook_secret_file:  # a file may be elsewhere
        read_secret(config.job, os.environ)
    if not config.ray.cluster():
        _check_here(config)
        proxy.check(config.http)
        _check_port(config.http.host, config.http.port, "another --http.host or --http.port")
        if config.metrics.port:
            _check_port(_LOOPBACK, config.metrics.port, "another --metrics.port, or 0 for none")


def _check_here(config: ServeConfig) -> None:
    """Check what the processes of a Ray of our own will find on this machine."""
    Keys(config.auth, os.environ)
    if "ocr" in config.models and config.engine.kind != "auto":
        spec_of(config.engine).check_installed(config.engine)
    if "chat" in config.models and config.chat.kind == "vllm" and find_spec("vllm") is None:
        raise ConfigError(
            "the chat model needs vLLM, which is not installed: pip install '.[gpu]', or leave chat"
            " out of --models"
        )
    if config.job.folder:
        try:
            Store(config.job.folder, config.store)
        except JobError as error:
            raise ConfigError(str(error)) from None


def run(
    config: ServeConfig, say: Callable[[str], None], stop: threading.Event, cut: threading.Event
) -> None:
    """Serve until an event is set; then finish the running requests and remove the application.

    Args:
        config: What is served, and where.
        say: Prints a line for the user.
        stop: Ends the service.
        cut: Ends the requests that still run then, before their time is over.

    Raises:
        ConfigError: There is no cluster at the address.
        JobError: The service did not start.
    """
    from pipeline.job import ray_cluster
    from serving.ocr import reader_pool

    address = config.ray.cluster()
    say(f"Joining the Ray cluster at {address}." if address else "Starting Ray on this machine.")
    with (
        proxy.chosen(config.http, is_bound_to_loopback(config.http)) as stopping_mark,
        ray_cluster.connected(
            config.ray,
            worker_output=json_log.print_worker_lines,
            metrics_port=config.metrics.port,
        ),
    ):
        json_log.configure()
        _serve(config, say, stop, cut, stopping_mark)
    reader_pool.clear_abandoned()


def _serve(
    config: ServeConfig,
    say: Callable[[str], None],
    stop: threading.Event,
    cut: threading.Event,
    stopping_mark: Path,
) -> None:
    from ray import serve

    from serving.app import build
    from serving.deployments import QUIET_LOGGING

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    say(f"Starting {' and '.join(config.models)}; requests get 503 until a line says so.")
    try:
        http = {"host": config.http.host, "port": config.http.port}
        serve.start(http_options=http, logging_config=QUIET_LOGGING)
        # A model may be loaded for many minutes, or wait for a GPU without end.
        with starting.reported(APP, say), redeliver_signals():
            if not stop.is_set():  # while Ray started
                serve.run(build(config), name=APP, route_prefix="/")
    except RuntimeError as error:
        raise JobError(f"the service did not start: {error}") from error
    except KeyboardInterrupt:
        stop.set()
    if stop.is_set():
        say("Stopped before it served.")
        if config.ray.cluster():
            with suppress(TimeoutError):
                serve.delete(APP)
        return
    try:
        for line in _greeting(config):
            say(line)
        stop.wait()
        stopping_mark.touch()
        end_answers(config.ingress.stop_grace_s, say, cut)
    finally:
        # A Ray of our own ends with all its processes; Serve's orderly end would take 3 s more.
        if config.ray.cluster():
            with suppress(TimeoutError):  # nothing runs any more, or the ingress does not answer
                serve.delete(APP)
        elif tracing.is_asked_for(os.environ):
            _export_spans(config.models)


def end_answers(grace_s: float, say: Callable[[str], None], cut: threading.Event) -> None:
    """Let the running requests finish.

    Args:
        grace_s: Seconds that they get.
        say: Prints a line for the user.
        cut: Ends them at once.
    """
    say(f"Stopping: answers that have begun get {grace_s:g} s to finish; Ctrl-C ends them now.")
    ended: list[int] = []
    finishing = threading.Thread(target=lambda: ended.append(_drain(grace_s)), daemon=True)
    finishing.start()
    while finishing.is_alive() and not cut.wait(_POLL_S):
        pass
    if cut.is_set():
        ended.append(_drain(0))
    finishing.join()
    if count := max(ended, default=0):
        say(f"{count} answers were not finished and ended with an error.")


def _drain(grace_s: float) -> int:
    """End the answers of all ingress replicas; how many were cut off.

    Serve ends the replicas of all deployments at a time, and with them pages that wait for one.
    """
    from ray import serve
    from ray.serve.exceptions import RayServeException

    from serving.deployments import INGRESS

    ingress = serve.get_deployment_handle(INGRESS, APP)
    try:
        ended = ingress.broadcast("drain", grace_s).results(
            timeout_s=grace_s + _DRAIN_MARGIN_S, return_exceptions=True
        )
    except (TimeoutError, RayServeException):
        return 0
    return sum(count for count in ended if isinstance(count, int))


def _export_spans(models: Iterable[str]) -> None:
    """Have the replicas of the models export their last spans."""
    from ray import serve
    from ray.serve.exceptions import RayServeException

    from serving.deployments import CHAT, OCR

    for model in models:
        replicas = serve.get_deployment_handle({"ocr": OCR, "chat": CHAT}[model], APP)
        with suppress(TimeoutError, RayServeException):
            replicas.broadcast("export_spans").results(timeout_s=_SPANS_S, return_exceptions=True)


def _greeting(config: ServeConfig) -> list[str]:
    host = "127.0.0.1" if config.http.host == "0.0.0.0" else config.http.host  # noqa: S104
    base = f"http://{f'[{host}]' if ':' in host else host}:{config.http.port}"
    metrics = f"http://{_LOOPBACK}:{config.metrics.port}/metrics"
    has_metrics = config.metrics.port and not config.ray.cluster()
    return [
        f"Serving {' and '.join(config.models)} at {base}/v1 (documentation: {base}/docs)",
        *([f"Metrics: {metrics}"] if has_metrics else []),
        f"Try: curl -F file=@samples/invoice.pdf {base}/v1/ocr",
        "Ctrl-C stops.",
    ]


def _check_port(host: str, port: int, choose: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen at {host}:{port} ({error.strerror}); choose {choose}"
            ) from None
