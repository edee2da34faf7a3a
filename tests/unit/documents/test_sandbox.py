from __future__ import annotations

import gc
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.documents.pdf.document import PdfFile
from pipeline.documents.sandbox import SandboxClient, protocol
from pipeline.documents.sandbox.protocol import bounded, receive, send
from pipeline.documents.sandbox.shared_memory import SharedBuffer, create_memory
from pipeline.errors import DocumentError, ErrorKind, JobError, PageError
from tests.support import sample_documents

ROOT = Path(__file__).parents[3]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="kept by Linux alone")


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxClient]:
    """A reader for tests that leave its child alive, with a limit that is soon met."""
    with SandboxClient(
        ReadConfig(wall_s=20), RenderConfig(), InputConfig(max_file_mib=1)
    ) as shared:
        yield shared


@pytest.fixture
def text_pdf(tmp_path: Path) -> str:
    return written(tmp_path, "text.pdf", sample_documents.text_pdf(3))


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def test_inspect_tells_what_a_document_is(reader: SandboxClient, text_pdf: str) -> None:
    seen = reader.inspect(text_pdf)
    content = Path(text_pdf).read_bytes()
    assert seen.doc_id == hashlib.sha256(content).hexdigest()
    assert seen.media_type == "application/pdf"
    assert seen.size_bytes == len(content)
    assert seen.pages == ((612, 792),) * 3
    assert seen.warnings == ()


def test_render_gives_the_pixels_that_are_drawn_here(reader: SandboxClient, text_pdf: str) -> None:
    here = PdfFile(text_pdf, "", 10)
    for page in (1, 3, 2):
        image = reader.render(text_pdf, page)
        expected = here.render(page, RenderConfig())
        assert np.array_equal(image.pixels, expected.pixels)
        assert (image.dpi, image.warnings) == (expected.dpi, expected.warnings)


def test_what_a_file_is_is_seen_from_its_bytes(reader: SandboxClient, tmp_path: Path) -> None:
    picture = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    assert reader.inspect(written(tmp_path, "a.pdf", picture)).media_type == "image/png"
    junk = b"\n" * 1000 + sample_documents.text_pdf()
    assert reader.inspect(written(tmp_path, "b.png", junk)).media_type == "application/pdf"
    buried = b"\n" * 3000 + sample_documents.text_pdf()
    assert len(reader.inspect(written(tmp_path, "c.pdf", buried)).pages) == 1
    with pytest.raises(DocumentError, match="neither a PDF nor a readable image"):
        reader.inspect(written(tmp_path, "d.dat", buried))


def test_a_file_that_changed_is_read_again(reader: SandboxClient, tmp_path: Path) -> None:
    path = written(tmp_path, "changing.pdf", sample_documents.text_pdf(1))
    assert len(reader.inspect(path).pages) == 1
    written(tmp_path, "changing.pdf", sample_documents.text_pdf(2))
    assert reader.render(path, 2).pixels.shape == (1650, 1275, 3)


def test_names_may_be_any_bytes(reader: SandboxClient, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff \xe2\x82\xac'\n.pdf")
    try:
        Path(path).write_bytes(sample_documents.text_pdf())
    except OSError:
        pytest.skip("this file system takes no such name")
    assert len(reader.inspect(path).pages) == 1


def test_passwords_reach_the_document(reader: SandboxClient, tmp_path: Path) -> None:
    path = written(tmp_path, "locked.pdf", sample_documents.encrypted_pdf("secret"))
    assert reader.render(path, 1, "secret").pixels.min() < 100
    for password in ("", "wrong"):
        with pytest.raises(DocumentError) as caught:
            reader.inspect(path, password)
        assert caught.value.kind is ErrorKind.PASSWORD


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ErrorKind.EMPTY),
        (b"%PDF-1.7 and nothing", ErrorKind.UNREADABLE),
        (b"<html><p>Hello</p></html>", ErrorKind.UNREADABLE),
        (sample_documents.no_pages_pdf(), ErrorKind.NO_PAGES),
        (b"\0" * (1024 * 1024 + 1), ErrorKind.LIMIT),
    ],
)
def test_bad_documents(
    reader: SandboxClient, tmp_path: Path, content: bytes, kind: ErrorKind
) -> None:
    path = written(tmp_path, "bad.pdf", content)
    child = reader.pid
    with pytest.raises(DocumentError) as caught:
        reader.inspect(path)
    assert caught.value.kind is kind
    with pytest.raises(PageError) as caught_page:
        reader.render(path, 1)
    assert caught_page.value.kind is kind
    assert child in (None, reader.pid), "a bad document costs no child"


