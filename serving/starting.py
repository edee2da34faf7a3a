"""Says what the service waits for while it starts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ray.serve.schema import DeploymentStatusOverview

_POLL_S: Final = 1.0
_REPEAT_S: Final = 30.0
"""Seconds after which it is said again, though nothing has changed."""


@contextmanager
def reported(app: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say which replicas are missing for the time of the block, at each change.

    Args:
        app: The Serve application that starts.
        say: Prints a line for the user.
    """
    done = threading.Event()
    reporter = threading.Thread(target=_report, args=(app, say, done), daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _report(app: str, say: Callable[[str], None], done: threading.Event) -> None:
    said, silent_s = "", 0.0
    while not done.wait(_POLL_S):
        silent_s += _POLL_S
        line = _waits_for(app)
        if line and (line != said or silent_s >= _REPEAT_S):
            say(line)
            said, silent_s = line, 0.0


def _waits_for(app: str) -> str:
    from ray import serve

    status = serve.status().applications.get(app)
    if status is None:
        return "Waiting for Serve."
    missing = [
        describe(name, deployment)
        for name, deployment in status.deployments.items()
        if deployment.status != "HEALTHY"
    ]
    return f"Waiting for {', '.join(missing)}." if missing else ""


def describe(name: str, deployment: DeploymentStatusOverview) -> str:
    """A deployment that is not ready, with its replicas by state and Serve's reason."""
    states = deployment.replica_states
    counted = ", ".join(f"{count} {state.lower()}" for state, count in states.items() if count)
    reason = deployment.message.strip().split("\n")[0]
    return f"{name} ({'; '.join(part for part in (counted or 'no replica', reason) if part)})"
