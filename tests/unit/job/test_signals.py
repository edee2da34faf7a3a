"""`pipeline.job.signals`, in a process of its own that is sent signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from pipeline.job.signals import redeliver_signals
from tests.support import job_process

SCRIPT = """
import time
from pipeline.job.signals import redeliver_signals

class Finalizer:
    def __del__(self):
        print("in the finalizer", flush=True)
        time.sleep(60)  # an interrupt in here is printed and dropped

try:
    with redeliver_signals(0.2):
        Finalizer()
        time.sleep(60)
        print("never")
except KeyboardInterrupt:
    time.sleep(1)  # nothing interrupts what follows
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_is_dropped_comes_again(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=job_process.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in the finalizer\n"
    process.send_signal(number)
    said, errors = process.communicate(timeout=30)
    assert "Exception ignored" in errors, "it was dropped once"
    assert (said, process.returncode) == ("stopped\n", 0)


def test_sigterm_stops_before_the_job_runs_too() -> None:
    script = """
import os, signal, time
from pipeline.job.signals import keep_sigterm_handler, stop_on_sigterm

stop_on_sigterm()
with keep_sigterm_handler():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as ray.init does
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
except KeyboardInterrupt:
    print("stopped")
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=job_process.ROOT, capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.returncode) == ("stopped\n", 0), done.stderr


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
