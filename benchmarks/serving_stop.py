"""How long a service takes to end after its last answer: ``python -m benchmarks.serving_stop``.

The service runs as a user starts it, with a Ray of its own and the fake engine, behind each of the
proxies. A document is sent, the service gets SIGTERM while it is read, and the time from the end of
the answer to the end of the process is taken.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.support import sample_documents, service_process
from tests.support.live_service import data_uri

_FLAGS = (
    *("--engine.kind", "fake", "--engine.fake.delay-ms", "1000", "--text-layer", "never"),
    *("--scale.ocr.min-replicas", "1"),
)
_PAGES = 4
_START_S = 300.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving_stop")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    for proxy in ("serve", "haproxy"):
        took = [measure(proxy) for _ in range(arguments.rounds)]
        spread = f"{min(took):.1f} to {max(took):.1f}"
        print(
            f"{proxy:8} {statistics.median(took):.1f} s ({spread}) from the last answer to the end"
        )
    return 0


def measure(proxy: str) -> float:
    """Seconds from the end of the last answer to the end of the process.

    Raises:
        RuntimeError: The answer was not whole, or a process is left.
    """
    body = {"document": data_uri(sample_documents.text_pdf(_PAGES), "application/pdf")}
    with (
        service_process.running(*_FLAGS, "--http.proxy", proxy) as service,
        ThreadPoolExecutor(1) as pool,
    ):
        service_process.ask_until(service, lambda: service.said("Serving ocr at"), _START_S)
        running = pool.submit(service.client.post, "/v1/ocr", body)
        time.sleep(1)
        service.stop()
        answer = running.result()
        answered = time.monotonic()
        service.started.process.wait(_START_S)
        took = time.monotonic() - answered
        if answer.status != 200 or service.started.left():
            raise RuntimeError(f"status {answer.status}, left: {service.started.left()}")
    return took


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
