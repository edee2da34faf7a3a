from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.config import InputConfig, OcrOptions
from pipeline.errors import ErrorKind
from pipeline.job.stages.contents import Contents
from pipeline.job.stages.plan import Planner
from pipeline.job.stages.records import PlannedPage
from pipeline.output.completed import Ledger
from pipeline.page_range import PageSelection
from pipeline.types import Document
from tests.support import sample_documents

PNG = sample_documents.saved(sample_documents.corner_picture(), "PNG")


def planned(tmp_path: Path, place: object, **options: object) -> list[PlannedPage]:
    planner = Planner("recipe", PageSelection.parse(""), Ledger())
    wanted = OcrOptions(output=str(tmp_path / "out"), **{"attachments": True} | options)
    with closing(Contents(wanted, planner)) as contents:
        return contents.pages(Document(str(place), 0))


def rows(pages: Sequence[PlannedPage], folder: Path) -> list[tuple[str, int, str | None]]:
    return [
        (page.ref.uri.removeprefix(f"{folder}/"), page.ref.page, page.failure and page.failure.kind)
        for page in pages
    ]


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    listed = [
        *(("scan.png", PNG), ("two.pdf", sample_documents.text_pdf(2)), ("notes.txt", b"words")),
        *(("bad.pdf", b"no PDF"), ("gone.pdf", None), ("empty.pdf", b"")),
    ]
    path = tmp_path / "mail.pdf"
    path.write_bytes(
        sample_documents.carrying_pdf(listed, [("two.pdf", sample_documents.text_pdf(1))])
    )
    return path


def test_attachments_are_documents_of_their_own(mail: Path, tmp_path: Path):
    pages = planned(tmp_path, mail)
    assert rows(pages, tmp_path) == [
        ("mail.pdf", 1, None),
        ("mail.pdf!/scan.png", 1, None),
        ("mail.pdf!/two.pdf", 1, None),
        ("mail.pdf!/two.pdf", 2, None),
        ("mail.pdf!/bad.pdf", 0, ErrorKind.UNREADABLE),
        ("mail.pdf!/gone.pdf", 0, ErrorKind.UNREADABLE),
        ("mail.pdf!/empty.pdf", 0, ErrorKind.EMPTY),
        ("mail.pdf!/two-2.pdf", 1, None),
    ]
    assert {page.outer for page in pages[1:]} == {str(mail)}
    assert pages[0].outer == ""
    assert (pages[0].ref.page_count, pages[2].ref.page_count) == (1, 2)
    assert [page.attachments_left_out for page in pages] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert "embedded files not recognised for their ending: 1 .txt" in pages[0].warnings
    assert len({page.ids.page_id for page in pages}) == len(pages)
    assert [page.ids.page_id for page in planned(tmp_path, mail)] == [
        page.ids.page_id for page in pages
    ]


def test_without_the_flag_they_are_named_and_left(mail: Path, tmp_path: Path):
    [page] = planned(tmp_path, mail, attachments=False)
    assert page.warnings[0].startswith("6 embedded files: scan.png, two.pdf, ")


def test_one_attachment_may_be_an_input(mail: Path, tmp_path: Path):
    pages = planned(tmp_path, f"{mail}!/two.pdf", attachments=False)
    assert rows(pages, tmp_path) == [("mail.pdf!/two.pdf", 1, None), ("mail.pdf!/two.pdf", 2, None)]
    assert pages[0].ids.page_id == planned(tmp_path, mail)[2].ids.page_id
    [none] = planned(tmp_path, f"{mail}!/other.pdf", attachments=False)
    assert none.failure is not None
    assert none.failure.kind is ErrorKind.NOT_FOUND
    [gone] = planned(tmp_path, f"{tmp_path}/no.pdf!/two.pdf", attachments=False)
    assert gone.failure is not None
    assert gone.failure.kind is ErrorKind.NOT_FOUND


def test_a_file_that_is_called_like_an_attachment_is_a_file(tmp_path: Path):
    (tmp_path / "a.pdf!").mkdir()
    (tmp_path / "a.pdf!" / "b.pdf").write_bytes(sample_documents.text_pdf())
    [page] = planned(tmp_path, tmp_path / "a.pdf!" / "b.pdf")
    assert (page.outer, page.failure) == ("", None)


def test_what_is_beyond_the_limit_is_one_row(mail: Path, tmp_path: Path):
    pages = planned(tmp_path, mail, input=InputConfig(max_attachments=2))
    assert rows(pages, tmp_path)[-1] == ("mail.pdf!/", 0, ErrorKind.LIMIT)
    assert len(pages) == 1 + 1 + 2 + 1
    assert pages[-1].failure is not None
    assert pages[-1].failure.message.startswith("4 more embedded documents than input.max_att")


