"""`pipeline.documents.pdf.inflation`: pages whose streams decode to more than is allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import ReadConfig, RenderConfig
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import ErrorKind, PageError
from tests.support import sample_documents

LARGE = [("content", 1), ("content", 2), ("form", 1), ("pattern", 1), ("font", 1)]


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxClient]:
    with SandboxClient(ReadConfig(wall_s=20, max_inflated_mib=8)) as one:
        yield one


def written(folder: Path, content: bytes) -> str:
    path = folder / "inflates.pdf"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("text_layer", ["never", "only"])
@pytest.mark.parametrize(("where", "filters"), LARGE)
def test_a_page_that_inflates_fails_alone_and_at_once(
    reader: SandboxClient, tmp_path: Path, where: str, filters: int, text_layer: str
) -> None:
    path = written(tmp_path, sample_documents.inflating_pdf(16, where, filters))
    reader.inspect(path)
    worker, begin = reader.pid, time.monotonic()
    options = LookOptions(text_layer=text_layer)  # type: ignore[arg-type]
    first, large, again, last = reader.look_many(path, [1, 2, 2, 3], options)
    assert time.monotonic() - begin < 15, "and not read.wall_s (60 s)"
    for error in (large, again):
        assert isinstance(error, PageError)
        assert error.kind is ErrorKind.LIMIT
        assert "read.max_inflated_mib (8)" in str(error)
    assert isinstance(first, PageView)
    assert isinstance(last, PageView)
    assert reader.pid == worker


@pytest.mark.parametrize(("where", "filters"), LARGE)
def test_a_page_within_the_limit_is_drawn(tmp_path: Path, where: str, filters: int) -> None:
    path = written(tmp_path, sample_documents.inflating_pdf(1, where, filters))
    page = PdfFile(path, "", 9, max_inflated_mib=8).render(2, RenderConfig())
    assert page.warnings == ()
    assert page.pixels.min() < 100


def test_a_stream_that_is_listed_twice_counts_twice(tmp_path: Path) -> None:
    path = written(tmp_path, sample_documents.inflating_pdf(2))
    PdfFile(path, "", 9, max_inflated_mib=5).render(2, RenderConfig())
    with pytest.raises(PageError, match="max_inflated_mib"):
        PdfFile(path, "", 9, max_inflated_mib=3).render(2, RenderConfig())


def test_the_default_refuses_half_a_gigabyte_in_less_than_two_seconds(tmp_path: Path) -> None:
    content = sample_documents.inflating_pdf(256)
    assert len(content) < 2 << 20
    path = written(tmp_path, content)
    with SandboxClient() as reader:
        reader.inspect(path)
        begin = time.monotonic()
        with pytest.raises(PageError, match="max_inflated_mib") as caught:
            reader.render(path, 2)
        assert time.monotonic() - begin < 15, "and not read.wall_s (60 s)"
    assert caught.value.kind is ErrorKind.LIMIT


def test_forms_that_draw_each_other_end(tmp_path: Path) -> None:
    path = written(tmp_path, sample_documents.endless_pdf())
    assert PdfFile(path, "", 9, max_inflated_mib=1).render(1, RenderConfig()).dpi == 150
