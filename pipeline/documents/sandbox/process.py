"""The handle of one worker process: start it, send it a request, kill it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.documents.sandbox.protocol import Message, printed_lines, receive

_END_S: Final = 5.0


class WorkerProcess:
    """A running worker process and the channel to it.

    Args:
        module: What it runs.
        descriptors: File descriptors of the shared memory, inherited under the same numbers.
    """

    def __init__(self, module: str, descriptors: Sequence[int]) -> None:
        self.descriptors = list(descriptors)
        self._channel, theirs = socket.socketpair()
        self._errors, their_errors = os.pipe()
        # The worker reads it after every request (libtiff writes warnings there), and this process
        # when the worker has died. Output that does not fit into the pipe is dropped.
        os.set_blocking(self._errors, False)
        os.set_blocking(their_errors, False)
        command = [sys.executable, "-P", "-m", module]
        try:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid()), str(self._errors)],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=their_errors,
                pass_fds=[theirs.fileno(), self._errors, *descriptors],
                start_new_session=True,  # Ctrl-C is handled by the parent, which ends the worker
            )
        except BaseException:
            self._channel.close()
            os.close(self._errors)
            raise
        finally:
            theirs.close()
            os.close(their_errors)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def send(self, body: bytes) -> None:
        """Send an encoded request; it waits in the channel while the worker is busy.

        Raises:
            OSError: The worker is dead.
        """
        self._channel.settimeout(None)
        self._channel.sendall(body)

    def receive(self, timeout_s: float) -> Message:
        """Wait for the response to the first request that has none yet.

        Raises:
            TimeoutError: No response within `timeout_s`.
            EOFError: The worker died.
            ValueError: The response is not a valid message.
        """
        return receive(self._channel, timeout_s)

    def stderr_lines(self) -> list[str]:
        """What it printed to standard error and has not read itself."""
        return printed_lines(self._errors)

    def wait(self) -> int:
        """The exit status, negative for a signal; kills a worker that does not exit in `_END_S`."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        """Kill it. It still has to be closed."""
        self._process.kill()

    def close(self) -> None:
        """Kill it and close the channel."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        os.close(self._errors)


def _environment() -> dict[str, str]:
    """The environment of the worker: this package is importable, linear algebra has one thread."""
    package_parent = str(Path(__file__).resolve().parents[3])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths)}
