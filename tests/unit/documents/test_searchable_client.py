"""Searchable copies are written in the sandbox, within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import ReadConfig
from pipeline.documents import page_text
from pipeline.documents.page_text import PageText, TextRun
from pipeline.documents.sandbox.searchable_client import SearchableClient, SearchableCopy
from pipeline.errors import DocumentError, ErrorKind
from tests.support.pdf_readers import Geometry, mupdf_words
from tests.support.sample_documents import encrypted_pdf, text_pdf

LETTER = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))
ADDED = PageText(1, 612, 792, (TextRun("added", (40, 20, 90, 34), 0),))


@pytest.fixture(scope="module")
def client() -> Iterator[SearchableClient]:
    with SearchableClient() as opened:
        yield opened


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.jsonl"
    page_text.write(path, [ADDED])
    return str(path)


def test_a_copy_is_written_by_another_process(
    client: SearchableClient, text: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(text_pdf(2))
    assert client.add_text(str(source), text, str(target)) == SearchableCopy("", ())
    assert "added" in dict(mupdf_words(target, LETTER))
    # The same process reads documents, as that of any client does.
    assert len(client.inspect(str(target)).pages) == 2
    assert source.read_bytes() == text_pdf(2)


def test_a_password_opens_an_encrypted_document(
    client: SearchableClient, text: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(encrypted_pdf("secret"))
    with pytest.raises(DocumentError) as caught:
        client.add_text(str(source), text, str(target))
    assert caught.value.kind is ErrorKind.PASSWORD
    assert client.add_text(str(source), text, str(target), "secret").refusal == ""


@pytest.mark.parametrize(
    ("content", "kind"), [(b"no document", ErrorKind.UNREADABLE), (b"", ErrorKind.EMPTY)]
)
def test_what_cannot_be_read_is_an_error(
    content: bytes, kind: ErrorKind, client: SearchableClient, text: str, tmp_path: Path
) -> None:
    source = tmp_path / "a"
    source.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        client.add_text(str(source), text, str(tmp_path / "b.pdf"))
    assert caught.value.kind is kind


def test_a_target_that_cannot_be_written_is_an_error(
    client: SearchableClient, text: str, tmp_path: Path
) -> None:
    source = tmp_path / "a.pdf"
    source.write_bytes(text_pdf())
    with pytest.raises(DocumentError, match="cannot be copied") as caught:
        client.add_text(str(source), text, str(tmp_path / "none" / "b.pdf"))
    assert caught.value.kind is ErrorKind.FETCH


def test_a_document_that_takes_too_long_is_given_up_and_the_next_one_is_written(
    tmp_path: Path,
) -> None:
    source, target, slow = (tmp_path / name for name in ("a.pdf", "b.pdf", "slow.jsonl"))
    source.write_bytes(text_pdf())
    words = TextRun("many words in a line of text", (40, 20, 90, 34), 0)
    page_text.write(slow, [PageText(1, 612, 792, (words,) * 2000)] * 2000)
    fast = tmp_path / "fast.jsonl"
    page_text.write(fast, [ADDED])
    with SearchableClient(ReadConfig(wall_s=2.0)) as client:
        with pytest.raises(DocumentError, match=r"read\.wall_s") as caught:
            client.add_text(str(source), str(slow), str(target))
        assert caught.value.kind is ErrorKind.TIMEOUT
        assert client.add_text(str(source), str(fast), str(target)).refusal == ""
