"""Documents that hang, blow up or lie, sent to both endpoints: each has its answer, and the
service goes on. `benchmarks/hostile_online.py` does the same with a corpus."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from pipeline.config import InputConfig, ReadConfig, RenderConfig
from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import IngressConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Answer, Online, image, running

WALL_S = 2.5
PDF, PNG, TIFF = "application/pdf", "image/png", "image/tiff"


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    config = ServeConfig.model_validate(
        {
            "engine": {"kind": "fake"},
            "chat": live_service.chat_config(),
            "read": ReadConfig(wall_s=WALL_S, memory_mib=512, max_pages=2000),
            "render": RenderConfig(max_image_pixels=10_000_000),
            "input": InputConfig(max_file_mib=1),
            "ingress": IngressConfig(readers=1),
        }
    )
    with running(config, FakeEngine(HANDLERS["echo"])) as it:
        yield it


def readers() -> list[psutil.Process]:
    """The reader processes that this process has started and not ended.

    Told by their command and as direct children: another test's Ray has readers of its own.
    """
    return [child for child in psutil.Process().children() if _is_reader(child)]


def _is_reader(process: psutil.Process) -> bool:
    try:
        return "pipeline.documents.sandbox.worker" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def upload(service: Online, content: bytes, folder: Path) -> Answer:
    """Send a document to /v1/ocr as curl sends a form."""
    path, answer = folder / "sent.bin", folder / "answer.json"
    path.write_bytes(content)
    command = ["curl", "-s", "-o", answer, "-w", "%{http_code}", "-F", f"file=@{path}"]
    done = subprocess.run([*command, f"{service.url}/v1/ocr"], capture_output=True, check=True)
    return Answer(int(done.stdout), {}, answer.read_bytes())


CASES: dict[str, tuple[bytes, str, int, list[str] | str]] = {
    "a page that takes years": (sample_documents.endless_pdf(), PDF, 200, ["", "timeout", ""]),
    "a page that inflates": (sample_documents.inflating_pdf(96), PDF, 200, ["", "limit", ""]),
    "a page that needs all memory": (sample_documents.stacked_groups_pdf(), PDF, 422, ["*"]),
    "a structure tree that is a cycle": (
        sample_documents.cyclic_structure_pdf(),
        PDF,
        200,
        ["", ""],
    ),
    "nothing in it": (sample_documents.no_pages_pdf(), PDF, 422, "no_pages"),
    "locked": (sample_documents.encrypted_pdf("secret"), PDF, 422, "password"),
    "more pages than may be": (sample_documents.many_pages_pdf(3000), PDF, 413, "limit"),
    "more pages than one may ask for": (
        sample_documents.many_pages_pdf(200),
        PDF,
        413,
        "too_many_pages",
    ),
    "cut off": (sample_documents.text_pdf()[:300], PDF, 422, "unreadable"),
    "no PDF at all": (b"<html>" * 20, PDF, 422, "unreadable"),
    "larger than a file may be": (bytes(2 << 20), PDF, 413, "limit"),
    "few bytes and many pixels": (sample_documents.large_png(8000), PNG, 413, "limit"),
    "a comment that unpacks to 16 MB": (sample_documents.text_bomb_png(), PNG, 413, "limit"),
    "half a TIFF": (sample_documents.tiff_with_broken_frame(), TIFF, 200, ["", "render"]),
    "wrong bits that are read all the same": (sample_documents.broken_fax(), TIFF, 200, [""]),
    "a PDF that says it is a picture": (sample_documents.text_pdf(), PNG, 200, [""]),
}
"""Each: the bytes, what they are called, the status in chat, and either the code of the error or,
of a document that can be opened, the error kind of every page ("" none, "*" any)."""


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_document_has_its_answer(service: Online, name: str, tmp_path: Path) -> None:
    content, media_type, status, wanted = CASES[name]
    begin = time.monotonic()
    chat = service.chat(image(content, media_type))
    ocr = upload(service, content, tmp_path)
    assert time.monotonic() - begin < 4 * WALL_S + 5
    assert chat.status == status, chat.body
    if isinstance(wanted, str):
        assert (ocr.status, ocr.error["code"], chat.error["code"]) == (status, wanted, wanted)
    else:
        kinds = page_kinds(ocr)
        assert len(kinds) == len(wanted)
        assert all(want in (kind, "*") for kind, want in zip(kinds, wanted, strict=True)), kinds
    assert_well(service)


def assert_well(service: Online) -> None:
    """It answers, reads the next document with a living child, and has kept no file."""
    assert service.get("/health").status == 200
    good = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    said = service.chat(image(good)).json["choices"][0]["message"]["content"]
    assert said.startswith("page of 60x40 px")
    [pid] = service.readers.pids
    assert [reader.pid for reader in readers()] == [pid]
    assert list(service.readers._folder.glob("tmp*")) == []


def test_documents_that_inflate_to_half_a_gigabyte_keep_nobody_waiting(tmp_path: Path) -> None:
    """As many as there are readers, with the limits of the defaults."""
    config = ServeConfig.model_validate(
        {"engine": {"kind": "fake"}, "chat": live_service.chat_config()}
    )
    large, cycle = sample_documents.inflating_pdf(560), sample_documents.cyclic_structure_pdf()
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    with running(config, FakeEngine(HANDLERS["echo"])) as service, ThreadPoolExecutor() as pool:
        slow = [pool.submit(upload, service, large, folder) for folder in folders[:2]]
        begin = time.monotonic()
        other = [page_kinds(upload(service, cycle, folders[2])) for _ in range(3)]
        answers = [one.result() for one in slow]
        assert time.monotonic() - begin < config.read.wall_s
    assert other == [["", ""]] * 3
    assert [page_kinds(answer) for answer in answers] == [["", "limit", ""]] * 2


def page_kinds(answer: Answer) -> list[str]:
    """The error kind of each page, "" for none."""
    assert answer.status == 200, answer.body
    return [(page["error"] or {"kind": ""})["kind"] for page in answer.json["pages"]]


def test_nothing_is_left_when_it_ends() -> None:
    config = ServeConfig.model_validate(
        {"engine": {"kind": "fake"}, "chat": live_service.chat_config()}
    )
    before = set(readers())
    with running(config, FakeEngine(HANDLERS["echo"])) as service:
        service.chat(image(sample_documents.endless_pdf(3), PDF))
        folder = service.readers._folder
        assert folder.exists()
    assert not folder.exists()
    assert set(readers()) <= before
