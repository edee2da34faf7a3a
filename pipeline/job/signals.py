"""Ctrl-C and SIGTERM that are heard.

Python raises `KeyboardInterrupt` wherever the main thread is. In a finalizer or a callback it is
printed and dropped, and the job would go on as if nobody had asked it to stop. So it is raised
again until it has got through.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_EVERY_S: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Interrupt:
    """What happens from the first signal on."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._main = threading.get_ident()
        self._asked = False
        self._through = threading.Event()
        self._lock = threading.Lock()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Stop the main thread where it is."""
        if self._through.is_set():
            return
        if not self._asked:
            self._asked = True
            threading.Thread(target=self._insist, daemon=True).start()
        raise KeyboardInterrupt

    def _insist(self) -> None:
        while not self._through.wait(self._every_s):
            with self._lock:
                if not self._through.is_set():
                    # Not interrupt_main, which wakes nobody who sleeps or waits.
                    signal.pthread_kill(self._main, signal.SIGINT)

    def end(self) -> None:
        """The main thread is out: what follows is not to be interrupted."""
        with self._lock:
            self._through.set()


@contextmanager
def redeliver_signals(every_s: float = _EVERY_S) -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `KeyboardInterrupt` inside, again and again until it gets out.

    Args:
        every_s: Seconds between two times.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt = _Interrupt(every_s)
    before = {number: signal.signal(number, interrupt.handle) for number in _SIGNALS}
    try:
        yield
    finally:
        interrupt.end()
        for number, handler in before.items():
            signal.signal(number, handler)
