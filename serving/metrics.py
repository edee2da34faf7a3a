"""Metrics of the service, exported by Ray's own metrics agent (Prometheus)."""

from __future__ import annotations

from typing import Final

from ray.util.metrics import Counter, Gauge, Histogram

from pipeline.types import Recognition
from serving.http.middleware import LogEntry, route_name

_MS: Final = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000]


class Metrics:
    """Counters of one ingress replica. Names begin with `rayscribe_`."""

    def __init__(self) -> None:
        keys = ("model", "path", "status")
        self._requests = Counter("rayscribe_requests_total", "Requests answered", keys)
        self._ms = Histogram("rayscribe_request_ms", "Milliseconds of a request", _MS, keys)
        page_keys = ("model", "status", "error_kind")
        self._pages = Counter("rayscribe_pages_total", "Pages recognised online", page_keys)
        rung_keys = ("model", "rung", "outcome")
        self._rungs = Counter("rayscribe_rungs_total", "Attempts to read pages online", rung_keys)
        self._queue = Gauge("rayscribe_queue_pages", "Pages still to be read", ("model",))
        self._jobs = Counter("rayscribe_jobs_total", "Jobs that ended", ("kind", "status"))
        self._tokens = Counter(
            "rayscribe_tokens_total", "Tokens read and written", ("model", "kind")
        )

    def request(self, entry: LogEntry) -> None:
        """Count a request that has ended."""
        model = str(entry.fields.get("model", ""))
        path = route_name(entry.path)
        tags = {"model": model, "path": path, "status": str(entry.status)}
        self._requests.inc(tags=tags)
        self._ms.observe(entry.ms, tags=tags)
        for kind in ("prompt_tokens", "completion_tokens"):
            if count := entry.fields.get(kind):
                self._tokens.inc(count, tags={"model": model, "kind": kind.split("_")[0]})

    def page(self, model: str, recognition: Recognition) -> None:
        """Count a page, and every attempt to read it."""
        kind = recognition.failure.kind if recognition.failure else ""
        self._pages.inc(tags={"model": model, "status": recognition.status, "error_kind": kind})
        for attempt in recognition.attempts:
            tags = {"model": model, "rung": attempt.rung, "outcome": attempt.outcome}
            self._rungs.inc(tags=tags)

    def pending(self, model: str, pages: int) -> None:
        """Set the number of pages that are still to be read."""
        self._queue.set(pages, tags={"model": model})

    def job(self, kind: str, status: str) -> None:
        """Count a job or a batch that has ended."""
        self._jobs.inc(tags={"kind": kind, "status": status})
