"""What SIGINT (Ctrl-C) and SIGTERM do: both end a job with `KeyboardInterrupt`.

From the start of the command `stop_on_sigterm` gives SIGTERM the effect of SIGINT. While the job
runs, `redeliver_signals` makes sure that the interrupt arrives: Python raises it wherever the main
thread is, and in a finalizer or a callback it is printed and dropped, after which the job would go
on. So it is raised again until the block is left.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

_PERIOD_S: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def stop_on_sigterm() -> None:
    """Raise `KeyboardInterrupt` at SIGTERM: a spot notice or `docker stop` acts as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def keep_sigterm_handler() -> Iterator[None]:
    """Put the handler of SIGTERM back after the block.

    `ray.init` installs another one, which ends the process at once with a stack trace.
    """
    if not _in_main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def redeliver_signals(period_s: float = _PERIOD_S) -> Iterator[None]:
    """Have SIGINT and SIGTERM raise `KeyboardInterrupt` in the block, repeatedly until it is left.

    Args:
        period_s: Seconds between two deliveries.
    """
    if not _in_main_thread():
        yield
        return
    interrupt = _Interrupt(period_s)
    before = {number: signal.signal(number, interrupt.handle) for number in _SIGNALS}
    try:
        yield
    finally:
        interrupt.end()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Interrupt:
    """Interrupts the main thread from the first signal until `end` is called."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._main = threading.get_ident()
        self._received = False
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Interrupt the main thread where it is."""
        if self._ended.is_set():
            return
        if not self._received:
            self._received = True
            threading.Thread(target=self._redeliver, daemon=True).start()
        raise KeyboardInterrupt

    def _redeliver(self) -> None:
        while not self._ended.wait(self._period_s):
            with self._lock:
                if not self._ended.is_set():
                    # Not interrupt_main, which does not wake a thread that sleeps or waits.
                    signal.pthread_kill(self._main, signal.SIGINT)

    def end(self) -> None:
        """The block is left: what follows is not interrupted."""
        with self._lock:
            self._ended.set()


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
