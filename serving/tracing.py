"""OpenTelemetry traces: a span for a request, for each of its pages, and for the engine's work.

Chosen by OpenTelemetry's own environment variables, in the environment of Ray's processes:
OTEL_TRACES_EXPORTER, or an address in OTEL_EXPORTER_OTLP_ENDPOINT, which is OTLP over HTTP where
OTEL_EXPORTER_OTLP_PROTOCOL says no other. The exporter is in the extra `tracing`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

_log = logging.getLogger(__name__)

_ASK: Final = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
"""Any of them asks for traces."""
_DEFAULTS: Final = {
    "OTEL_SERVICE_NAME": "rayscribe",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
}
_FLUSH_MS: Final = 2000
_tracer: Any = None


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "")
    return not is_off and exporter != "none" and any(environment.get(name) for name in _ASK)


def configure(environment: MutableMapping[str, str] | None = None) -> None:
    """Have this process export its spans, where the environment asks for it.

    The SDK's own configurator reads the environment. Spans are not recorded, and a warning is
    logged, where a package is missing.

    Args:
        environment: Gets the defaults; None: this process's.
    """
    environment = os.environ if environment is None else environment
    if not is_asked_for(environment):
        return
    for name, value in _DEFAULTS.items():
        environment.setdefault(name, value)
    try:
        # What `opentelemetry-instrument` runs too.
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator
        from opentelemetry.trace import get_tracer_provider

        _OTelSDKConfigurator().configure()
    except (ImportError, RuntimeError, ValueError) as error:
        _log.warning("no traces: %s; install the extra 'tracing'", error)
        return
    use(get_tracer_provider())


def use(provider: Any) -> None:
    """Record spans with a tracer provider; with None none are recorded."""
    global _tracer
    _tracer = provider and provider.get_tracer("rayscribe")


@contextmanager
def span(
    name: str,
    parent: Mapping[str, str] | None = None,
    *,
    is_server: bool = False,
    **tags: str | int,
) -> Iterator[dict[str, Any]]:
    """Record a span for the time of the block, within the one around it.

    Args:
        name: What is done.
        parent: The span around it in another process: `traceparent` and `tracestate`.
        is_server: Whether it answers a remote caller.
        tags: Attributes.

    Yields:
        Attributes that the block may add.
    """
    more: dict[str, Any] = {}
    if _tracer is None:
        yield more
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    kind = SpanKind.SERVER if is_server else SpanKind.INTERNAL
    context = extract(dict(parent)) if parent else None
    with _tracer.start_as_current_span(name, context, kind, tags) as recorded:
        try:
            yield more
        finally:
            recorded.set_attributes(more)


def now_ns() -> int:
    """The time for `record`, in nanoseconds since 1970."""
    return time.time_ns()


def record(name: str, parent: Mapping[str, str], begin_ns: int) -> None:
    """Record a span that ends now: for a generator, whose context is not that of one block.

    Args:
        name: What was done.
        parent: As for `span`.
        begin_ns: When it began, by `now_ns`.
    """
    if _tracer is not None:
        from opentelemetry.propagate import extract

        _tracer.start_span(name, extract(dict(parent)), start_time=begin_ns).end()


def carrier() -> dict[str, str]:
    """The span around the call, for `span` in another process; empty without traces."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.propagate import inject

        inject(headers)
    return headers


def flush() -> None:
    """Export what has been recorded, before the process ends."""
    if _tracer is not None:
        from opentelemetry.trace import get_tracer_provider

        provider: Any = get_tracer_provider()
        provider.force_flush(_FLUSH_MS)
