"""A job starts its engine with the first page that needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import OcrOptions
from pipeline.engines.base import Engine
from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.engines.recipe import make_recipe
from pipeline.engines.registry import SPECS
from pipeline.errors import ConfigError, EngineError
from tests.support import job_stages, sample_documents


@pytest.fixture
def set_build(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Engine]], None]:
    """Sets what builds the fake engine."""

    def set_it(build: Callable[[], Engine]) -> None:
        spec = replace(SPECS["fake"], build=lambda config, self_test: build())
        monkeypatch.setitem(SPECS, "fake", spec)  # type: ignore[arg-type]

    return set_it


def read(folder: Path, text_layer: str) -> list[str]:
    """Statuses of two pages after all stages of a job."""
    (folder / "two.pdf").write_bytes(sample_documents.text_pdf(2))
    options = OcrOptions(output=str(folder / "out"), engine={"kind": "fake"}, text_layer=text_layer)
    recipe = make_recipe(options, "fake")
    plan = job_stages.plan_of(options, folder / "two.pdf")
    rows = asyncio.run(job_stages.results(options, recipe, plan))
    statuses: list[str] = rows["status"].to_pylist()
    return statuses


def test_settled_pages_start_no_engine(tmp_path: Path, set_build: Callable[..., None]) -> None:
    def build() -> Engine:
        raise AssertionError("no page needs an engine")

    set_build(build)
    assert read(tmp_path, "only") == ["ok", "ok"]


def test_pages_to_be_read_start_it_once(tmp_path: Path, set_build: Callable[..., None]) -> None:
    built: list[int] = []

    def build() -> Engine:
        built.append(1)
        return FakeEngine(HANDLERS["echo"])

    set_build(build)
    assert read(tmp_path, "never") == ["ok", "ok"]
    assert built == [1]


@pytest.mark.parametrize("error", [ConfigError, EngineError])
def test_an_engine_that_does_not_start_ends_the_job(
    tmp_path: Path, set_build: Callable[..., None], error: type[Exception]
) -> None:
    def build() -> Engine:
        raise error("no such device")

    set_build(build)
    with pytest.raises(error, match="no such device"):
        read(tmp_path, "never")
