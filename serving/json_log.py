"""The log: lines of JSON on stderr, from the command itself, its replicas, and the parts of Serve.

A line has `time` and either a request (`serving.http.middleware.LogEntry`) or `level`, `message`
and where it comes from.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

_OTHERS: Final = ("ray", "ray.data", "ray.serve", "uvicorn", "uvicorn.access", "uvicorn.error")
"""Loggers that may have handlers of their own, with colours and prefixes."""

_AUTOSCALER: Final = "autoscaler"
"""What Ray says in the place of a process id, for its autoscaler."""


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        more = {"logger": record.name}
        if record.exc_info:
            more["exception"] = self.formatException(record.exc_info)
        return line(record.getMessage(), record.levelname.lower(), **more)


def line(message: str, level: str = "info", **more: str | int) -> str:
    """One line of the log, without its end.

    Args:
        message: What is said.
        level: info, warning, error.
        more: Further fields.
    """
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": time, "level": level, "message": message, **more}, ensure_ascii=True)


def configure() -> None:
    """Have everything that this process logs written as JSON: loggers, warnings and crashes."""
    root = logging.getLogger()
    if not any(isinstance(handler.formatter, JsonFormatter) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
    for name in _OTHERS:
        for other in logging.getLogger(name).handlers:
            if not isinstance(other, logging.FileHandler):
                other.setFormatter(JsonFormatter())
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_thread_crash


def _log_crash(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.getLogger(__name__).critical("crashed", exc_info=(kind, error, traceback))


def _log_thread_crash(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def print_worker_lines(batch: Mapping[str, Any]) -> None:
    """Print what a process of Ray wrote: its JSON as it is, any other line as a message.

    Args:
        batch: As Ray gives it to the process that started it: `lines`, `pid`, and `actor_name`
            where it is one. Ray's autoscaler tells its state every five seconds; that is left out.
    """
    pid = str(batch.get("pid", ""))
    source = {"process": str(batch.get("actor_name") or "ray"), "pid": pid}
    printed = [
        text if _is_json(text) else line(text, **source)
        for text in map(str.rstrip, batch["lines"])
        if text and pid != _AUTOSCALER
    ]
    if printed:
        sys.stderr.write("\n".join(printed) + "\n")
        sys.stderr.flush()


def _is_json(text: str) -> bool:
    try:
        return text.startswith("{") and isinstance(json.loads(text), dict)
    except ValueError:
        return False
