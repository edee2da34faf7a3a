"""The parent's hold on the reader's child process: start it, ask it, kill it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pipeline.documents.sandbox.protocol import Message, receive, send

_END_S: Final = 5.0
_STDERR_BYTES: Final = 65_536


class ReaderProcess:
    """A running child process and the channel to it.

    Args:
        descriptors: Of the shared memory, which the child inherits under the same numbers.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self.descriptors = list(descriptors)
        self._channel, theirs = socket.socketpair()
        self._errors, their_errors = os.pipe()
        # Nobody reads while the child works: what doesn't fit is dropped, not waited for.
        os.set_blocking(self._errors, False)
        os.set_blocking(their_errors, False)
        command = [sys.executable, "-P", "-m", "pipeline.documents.sandbox.worker"]
        try:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid())],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=their_errors,
                pass_fds=[theirs.fileno(), *descriptors],
                start_new_session=True,  # Ctrl-C is for the parent, which ends the child
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

    def ask(self, request: Message, timeout_s: float) -> Message:
        """Send a request and wait for the answer, with what the libraries printed meanwhile.

        Raises:
            TimeoutError: No answer in time.
            EOFError: The child died.
            OSError: The child was dead already.
            ValueError: The answer is no message.
        """
        send(self._channel, request)
        reply = receive(self._channel, timeout_s)
        if complaints := self.complaints():
            reply["warnings"] = [*reply.get("warnings", ()), *complaints]
        return reply

    def complaints(self) -> list[str]:
        """The lines that came on standard error since the last call (libtiff writes there)."""
        try:
            printed = os.read(self._errors, _STDERR_BYTES)
        except BlockingIOError:
            return []
        return list(dict.fromkeys(printed.decode(errors="replace").splitlines()))

    def wait(self) -> int:
        """The exit status, negative for a signal. A child that closed its channel is ending."""
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        """Kill it, whatever it does. It is still to be closed."""
        self._process.kill()

    def close(self) -> None:
        """Kill it, whatever it does, and let go of everything."""
        self._process.kill()
        self._process.wait()
        self._channel.close()
        os.close(self._errors)


def _environment() -> dict[str, str]:
    """Our own, with this package findable wherever the child runs, and no threads for algebra."""
    package_parent = str(Path(__file__).resolve().parents[3])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths)}
