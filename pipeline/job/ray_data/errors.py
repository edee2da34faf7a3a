"""Finds our own error in what Ray made of it on the way from a worker to the driver. Pure.

Ray hands on an exception of a worker as one of its own types, and of the original only the
text of its traceback is sure to arrive. A worker's `ConfigError` has to reach the person who
can change the config all the same, as one line and not as three tracebacks.
"""

from __future__ import annotations

import re

from pipeline.errors import ConfigError, JobError

_OWN = re.compile(r"^pipeline\.errors\.(ConfigError|JobError|EngineError): (.+)$", re.MULTILINE)


def own_error(error: BaseException) -> ConfigError | JobError | None:
    """The error of ours that a foreign one carries, None where it carries none.

    An `EngineError` gets this far only if an engine cannot start: then the job cannot go on.
    """
    found = _OWN.findall(str(error))
    if not found:
        return None
    name, message = found[-1]
    return ConfigError(message) if name == "ConfigError" else JobError(message)
