"""Searchable copies: text is found at its place, and the pages stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pymupdf
import pytest

from pipeline.config import RenderConfig
from pipeline.documents import page_text, searchable_copy
from pipeline.documents.page_text import PageText, TextRun
from pipeline.documents.sandbox.searchable_client import SearchableCopy
from pipeline.errors import DocumentError, ErrorKind
from pipeline.types import Box
from tests.support.pdf_readers import READERS, Geometry, mupdf_words
from tests.support.sample_documents import (
    Page,
    encrypted_pdf,
    pdf,
    prose,
    stream,
    text_content,
    text_pdf,
)

PX_PER_PT = 2.0
MAX_OFF_PT = 3.0
GEOMETRIES = [
    Geometry(crop=crop, deg=deg)
    for crop, deg in product([(0, 0, 400, 600), (50, 40, 350, 540)], [0, 90, 180, 270])
]
PLACES: dict[int, Box] = {
    0: (20, 60, 100, 75),
    90: (150, 20, 165, 100),
    180: (20, 200, 100, 215),
    270: (190, 20, 205, 100),
}
"""A line for each direction of text, points of the page as displayed."""


def page_of(geometry: Geometry, *lines: tuple[str, Box, int], page: int = 1) -> PageText:
    width, height = geometry.shown_pt
    runs = tuple(
        TextRun(text, tuple(side * PX_PER_PT for side in box), deg) for text, box, deg in lines
    )
    return PageText(page, round(width * PX_PER_PT), round(height * PX_PER_PT), runs)


def copied(
    content: bytes, pages: Sequence[PageText], folder: Path, passwords: Sequence[str] = ()
) -> tuple[SearchableCopy, Path]:
    source, target = folder / "source", folder / "copy.pdf"
    source.write_bytes(content)
    return searchable_copy.write(
        str(source), str(target), pages, passwords, RenderConfig(), 100
    ), target


def assert_near(found: Box, box: Box) -> None:
    assert all(abs(a - b) <= MAX_OFF_PT for a, b in zip(found, box, strict=True)), (found, box)


def pixels(path: Path, page: int = 0) -> bytes:
    with pymupdf.open(path) as document:
        return bytes(document[page].get_pixmap(dpi=100).samples)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_lines_are_found_at_their_places(geometry: Geometry, reader: str, tmp_path: Path) -> None:
    content = pdf([Page(size_pt=geometry.size_pt, entries=geometry.entries)])
    lines = [(f"word{deg}", box, deg) for deg, box in PLACES.items()]
    _, target = copied(content, [page_of(geometry, *lines)], tmp_path)
    found = dict(READERS[reader](target, geometry))
    assert found.keys() == {text for text, _, _ in lines}
    for text, box, _ in lines:
        assert_near(found[text], box)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Quarterly results of 2026", ["Quarterly", "results", "of", "2026"]),
        ("Καλημέρα κόσμε", ["Καλημέρα", "κόσμε"]),
        ("Съешь ещё булок", ["Съешь", "ещё", "булок"]),
        ("日本語の文字列 漢字", ["日本語の文字列", "漢字"]),
        ("सूचना पत्र", ["सूचना", "पत्र"]),
        ("cafe\u0301 \U0001f600 end", ["cafe\u0301", "\U0001f600", "end"]),
    ],
)
def test_words_of_all_scripts_are_found(
    text: str, words: list[str], reader: str, tmp_path: Path
) -> None:
    geometry, box = Geometry(), (40.0, 50.0, 240.0, 64.0)
    _, target = copied(
        pdf([Page(size_pt=geometry.size_pt)]), [page_of(geometry, (text, box, 0))], tmp_path
    )
    found = READERS[reader](target, geometry)
    assert [word for word, _ in found] == words
    assert_near((found[0][1][0], found[0][1][1], found[-1][1][2], found[-1][1][3]), box)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_the_original_is_a_prefix_and_its_pages_look_the_same(
    geometry: Geometry, tmp_path: Path
) -> None:
    drawn = text_content(prose(20), top_pt=500)
    content = pdf([Page(drawn, geometry.size_pt, geometry.entries)])
    lines = [(f"word{deg}", box, deg) for deg, box in PLACES.items()]
    copy, target = copied(content, [page_of(geometry, *lines)], tmp_path)
    assert copy == SearchableCopy("", ())
    assert target.read_bytes().startswith(content)
    assert len(target.read_bytes()) > len(content)
    assert pixels(target) == pixels(tmp_path / "source")
    with pymupdf.open(target) as document:
        added, *own = document[0].get_contents()
        assert [document.xref_stream_raw(number) for number in own] == [drawn]
        assert b"3 Tr" in document.xref_stream(added)


def test_a_page_that_leaves_the_graphics_state_changed_has_its_text_in_place(
    tmp_path: Path,
) -> None:
    geometry = Geometry()
    unbalanced = b"q 0.1 0 0 0.1 300 300 cm q q 1 Tr BT 5 Ts 400 Tz ET"
    parts = [stream(unbalanced), stream(b"0 0 50 50 re f")]
    entries = b"/Contents[4 0 R 5 0 R]"
    content = pdf([Page(size_pt=geometry.size_pt, entries=entries)], objects=parts)
    box = (40.0, 50.0, 90.0, 64.0)
    _, target = copied(content, [page_of(geometry, ("word", box, 0))], tmp_path)
    [(text, found)] = mupdf_words(target, geometry)
    assert text == "word"
    assert_near(found, box)
    assert pixels(target) == pixels(tmp_path / "source")


def test_pages_that_share_their_resources_keep_their_fonts(tmp_path: Path) -> None:
    geometry = Geometry()
    pages = [Page(text_content([f"own {number}"], top_pt=300), (400, 600)) for number in (1, 2, 3)]
    added = [page_of(geometry, (f"new{n}", (40, 50, 90, 64), 0), page=n) for n in (1, 3)]
    _, target = copied(pdf(pages), added, tmp_path)
    with pymupdf.open(target) as document:
        words = [[word[4] for word in page.get_text("words")] for page in document]
        fonts = [{font[3] for font in page.get_fonts()} for page in document]
    assert words == [["new1", "own", "1"], ["own", "2"], ["new3", "own", "3"]]
    assert fonts[1] == {"Helvetica"}
    assert fonts[0] == fonts[2] == {"Helvetica", "RayscribeInvisible"}


def test_a_copy_that_gets_text_again_keeps_that_of_before(tmp_path: Path) -> None:
    geometry = Geometry()
    content = pdf([Page(size_pt=geometry.size_pt)])
    for text, top in (("before", 50), ("after", 150), ("at last", 250)):
        line = (text, (40, top, 90, top + 14), 0)
        _, target = copied(content, [page_of(geometry, line)], tmp_path)
        content = target.read_bytes()
    assert sorted(text for text, _ in mupdf_words(target, geometry)) == [
        *("after", "at", "before", "last")
    ]


def test_a_page_without_content_and_resources_gets_text(tmp_path: Path) -> None:
    with pymupdf.open() as made:
        made.new_page(width=400, height=600)
        content = made.tobytes()
    geometry = Geometry()
    _, target = copied(content, [page_of(geometry, ("word", (40, 50, 90, 64), 0))], tmp_path)
    assert [text for text, _ in mupdf_words(target, geometry)] == ["word"]


def test_a_page_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    geometry = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))
    pages = [page_of(geometry, ("word", (40, 20, 90, 34), 0), page=n) for n in (1, 7)]
    copy, target = copied(text_pdf(1), pages, tmp_path)
    assert copy.warnings == ("page 7 cannot be changed",)
    assert "word" in dict(mupdf_words(target, geometry))


def test_a_damaged_file_is_written_anew_with_its_streams_as_they_were(tmp_path: Path) -> None:
    geometry = Geometry()
    drawn = text_content(["own words"], top_pt=300)
    content = pdf([Page(drawn, geometry.size_pt)])
    damaged = content[: content.index(b"xref\n")]  # MuPDF finds the objects by a search
    copy, target = copied(damaged, [page_of(geometry, ("new", (40, 50, 90, 64), 0))], tmp_path)
    assert copy.refusal == ""
    assert [text for text, _ in mupdf_words(target, geometry)] == ["new", "own", "words"]
    assert drawn in target.read_bytes()
    assert list(tmp_path.glob("*.whole")) == []


@pytest.mark.parametrize("reader", READERS)
def test_text_of_a_tagged_pdf_is_an_artifact_that_is_found(reader: str, tmp_path: Path) -> None:
    geometry = Geometry()
    content = pdf([Page(size_pt=geometry.size_pt)], catalog=b"/MarkInfo<</Marked true>>")
    _, target = copied(content, [page_of(geometry, ("new", (40, 50, 90, 64), 0))], tmp_path)
    assert [text for text, _ in READERS[reader](target, geometry)] == ["new"]
    with pymupdf.open(target) as document:
        added = document.xref_stream(document[0].get_contents()[0])
    assert added.startswith(b"/Artifact BMC")
    assert added.rstrip().endswith(b"EMC")


SIGNED = b"/AcroForm<</SigFlags 3/Fields[<</FT/Sig/T(s)/V<</Type/Sig/Filter/Adobe.PPKLite>>>>]>>"
NESTED = b"/AcroForm<</Fields[<</T(a)/Kids[<</FT/Sig/T(s)/Kids[<</V<</Type/Sig>>>>]>>]>>]>>"
CERTIFIED = b"/Perms<</DocMDP<</Type/Sig>>>>"


@pytest.mark.parametrize("catalog", [SIGNED, NESTED, CERTIFIED])
def test_a_signed_pdf_is_refused(catalog: bytes, tmp_path: Path) -> None:
    geometry = Geometry()
    content = pdf([Page(size_pt=geometry.size_pt)], catalog=catalog)
    copy, _ = copied(content, [page_of(geometry, ("new", (40, 50, 90, 64), 0))], tmp_path)
    assert copy.refusal == "signed: a change would invalidate the signature"


@pytest.mark.parametrize(
    "catalog",
    [
        b"/AcroForm<</SigFlags 1/Fields[<</FT/Sig/T(to be signed)>>]>>",
        b"/AcroForm<</Fields[<</FT/Tx/T(name)/V(text)>>]>>",
    ],
)
def test_a_form_that_nobody_signed_is_not_refused(catalog: bytes, tmp_path: Path) -> None:
    geometry = Geometry()
    content = pdf([Page(size_pt=geometry.size_pt)], catalog=catalog)
    copy, _ = copied(content, [page_of(geometry, ("new", (40, 50, 90, 64), 0))], tmp_path)
    assert copy.refusal == ""


def test_fields_in_a_circle_end(tmp_path: Path) -> None:
    geometry = Geometry()
    field = b"<</FT/Tx/T(a)/Kids[4 0 R]>>"
    content = pdf(
        [Page(size_pt=geometry.size_pt)], objects=[field], catalog=b"/AcroForm<</Fields[4 0 R]>>"
    )
    copy, _ = copied(content, [page_of(geometry, ("new", (40, 50, 90, 64), 0))], tmp_path)
    assert "signed" in copy.refusal  # what cannot be searched is not changed


LETTER = Geometry(size_pt=(612, 792), crop=(0, 0, 612, 792))


def test_an_encrypted_pdf_keeps_its_encryption(tmp_path: Path) -> None:
    content = encrypted_pdf("secret")
    pages = [page_of(LETTER, ("new", (40, 20, 90, 34), 0))]
    copy, target = copied(content, pages, tmp_path, ["wrong", "secret"])
    assert copy.refusal == ""
    assert target.read_bytes().startswith(content)
    with pymupdf.open(target) as document:
        assert document.needs_pass
        assert document.authenticate("secret")
        assert "new" in document[0].get_text()


def test_an_encrypted_pdf_without_a_password_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        copied(encrypted_pdf("secret"), [], tmp_path)
    assert caught.value.kind is ErrorKind.PASSWORD


def no_changes_pdf() -> bytes:
    """A PDF that everybody may read, and only its owner may change."""
    with pymupdf.open() as made:
        made.new_page()
        return made.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256,
            owner_pw="owner",
            permissions=pymupdf.PDF_PERM_PRINT | pymupdf.PDF_PERM_COPY,
        )


def test_permissions_that_forbid_changes_are_kept_unless_the_owner_asks(tmp_path: Path) -> None:
    pages = [page_of(LETTER, ("new", (40, 20, 90, 34), 0))]
    refused, _ = copied(no_changes_pdf(), pages, tmp_path)
    assert "its permissions forbid changes" in refused.refusal
    allowed, target = copied(no_changes_pdf(), pages, tmp_path, ["owner"])
    assert allowed.refusal == ""
    assert [text for text, _ in mupdf_words(target, LETTER)] == ["new"]


def test_the_file_of_page_texts_is_read_as_it_was_written(tmp_path: Path) -> None:
    pages = [
        page_of(Geometry(), ("word \U0001f600 \ud800", (1.5, 2, 3, 4), 270)),
        PageText(7, 1, 2, ()),
    ]
    page_text.write(tmp_path / "text", pages)
    assert list(page_text.read(str(tmp_path / "text"))) == pages
