"""What is said when the work on jobs is put together."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.engines.recipe import make_recipe
from serving.config import JobConfig, ServeConfig
from serving.jobs import service
from serving.jobs.webhook import VARIABLE

UNUSED = cast(Any, None)
SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"


@pytest.mark.parametrize(
    ("hosts", "secret", "level", "said"),
    [
        (("a.example",), "", logging.WARNING, "webhooks are not signed"),
        (("a.example",), SECRET, logging.INFO, "webhooks are signed"),
        ((), "", None, ""),
    ],
)
def test_a_replica_says_once_whether_webhooks_are_signed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hosts: tuple[str, ...],
    secret: str,
    level: int | None,
    said: str,
) -> None:
    monkeypatch.setenv(VARIABLE, secret)
    config = ServeConfig(job=JobConfig(folder=str(tmp_path), webhook_hosts=hosts))
    pages = SimpleNamespace(pending=lambda: 0)
    handler = SimpleNamespace(service=pages, fetcher=None, names=("ocr",), on_page=print)
    recipe = make_recipe(config, "fake")
    parts = SimpleNamespace(handler=handler, readers=None, backend=None, recipe=recipe)
    with caplog.at_level(logging.INFO):
        service.build(config, cast(Any, parts), UNUSED, service.Reports(print, print))
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])
    assert said in caplog.text
    assert SECRET not in caplog.text
