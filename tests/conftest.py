from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# Machines are shared: a slow example is no failure.
settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
# What lands must not hang on a throw of the dice: a CI run tries the same examples each time.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

from tests.support import job_process, object_stores  # noqa: E402 - the folder has to be on the path

# Before anything imports Ray: the test run's own clusters know this token and no other.
os.environ |= job_process.TOKEN
# What a shell without job control starts with `&` ignores SIGINT, and so would the tests' jobs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# And no credentials of whoever runs the tests are ever sent anywhere.
os.environ |= object_stores.CREDENTIALS


@pytest.fixture(scope="session")
def head() -> Iterator[job_process.Head]:
    """A Ray head with 2 CPUs and 2 logical GPUs, apart from any other, for the whole test run."""
    with job_process.running_head() as head:
        yield head


@pytest.fixture(scope="session")
def s3_server() -> Iterator[object_stores.S3Server]:
    """An S3 service on loopback for the whole test run."""
    with object_stores.running_s3() as server:
        yield server


@pytest.fixture
def s3(s3_server: object_stores.S3Server) -> object_stores.S3Server:
    """The service, without faults and with a bucket of the test's own."""
    return s3_server.fresh()


@pytest.fixture
def gs() -> Iterator[object_stores.GsServer]:
    """A Google Cloud Storage service on loopback with an empty bucket."""
    with object_stores.running_gs() as server:
        yield server
