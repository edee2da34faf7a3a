"""Keeps the connection with Ray's tables (the GCS) alive where requests are given to replicas.

Where Serve hears of a new replica it reads the replica's class from the tables, in the loop that
gives requests to replicas, over a connection that it uses for little else. After the head was
replaced (KubeRay, with fault tolerance) that connection would have to find the new head only then:
all requests of the process would wait for it, two to three seconds.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from ray.exceptions import RayError
from ray.experimental import internal_kv

logger = logging.getLogger(__name__)

_PERIOD_S: Final = 3.0
"""Shorter than a new head takes to start its first replica."""
_KEY: Final = b"rayscribe"
"""There is no such entry: the answer is a few bytes."""


def keep_connected(period_s: float = _PERIOD_S) -> threading.Event:
    """Ask the tables for something every few seconds, in a thread of its own.

    Args:
        period_s: Seconds between two questions.

    Returns:
        Ends the thread when it is set.
    """
    end = threading.Event()
    arguments = (period_s, end)
    threading.Thread(target=_ask, args=arguments, name="gcs-connection", daemon=True).start()
    return end


def _ask(period_s: float, end: threading.Event) -> None:
    while not end.wait(period_s):
        try:
            internal_kv._internal_kv_exists(_KEY)
        except (RayError, OSError) as error:
            logger.debug("Ray's tables did not answer: %s", error)
