"""Tasks of an export on Ray, called without Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.config import ExportConfig, RayConfig
from pipeline.errors import JobError
from pipeline.job import export
from pipeline.job.ray_data import export_tasks
from pipeline.output.export.documents import OutputIndex
from pipeline.output.export.work import DocumentWork, FileWork, Work, Written
from tests.support.exports import output, page


@pytest.fixture
def index(tmp_path: Path) -> OutputIndex:
    rows = [page(f"/in/{name}.pdf", 1, f"text of {name}") for name in "ab"]
    return OutputIndex(output(tmp_path / "out/pages", rows))


def config(tmp_path: Path, **more: object) -> ExportConfig:
    values = {"output": str(tmp_path / "out"), "to": str(tmp_path / "to"), "format": ("text",)}
    return ExportConfig(**values | more)  # type: ignore[arg-type]


def works(index: OutputIndex) -> tuple[Work, ...]:
    return tuple(
        DocumentWork(each, (FileWork("text", f"{number}.txt", "digest"),), f"{number}.figures/")
        for number, each in enumerate(index.documents())
    )


def test_a_task_writes_the_files_of_its_documents(index: OutputIndex, tmp_path: Path) -> None:
    written = export_tasks.write((index.shards, config(tmp_path)), works(index))
    assert [(each.files[0].file, each.pages) for each in written] == [("0.txt", 1), ("1.txt", 1)]
    assert (tmp_path / "to/1.txt").read_text() == "text of b\n\f"


def test_what_a_task_cannot_do_is_an_error_that_reaches_the_driver(
    index: OutputIndex, tmp_path: Path
) -> None:
    (tmp_path / "to").touch()
    with pytest.raises(JobError, match=f"cannot write to {tmp_path}/to"):
        export_tasks.write((index.shards, config(tmp_path)), works(index))


def test_ray_is_not_started_where_nothing_is_missing(
    index: OutputIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tasks:
        """Writes each batch in this process."""

        def __init__(self, shards: object, options: object, cpus: float) -> None:
            self._shared = index.shards, config(tmp_path)

        def add(self, batch: tuple[Work, ...]) -> list[Written]:
            return export_tasks.write(self._shared, batch)

        def finish(self) -> list[Written]:
            return []

    @contextmanager
    def connected(config: RayConfig) -> Iterator[None]:
        started.append(config)
        yield

    told: list[int] = []
    started: list[RayConfig] = []
    with monkeypatch.context() as patched:
        patched.setattr(export, "ExportTasks", Tasks)
        patched.setattr(export.ray_cluster, "connected", connected)
        assert export.export_on_ray(index, config(tmp_path), told.append).files == {"text": 2}
    assert started == [RayConfig()]
    monkeypatch.setattr(export.ray_cluster, "connected", None)
    assert export.export_on_ray(index, config(tmp_path), told.append).kept == {"text": 2}
    assert told == [1, 1, 1, 1]


def test_paths_are_absolute_for_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ExportConfig(
        output="out",
        to="to",
        password="@words",
        chunks={"tokenizer": "tok.json"},
        spread={"cpus": 2},
    )
    made = export._absolute(given)
    assert (made.output, made.to) == (f"{tmp_path}/out", f"{tmp_path}/to")
    assert made.password == f"@{tmp_path}/words"
    assert made.chunks.tokenizer == f"{tmp_path}/tok.json"
    assert made.dataset.readers == 2
    store = export._absolute(given.model_copy(update={"to": "s3://bucket/to"}))
    assert store.to == "s3://bucket/to"