def test_paths_that_are_no_files(reader: SandboxClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    for name, kind in [("gone.pdf", "not_found"), (".", "unreadable"), ("pipe.pdf", "unreadable")]:
        with pytest.raises(DocumentError) as caught:
            reader.inspect(str(tmp_path / name))
        assert caught.value.kind == kind


def test_a_page_that_cannot_be_drawn_costs_itself(reader: SandboxClient, tmp_path: Path) -> None:
    picture = sample_documents.saved(sample_documents.noise_picture(64, 64), "PNG")
    path = written(tmp_path, "half.png", picture[: len(picture) // 2])
    for _ in range(2):  # asked again, Pillow would give the half that it has
        with pytest.raises(PageError, match="truncated") as caught:
            reader.render(path, 1)
        assert caught.value.kind is ErrorKind.RENDER


def test_words_of_the_libraries_become_warnings(reader: SandboxClient, tmp_path: Path) -> None:
    path = written(tmp_path, "fax.tif", sample_documents.broken_fax())
    image = reader.render(path, 1)
    assert image.pixels.shape == (64, 64, 3)
    assert "Fax4Decode" in image.warnings[0]


def test_many_pages(reader: SandboxClient, tmp_path: Path) -> None:
    path = written(tmp_path, "many.pdf", sample_documents.many_pages_pdf(5_000))
    pages = reader.inspect(path).pages
    assert len(pages) == 5_000
    assert pages[:2] == ((612, 792), (792, 612))


def test_pixels_outlive_every_later_page(reader: SandboxClient, text_pdf: str) -> None:
    expected = [reader.render(text_pdf, page).pixels.copy() for page in (1, 2, 3)]
    kept = [reader.render(text_pdf, page % 3 + 1).pixels for page in range(25)]
    crops = [pixels[100:200] for pixels in kept]
    assert all(np.array_equal(kept[n], expected[n % 3]) for n in range(25))
    del kept
    gc.collect()
    again = [reader.render(text_pdf, 1).pixels for _ in range(3)]
    assert all(np.array_equal(crops[n], expected[n % 3][100:200]) for n in range(25))
    assert all(np.array_equal(pixels, expected[0]) for pixels in again)


def test_pixels_outlive_the_reader(text_pdf: str) -> None:
    with SandboxClient() as reader:
        pixels = reader.render(text_pdf, 1).pixels
        expected = pixels.copy()
    assert np.array_equal(pixels, expected)


def test_very_large_pictures_cross_in_one_piece(tmp_path: Path) -> None:
    picture = Image.new("RGB", (5200, 5000), (1, 2, 3))
    path = written(tmp_path, "large.bmp", sample_documents.saved(picture, "BMP"))
    with SandboxClient() as reader:
        pixels = reader.render(path, 1).pixels
    assert pixels.shape == (5000, 5200, 3)
    assert pixels[-1, -1].tolist() == [1, 2, 3]
    assert (pixels == pixels[0, 0]).all()


def test_calls_from_many_threads_wait_for_each_other(reader: SandboxClient, text_pdf: str) -> None:
    reader.inspect(text_pdf)  # the child must not belong to a thread that ends
    expected = reader.render(text_pdf, 2).pixels.copy()
    results: list[bool] = []

    def work() -> None:
        results.append(np.array_equal(reader.render(text_pdf, 2).pixels, expected))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 6


def test_an_endless_page_costs_itself_and_its_time(tmp_path: Path) -> None:
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    with SandboxClient(ReadConfig(wall_s=1)) as reader:
        assert len(reader.inspect(path).pages) == 3
        fine = reader.render(path, 1).pixels
        stuck = reader.pid
        begin = time.monotonic()
        with pytest.raises(PageError, match=r"longer than read\.wall_s \(1 s\)") as caught:
            reader.render(path, 2)
        assert caught.value.kind is ErrorKind.TIMEOUT
        assert time.monotonic() - begin < 3
        assert stuck is not None
        assert not is_running(stuck)
        assert np.array_equal(reader.render(path, 3).pixels, fine)


def test_cpu_time_has_a_limit_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    with SandboxClient(ReadConfig(wall_s=30, cpu_s=1)) as reader:
        with pytest.raises(PageError, match=r"CPU time than read\.cpu_s \(1 s\)") as caught:
            reader.render(path, 2)
        assert caught.value.kind is ErrorKind.TIMEOUT
        assert reader.render(path, 3).dpi == 150


@LINUX
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("groups.pdf", sample_documents.stacked_groups_pdf(60)),
        ("large.png", sample_documents.large_png(12_000)),
    ],
)
def test_memory_has_a_limit(tmp_path: Path, text_pdf: str, name: str, content: bytes) -> None:
    path = written(tmp_path, name, content)
    with SandboxClient(ReadConfig(memory_mib=256)) as reader:
        with pytest.raises(PageError, match=r"read\.memory_mib \(256\)") as caught:
            reader.render(path, 1)
        assert caught.value.kind is ErrorKind.CRASH
        assert reader.pid is None
        assert reader.render(text_pdf, 1).dpi == 150


@pytest.mark.parametrize("signal_name", ["SIGSEGV", "SIGKILL"])
def test_a_child_that_is_killed_in_mid_page(tmp_path: Path, signal_name: str) -> None:
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    with SandboxClient() as reader:
        reader.inspect(path)
        assert reader.pid is not None
        killed = killing_every_child_of(reader, signal.Signals[signal_name], 2)
        with pytest.raises(PageError, match=f"killed by {signal_name}") as caught:
            reader.render(path, 2)
        assert len(set(killed)) == 2, "it is tried once more, in a child of its own"
        assert caught.value.kind is ErrorKind.CRASH
        assert reader.render(path, 3).dpi == 150


def killing_every_child_of(reader: SandboxClient, number: signal.Signals, times: int) -> list[int]:
    """Kill the child that works now, and so many in all; their process ids."""
    killed: list[int] = []

    def kill() -> None:
        while len(killed) < times:
            time.sleep(0.3)
            if reader.pid is not None and reader.pid not in killed:
                killed.append(reader.pid)
                os.kill(reader.pid, number)

    threading.Thread(target=kill, daemon=True).start()
    return killed


def test_a_child_that_dies_of_what_it_held_does_the_page_on_the_second_try(
    tmp_path: Path,
) -> None:
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    with SandboxClient(ReadConfig(wall_s=3)) as reader:
        reader.inspect(path)
        killing_every_child_of(reader, signal.SIGSEGV, 1)
        with pytest.raises(PageError, match=r"read\.wall_s") as caught:
            reader.render(path, 2)
        assert caught.value.kind is ErrorKind.TIMEOUT


def test_a_document_whose_pages_all_end_the_reader_is_given_up(
    tmp_path: Path, text_pdf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    monkeypatch.setattr("pipeline.documents.sandbox.circuit_breaker.MAX_FAILURES", 2)
    with SandboxClient(ReadConfig(wall_s=0.5)) as reader:
        for _ in range(2):
            with pytest.raises(PageError, match="wall_s"):
                reader.render(path, 2)
        with pytest.raises(PageError, match="given up"):
            reader.render(path, 1)
        assert reader.pid is None, "no child was started for it"
        assert len(reader.inspect(text_pdf).pages) == 3


def test_a_child_that_died_between_pages_is_replaced(reader: SandboxClient, text_pdf: str) -> None:
    reader.render(text_pdf, 1)
    first = reader.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert reader.render(text_pdf, 2).dpi == 150
    assert reader.pid != first


def test_an_interrupted_call_leaves_no_stale_answer(
    reader: SandboxClient, text_pdf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.render(text_pdf, 1)
    first = reader.pid

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.documents.sandbox.process.receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            reader.render(text_pdf, 1)
    assert len(reader.inspect(text_pdf).pages) == 3
    assert reader.pid != first


def test_nonsense_from_the_child_is_an_error(
    reader: SandboxClient, text_pdf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.inspect(text_pdf)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.documents.sandbox.process.receive", lambda *_: {"height_px": 10**9})
        with pytest.raises(PageError, match="invalid response") as caught:
            reader.render(text_pdf, 1)
    assert caught.value.kind is ErrorKind.CRASH
    assert reader.render(text_pdf, 1).dpi == 150


def test_a_child_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.documents.sandbox.supervisor._START_PAUSE_S", 0)
    monkeypatch.setattr("pipeline.documents.sandbox.process.sys.executable", "/bin/false")
    with SandboxClient() as reader, pytest.raises(JobError, match="does not start"):
        reader.inspect("any.pdf")


def test_the_child_ends_with_the_reader(text_pdf: str) -> None:
    reader = SandboxClient()
    reader.inspect(text_pdf)
    child = reader.pid
    reader.close()
    reader.close()
    assert child is not None
    assert not is_running(child)
    with pytest.raises(RuntimeError, match="closed"):
        reader.inspect(text_pdf)


def test_no_descriptors_leak(text_pdf: str) -> None:
    def count() -> int:
        return len(os.listdir("/dev/fd"))

    before = count()
    for _ in range(2):
        with SandboxClient() as reader:
            reader.render(text_pdf, 1)
    assert count() == before


@LINUX
@pytest.mark.parametrize("page", [1, 2])
def test_the_child_dies_with_a_killed_parent(tmp_path: Path, page: int) -> None:
    """Idle after page 1, and spinning in C on page 2."""
    path = written(tmp_path, "endless.pdf", sample_documents.endless_pdf())
    script = (
        "import sys\n"
        "from pipeline.documents.sandbox import SandboxClient\n"
        "reader = SandboxClient()\n"
        "reader.render(sys.argv[1], 1)\n"
        "print(reader.pid, flush=True)\n"
        "reader.render(sys.argv[1], int(sys.argv[2]))\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, path, str(page)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(0.2)
        assert is_running(child)
        parent.kill()
    assert_ends(child)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return "State:\tZ" not in status


def assert_ends(pid: int) -> None:
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_messages_have_a_limit_and_a_form() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, {"path": "\udcff", "page": 1})
        assert receive(theirs, 1) == {"path": "\udcff", "page": 1}
        with pytest.raises(ValueError, match="too long"):
            send(ours, {"path": "x" * protocol.MAX_MESSAGE_BYTES})
        for raw in (b"\xff\xff\xff\xff", b"\0\0\0\2[]", b"\0\0\0\1{"):
            ours.sendall(raw)
            with pytest.raises(ValueError):  # noqa: PT011 - of three kinds
                receive(theirs, 1)
        with pytest.raises(TimeoutError):
            receive(theirs, 0.01)
        ours.sendall(b"\0\0\0\5{")
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(EOFError):
            receive(theirs, 1)


def test_bounded_keeps_few_short_printable_lines() -> None:
    assert bounded(["a\x1b[31mb", "", "  "]) == ("a [31mb",)
    kept = bounded(f"{number} " + "x" * 1000 for number in range(100))
    assert len(kept) == 5
    assert max(map(len, kept)) == 200
    assert kept[-1] == "... and 96 more"


@LINUX
def test_shared_memory_cannot_be_shrunk_under_the_other_side() -> None:
    slot = SharedBuffer(create_memory())
    slot.reserve(10)
    with pytest.raises(PermissionError):
        os.ftruncate(slot.descriptor, 0)
    with pytest.raises(ValueError, match="no shared memory"):
        slot.array((100_000, 100_000, 3))
    slot.close()
