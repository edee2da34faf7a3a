"""Files that MuPDF cannot open, or in which it finds no page, and qpdf can read."""

from __future__ import annotations

import re
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RenderConfig
from pipeline.documents.pdf import repair
from pipeline.documents.pdf.document import PdfFile
from pipeline.errors import DocumentError, ErrorKind
from tests.support import sample_documents

WARNING = "{} of the damaged file could be recovered, more may be lost"
PAGE_WARNING = "read from what could be recovered of a damaged file"


def opened(tmp_path: Path, content: bytes, password: str = "", max_pages: int = 100) -> PdfFile:
    path = tmp_path / "document.pdf"
    path.write_bytes(content)
    return PdfFile(str(path), password, max_pages)


def saved(page_count: int = 2, **options: object) -> bytes:
    """A PDF as MuPDF writes it; each page says its number."""
    with pymupdf.open() as document:
        for number in range(1, page_count + 1):
            document.new_page().insert_text((72, 72), f"page {number}")
        content: bytes = document.tobytes(**options)
    return content


def broken_catalog(content: bytes) -> bytes:
    """With a number where the catalog has a key: MuPDF opens it and finds no page."""
    return content.replace(b"/Type/Catalog", b"/Type/Catalog 7 ", 1)


def text(document: PdfFile, page: int) -> str:
    lines = document.layer(page, RenderConfig()).lines
    return " ".join(line.text for line in lines)


def test_pages_that_mupdf_does_not_find_are_read(tmp_path: Path) -> None:
    content = broken_catalog(saved())
    with pymupdf.open(stream=content, filetype="pdf") as document:
        assert document.page_count == 0
    found = opened(tmp_path, content)
    assert len(found.sizes_pt()) == 2
    assert [text(found, page) for page in (1, 2)] == ["page 1", "page 2"]
    assert found.warnings == (WARNING.format("2 pages"),)


def test_a_file_that_mupdf_refuses_is_read(tmp_path: Path) -> None:
    """An array without an end, and a table of objects that is not where the file says."""
    content = saved().replace(b"/MediaBox[0 0 595 842]", b"/MediaBox[0 0 595 842", 1)
    content = re.sub(rb"startxref\n\d+", b"startxref\n7", content)
    with pytest.raises(pymupdf.FileDataError):
        pymupdf.open(stream=content, filetype="pdf")
    found = opened(tmp_path, content)
    assert len(found.sizes_pt()) == 1
    assert text(found, 1) == "page 2"
    assert found.warnings == (WARNING.format("1 page"),)


def test_an_encrypted_one_is_read_with_its_password(tmp_path: Path) -> None:
    encryption = pymupdf.PDF_ENCRYPT_AES_256
    content = broken_catalog(saved(encryption=encryption, user_pw="sextant", owner_pw="other"))
    found = opened(tmp_path, content, "sextant")
    assert text(found, 2) == "page 2"
    for given in ("", "wrong"):
        with pytest.raises(DocumentError) as caught:
            opened(tmp_path, content, given)
        assert caught.value.kind is ErrorKind.PASSWORD


def test_a_page_without_content_in_the_copy_is_not_taken_for_blank(tmp_path: Path) -> None:
    content = broken_catalog(saved())
    lost = content.replace(b"/Contents", b"/Kontents", 1)
    document = opened(tmp_path, lost)
    assert PAGE_WARNING in document.layer(1, RenderConfig()).warnings  # so it is rendered
    page = document.render(1, RenderConfig())
    assert PAGE_WARNING in page.warnings
    assert page.blank_suspect_reason == (
        "its content is not in what could be recovered of the damaged file"
    )


def test_the_limit_of_pages_holds_for_the_copy(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, broken_catalog(saved(page_count=3)), max_pages=2)
    assert caught.value.kind is ErrorKind.LIMIT


def test_a_name_of_any_bytes_is_opened(tmp_path: Path) -> None:
    path = str(tmp_path / "caf\udce9.pdf")
    with open(path, "wb") as file:
        file.write(broken_catalog(saved()))
    assert len(PdfFile(path, "", 100).sizes_pt()) == 2


@pytest.mark.parametrize(
    "content",
    [
        sample_documents.no_pages_pdf(),
        b"%PDF-1.7\nnothing",
        b"no PDF at all",
        sample_documents.text_pdf()[:300],
        broken_catalog(saved()).replace(b"/Contents", b"/Kontents"),
    ],
    ids=["no pages", "no objects", "text", "cut off before the content", "no content"],
)
def test_where_qpdf_finds_no_page_with_content_nothing_is_written(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "document.pdf"
    path.write_bytes(content)
    assert repair.rewritten(str(path), []) is None


def test_a_sound_file_is_not_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, passwords: object) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr(repair, "rewritten", refuse)
    assert opened(tmp_path, saved()).warnings == ()
