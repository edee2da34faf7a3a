"""Turns what Ray raises in the driver into our own errors.

Ray passes an exception of a worker on as one of its own types, and of the original only the text of
its traceback is sure to arrive. A worker's `ConfigError` has to reach the person who can change the
config all the same, as one line and not as three tracebacks.
"""

from __future__ import annotations

import re
from typing import Any

import ray

from pipeline.errors import ConfigError, EngineError, JobError

_OWN = re.compile(
    "^(?P<name>{}): (?P<message>.+)$".format(
        "|".join(
            re.escape(f"{kind.__module__}.{kind.__name__}")
            for kind in (ConfigError, JobError, EngineError)
        )
    ),
    re.MULTILINE,
)
"""The line of a traceback that names one of our errors."""


def own_error(error: BaseException) -> ConfigError | JobError | None:
    """The error of ours that another exception carries in its text, None where it carries none.

    An `EngineError` gets this far only if an engine cannot start: then the job cannot go on.
    """
    found = _OWN.findall(str(error))
    if not found:
        return None
    name, message = found[-1]
    return ConfigError(message) if name.endswith(ConfigError.__name__) else JobError(message)


def result_of(ref: ray.ObjectRef, timeout_s: float | None = None) -> Any:
    """Wait for the result of a task.

    Raises:
        ConfigError: As the task did.
        JobError: As the task did.
        ray.exceptions.GetTimeoutError: There is none within `timeout_s`.
        ray.exceptions.RayError: The task failed in another way.
    """
    try:
        return ray.get(ref, timeout=timeout_s)
    except ray.exceptions.RayError as error:
        raise own_error(error) or error from None
