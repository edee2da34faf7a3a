"""The service behind the page at `/`, with a key, for tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import LimitConfig, ServeConfig
from tests.support import live_service
from tests.support.live_service import Online, running

KEY = "k" * 32


def config(**more: object) -> ServeConfig:
    """A config with the fake engines."""
    settings = {"engine": {"kind": "fake"}, "chat": live_service.chat_config()}
    return ServeConfig.model_validate(settings | more)


@contextmanager
def with_key(body_mib: float) -> Iterator[Online]:
    """A service that wants `KEY`, and takes 3 pages and so many MiB at a time."""
    limits = LimitConfig(pages=3, body_mib=body_mib)
    keys = {"RAYSCRIBE_API_KEYS": f"me:{KEY}"}
    with running(config(limits=limits), FakeEngine(HANDLERS["echo"]), keys) as it:
        yield it