def test_a_pdf_without_pages_carries_attachments_too(tmp_path: Path):
    path = tmp_path / "cover.pdf"
    listed = [("in.pdf", sample_documents.text_pdf()), ("notes.txt", b"words")]
    path.write_bytes(sample_documents.carrying_pdf(listed, pages=()))
    [alone] = planned(tmp_path, path, attachments=False)
    own, attached = planned(tmp_path, path)
    assert rows([own, attached], tmp_path) == [
        ("cover.pdf", 0, ErrorKind.NO_PAGES),
        ("cover.pdf!/in.pdf", 1, None),
    ]
    assert (own.ids, own.failure, own.ref) == (alone.ids, alone.failure, alone.ref)
    assert (own.attachments_left_out, attached.outer) == (1, str(path))
    [same] = planned(tmp_path, f"{path}!/in.pdf", attachments=False)
    assert (same.ids, same.failure) == (attached.ids, None)


def test_a_pdf_without_pages_and_without_attachments_is_one_row(tmp_path: Path):
    path = tmp_path / "none.pdf"
    path.write_bytes(sample_documents.no_pages_pdf())
    assert rows(planned(tmp_path, path), tmp_path) == [("none.pdf", 0, ErrorKind.NO_PAGES)]


def test_what_an_attachment_without_pages_carries_is_not_followed(tmp_path: Path):
    inner = sample_documents.carrying_pdf([("deep.pdf", sample_documents.text_pdf())], pages=())
    (tmp_path / "mail.pdf").write_bytes(sample_documents.carrying_pdf([("inner.pdf", inner)]))
    pages = planned(tmp_path, tmp_path / "mail.pdf")
    assert rows(pages, tmp_path)[1:] == [("mail.pdf!/inner.pdf", 0, ErrorKind.NO_PAGES)]
    assert pages[1].attachments_left_out == 1


def test_a_large_attachment_is_a_row(tmp_path: Path):
    path = tmp_path / "mail.pdf"
    path.write_bytes(sample_documents.carrying_pdf([("a.pdf", bytes(2 << 20)), ("b.png", PNG)]))
    pages = planned(tmp_path, path, input=InputConfig(max_attachment_mib=1))
    assert [kind for _, _, kind in rows(pages, tmp_path)] == [None, ErrorKind.LIMIT, None]


def test_attachments_of_attachments_are_not_followed_and_that_is_said(tmp_path: Path):
    inner = sample_documents.carrying_pdf([("deep.pdf", sample_documents.text_pdf())])
    (tmp_path / "mail.pdf").write_bytes(sample_documents.carrying_pdf([("inner.pdf", inner)]))
    pages = planned(tmp_path, tmp_path / "mail.pdf")
    assert rows(pages, tmp_path) == [("mail.pdf", 1, None), ("mail.pdf!/inner.pdf", 1, None)]
    said = "1 file embedded in this attachment: not followed, not recognised"
    assert said in pages[1].warnings
    assert pages[1].attachments_left_out == 1


def test_the_password_of_the_outer_document_opens_both(tmp_path: Path):
    import pymupdf

    with pymupdf.open(stream=sample_documents.text_pdf(), filetype="pdf") as document:
        document.embfile_add("in.pdf", sample_documents.encrypted_pdf("outer"))
        keys = {"user_pw": "outer", "owner_pw": "o"}
        content = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, **keys)
    (tmp_path / "mail.pdf").write_bytes(content)
    table = tmp_path / "passwords.csv"
    table.write_text("uri,password\nmail.pdf,outer\n")
    pages = planned(tmp_path, tmp_path / "mail.pdf", passwords=str(table))
    assert rows(pages, tmp_path) == [("mail.pdf", 1, None), ("mail.pdf!/in.pdf", 1, None)]
    [locked] = planned(tmp_path, tmp_path / "mail.pdf")
    assert locked.failure is not None
    assert locked.failure.kind is ErrorKind.PASSWORD


def test_a_name_that_is_no_unicode_carries_attachments_too(tmp_path: Path):
    from pipeline.documents.listing import Listing

    folder = tmp_path / "post"
    folder.mkdir()
    content = sample_documents.carrying_pdf([("ü 1.pdf", sample_documents.text_pdf())])
    (folder / "caf\udce9.pdf").write_bytes(content)
    [document] = Listing([str(folder)], InputConfig(), attachments=True).documents()
    pages = planned(tmp_path, document.uri)
    assert [page.failure for page in pages] == [None, None]
    assert pages[1].ref.uri.endswith("caf%E9.pdf!/%C3%BC%201.pdf")


def test_attachments_of_members_of_archives(mail: Path, tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(mail, "in/mail.pdf")
    pages = planned(tmp_path, f"{tmp_path}/all.zip!/in/mail.pdf")
    found = [row[0] for row in rows(pages, tmp_path)]
    assert found[:2] == ["all.zip!/in/mail.pdf", "all.zip!/in/mail.pdf!/scan.png"]
    assert len(found) == 8
    one = planned(tmp_path, f"{tmp_path}/all.zip!/in/mail.pdf!/scan.png", attachments=False)
    assert [page.failure for page in one] == [None]
