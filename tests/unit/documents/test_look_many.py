"""`SandboxClient.look_many`: pages of a document, with the next ones in the worker's queue."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ReadConfig, RenderConfig
from pipeline.documents.look import LookOptions, PageView
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient
from pipeline.documents.sandbox.supervisor import SentRequest
from pipeline.errors import ErrorKind, JobError, PageError
from pipeline.types import Pixels
from tests.support import sample_documents
from tests.support.sample_documents import Page, pdf, text_content

DRAWN = LookOptions(text_layer="never", measures_profile=False)
READ = LookOptions(text_layer="only")


@pytest.fixture
def reader() -> Iterator[SandboxClient]:
    with SandboxClient(ReadConfig(wall_s=20)) as one:
        yield one


def numbered_pdf(folder: Path, pages: int) -> str:
    """A document whose pages say their number, in a text layer."""
    path = folder / "numbered.pdf"
    path.write_bytes(pdf([Page(text_content([f"This is page {n + 1}."])) for n in range(pages)]))
    return str(path)


def with_endless_page(folder: Path) -> str:
    path = folder / "endless.pdf"
    path.write_bytes(sample_documents.endless_pdf())
    return str(path)


def pixels_of(view: PageView | PageError) -> Pixels:
    assert isinstance(view, PageView)
    assert view.image is not None
    return view.image.pixels


def text_of(view: PageView | PageError) -> str:
    assert isinstance(view, PageView)
    assert view.settled is not None
    return view.settled.text


def kind_of(view: PageView | PageError) -> ErrorKind | None:
    return view.kind if isinstance(view, PageError) else None


def test_answers_come_in_the_order_of_the_pages(reader: SandboxClient, tmp_path: Path) -> None:
    path = numbered_pdf(tmp_path, 30)
    pages = [*range(30, 0, -1), 7, 7]
    found = [text_of(view) for view in reader.look_many(path, pages, READ)]
    assert found == [f"This is page {page}." for page in pages]


def test_pixels_stay_valid_while_later_pages_are_drawn(
    reader: SandboxClient, tmp_path: Path
) -> None:
    path = numbered_pdf(tmp_path, 25)
    here = PdfFile(path, "", 100)
    kept = [pixels_of(view) for view in reader.look_many(path, range(1, 26), DRAWN)]
    for page, pixels in enumerate(kept, 1):
        assert np.array_equal(pixels, here.render(page, RenderConfig()).pixels)
    del kept
    gc.collect()
    assert reader._supervisor.free_buffers == len(reader._supervisor.buffers)


def test_the_worker_goes_on_while_a_page_is_handled(reader: SandboxClient, tmp_path: Path) -> None:
    path = numbered_pdf(tmp_path, 4)
    views = reader.look_many(path, [1, 2, 3, 4], DRAWN)
    next(views)
    time.sleep(1.5)  # pages 2 and 3 are drawn meanwhile
    first = reader.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert pixels_of(next(views)).shape == pixels_of(next(views)).shape
    assert reader.pid == first, "both were answered before it was killed"
    assert isinstance(next(views), PageView), "the last page gets another worker"
    assert reader.pid != first


def test_an_error_is_that_of_its_page_alone(reader: SandboxClient, tmp_path: Path) -> None:
    path = numbered_pdf(tmp_path, 3)
    views = list(reader.look_many(path, [1, 99, 2, 0, 3], READ))
    assert [kind_of(view) for view in views] == [None, "render", None, "render", None]
    assert text_of(views[4]) == "This is page 3."


def test_a_page_that_ends_the_worker_fails_alone(tmp_path: Path) -> None:
    path = with_endless_page(tmp_path)
    with SandboxClient(ReadConfig(wall_s=1)) as reader:
        views = list(reader.look_many(path, [1, 2, 3, 1, 2, 3], DRAWN))
    assert [kind_of(view) for view in views] == [None, "timeout", None, None, "timeout", None]


def test_a_queued_page_has_its_whole_time(tmp_path: Path) -> None:
    """The page after the slow one waits longer than the limit, and is then read."""
    path = with_endless_page(tmp_path)
    with SandboxClient(ReadConfig(wall_s=1.5)) as reader:
        views = reader.look_many(path, [1, 3, 2, 1, 3], DRAWN)
        found = [kind_of(next(views))]
        time.sleep(2)
        found += [kind_of(view) for view in views]
    assert found == [None, None, "timeout", None, None]


def test_the_time_of_a_page_begins_when_the_worker_begins_it(tmp_path: Path) -> None:
    """While a page is handled the worker is at the endless one: its time runs meanwhile."""
    path = with_endless_page(tmp_path)
    with SandboxClient(ReadConfig(wall_s=4)) as reader:
        views = reader.look_many(path, [1, 2, 3], DRAWN)
        next(views)
        time.sleep(4)
        begin = time.monotonic()
        assert kind_of(next(views)) is ErrorKind.TIMEOUT
        assert time.monotonic() - begin < 3, "and not read.wall_s (4 s)"
        assert kind_of(next(views)) is None


def test_cpu_time_is_that_of_one_page(tmp_path: Path) -> None:
    path = with_endless_page(tmp_path)
    with SandboxClient(ReadConfig(wall_s=30, cpu_s=1)) as reader:
        views = list(reader.look_many(path, [1, 2, 3], DRAWN))
    assert [kind_of(view) for view in views] == [None, "timeout", None]
    assert "read.cpu_s" in str(views[1])


def test_a_document_whose_pages_all_end_the_worker_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = with_endless_page(tmp_path)
    monkeypatch.setattr("pipeline.documents.sandbox.circuit_breaker.MAX_FAILURES", 2)
    with SandboxClient(ReadConfig(wall_s=0.5)) as reader:
        views = list(reader.look_many(path, [1, 2, 2, 3, 1], DRAWN))
        assert reader.pid is None, "no worker was started for the rest"
    kinds = [kind_of(view) for view in views]
    assert kinds == [None, "timeout", "timeout", "crash", "crash"]
    assert "given up" in str(views[3])


def test_other_calls_may_be_made_between_two_pages(reader: SandboxClient, tmp_path: Path) -> None:
    path = numbered_pdf(tmp_path, 6)
    other = tmp_path / "other.pdf"
    other.write_bytes(sample_documents.text_pdf(2))
    found = []
    for view in reader.look_many(path, range(1, 7), READ):
        found.append(text_of(view))
        assert len(reader.inspect(str(other)).pages) == 2
    assert found == [f"This is page {page}." for page in range(1, 7)]


def test_pages_that_nobody_waits_for_leave_nothing_behind(
    reader: SandboxClient, tmp_path: Path
) -> None:
    path = numbered_pdf(tmp_path, 9)
    for _ in range(8):  # more than there are buffers, were they kept
        views = reader.look_many(path, range(1, 10), READ)
        next(views)
        views.close()  # type: ignore[attr-defined]
    assert text_of(reader.look(path, 5, READ)) == "This is page 5."
    assert reader._supervisor.free_buffers == len(reader._supervisor.buffers)


def test_a_structure_tree_that_is_a_cycle_is_not_followed(
    reader: SandboxClient, tmp_path: Path
) -> None:
    path = tmp_path / "cycle.pdf"
    path.write_bytes(sample_documents.cyclic_structure_pdf())
    tagged, fine = reader.look_many(str(path), [1, 2], READ)
    assert text_of(tagged).split() == ["tagged", "0", "tagged", "1"]
    assert text_of(fine) == "fine"
    assert len([pixels_of(view) for view in reader.look_many(str(path), [1, 2], DRAWN)]) == 2


def test_without_rendering_only_settled_pages_have_a_result(
    reader: SandboxClient, tmp_path: Path
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(sample_documents.scan_pdf(b""))
    quiet = LookOptions(may_render=False)
    [scan] = reader.look_many(str(path), [1], quiet)
    assert isinstance(scan, PageView)
    assert scan.is_unread
    numbered = numbered_pdf(tmp_path, 1)
    assert text_of(reader.look(numbered, 1, quiet)) == "This is page 1."
    # A worker that answers so where a page was to be rendered is not believed.
    refused = reader._next_view(_sent(reader, str(path), quiet), may_be_unread=False)
    assert kind_of(refused) is ErrorKind.CRASH
    assert "neither an image nor a result" in str(refused)


def test_whether_a_page_may_be_drawn_is_asked_when_it_is_sent(
    reader: SandboxClient, tmp_path: Path
) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(sample_documents.scan_pdf(b""))
    answers = iter([True, False, True, False, False])
    views = reader.look_many(str(path), [1] * 5, LookOptions(), may_render=lambda: next(answers))
    found = [not view.is_unread for view in views if isinstance(view, PageView)]
    assert found == [True, False, True, False, False]


def _sent(reader: SandboxClient, path: str, options: LookOptions) -> SentRequest:
    message = {"do": "look", "path": path, "password": [], "options": options.to_message()}
    return reader._supervisor.send(message | {"page": 1})


def test_no_page_is_an_empty_answer_and_no_worker(tmp_path: Path) -> None:
    with SandboxClient() as reader:
        assert list(reader.look_many(numbered_pdf(tmp_path, 1), [], READ)) == []
        assert reader.pid is None


def test_a_worker_that_does_not_start_is_a_failure_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.documents.sandbox.supervisor._START_PAUSE_S", 0)
    monkeypatch.setattr("pipeline.documents.sandbox.process.sys.executable", "/bin/false")
    with SandboxClient() as reader, pytest.raises(JobError, match="does not start"):
        list(reader.look_many(numbered_pdf(tmp_path, 2), [1, 2], READ))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_worker_loads_no_models_for_page_layout(tmp_path: Path) -> None:
    """PyMuPDF imports onnxruntime where its layout package is installed."""
    with SandboxClient() as reader:
        assert text_of(reader.look(numbered_pdf(tmp_path, 1), 1, READ)) == "This is page 1."
        loaded = Path(f"/proc/{reader.pid}/maps").read_text()
    assert "_mupdf" in loaded
    assert "onnxruntime" not in loaded
