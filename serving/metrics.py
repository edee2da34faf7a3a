"""What the service counts, exported by Ray's own metrics agent (Prometheus)."""

from __future__ import annotations

from typing import Final

from ray.util.metrics import Counter, Histogram

from serving.door import PATHS, Record

_MS: Final = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000]


class Metrics:
    """Counters of one ingress replica. Names begin with `rayscribe_`."""

    def __init__(self) -> None:
        keys = ("model", "path", "status")
        self._requests = Counter("rayscribe_requests_total", "Requests answered", keys)
        self._ms = Histogram("rayscribe_request_ms", "Milliseconds of a request", _MS, keys)
        page_keys = ("model", "status", "error_kind")
        self._pages = Counter("rayscribe_pages_total", "Pages recognised online", page_keys)
        self._tokens = Counter(
            "rayscribe_tokens_total", "Tokens read and written", ("model", "kind")
        )

    def request(self, record: Record) -> None:
        """Count a request that is over."""
        model = str(record.fields.get("model", ""))
        path = record.path if record.path in PATHS else "other"
        tags = {"model": model, "path": path, "status": str(record.status)}
        self._requests.inc(tags=tags)
        self._ms.observe(record.ms, tags=tags)
        for kind in ("prompt_tokens", "completion_tokens"):
            if count := record.fields.get(kind):
                self._tokens.inc(count, tags={"model": model, "kind": kind.split("_")[0]})

    def page(self, model: str, status: str, error_kind: str) -> None:
        """Count a page."""
        self._pages.inc(tags={"model": model, "status": status, "error_kind": error_kind})
