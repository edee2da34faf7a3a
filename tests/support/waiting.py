"""Waiting in tests for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait(is_so: Callable[[], object], seconds: float, pause_s: float = 0.2) -> None:
    """Wait until a condition holds.

    Args:
        is_so: The condition.
        seconds: How long at most.
        pause_s: Seconds between two looks.

    Raises:
        AssertionError: It took too long.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(pause_s)
