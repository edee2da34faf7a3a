"""`pipeline.job.signals`, in a process of its own that is sent signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from pipeline.job.signals import redeliver_signals
from tests.support import job_process

DEAF = """
import time
from pipeline.job.signals import redeliver_signals

class Deaf:
    def __del__(self):
        print("deaf", flush=True)
        time.sleep(60)  # an interrupt in here is printed and dropped

try:
    with redeliver_signals(0.2):
        Deaf()
        time.sleep(60)
        print("never")
except KeyboardInterrupt:
    time.sleep(1)  # nothing interrupts what follows
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_is_dropped_comes_again(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DEAF],
        cwd=job_process.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "deaf\n"
    process.send_signal(number)
    said, errors = process.communicate(timeout=30)
    assert "Exception ignored" in errors, "it was dropped once"
    assert (said, process.returncode) == ("stopped\n", 0)


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with redeliver_signals():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_beside_the_main_thread_it_leaves_signals_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def inside() -> None:
        with redeliver_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]
