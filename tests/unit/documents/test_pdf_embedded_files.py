from __future__ import annotations

import hashlib
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import InputConfig
from pipeline.documents.attachments import NO_EXTENSION, select, unique_names
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import DocumentError, ErrorKind
from tests.support import sample_documents

WEIRD = [
    *("../../etc/a.pdf", "C:\\post\\a.pdf", "a.pdf", "", "..", "/", "über\nzwei.PDF", "\ud800.pdf"),
    *(".pdf", "notes.txt", "b!/c.pdf", "e" * 1000 + ".pdf", "請求書.pdf"),
]


def carrier(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "carrier.pdf"
    path.write_bytes(content)
    return str(path)


def test_names_are_told_apart_and_say_nothing_of_folders():
    long = "e" * 251 + ".pdf"
    plain = ["a.pdf", "a-2.pdf", "a-3.pdf", "", "..", "-2", "über zwei.PDF", ".pdf", "-2.pdf"]
    assert unique_names(WEIRD) == [*plain, "notes.txt", "c.pdf", long, "請求書.pdf"]


@given(st.lists(st.text(max_size=12) | st.sampled_from(["a.pdf", "a-2.pdf", "a-3.pdf", ""])))
def test_names_are_distinct_printable_and_without_slashes(names: list[str]):
    found = unique_names(names)
    assert len(set(found)) == len(found) == len(names)
    assert not any(set("/\\\n\0") & set(name) for name in found)
    assert all(name.encode() is not None and len(name) <= 300 for name in found)
    assert unique_names(names[:3]) == found[:3], "what comes later changes no name"


def test_documents_are_taken_by_their_ending_up_to_the_limit():
    names = ["a.pdf", "b.TIFF", "c.txt", "d", "e.txt", "f.pdf", "g.pdf"]
    found = select(names, (".pdf", ".tiff"), 3)
    assert found.names == ("a.pdf", "b.TIFF", "f.pdf")
    assert found.left_out == {".txt": 2, NO_EXTENSION: 1}
    assert found.over == 1


def test_embedded_files_are_found_once_each_and_come_whole(tmp_path: Path):
    listed = [("b.pdf", b"one"), ("b.pdf", b"two"), ("gone.pdf", None)]
    content = sample_documents.carrying_pdf(
        listed, [("b.pdf", b"three"), ("n.txt", b"x" * 3_000_000)]
    )
    with SandboxClient() as reader:
        path, target = carrier(tmp_path, content), tmp_path / "out"
        names = reader.attachments(path)
        assert names == ("b.pdf", "b-2.pdf", "gone.pdf", "b-3.pdf", "n.txt")
        got = []
        for name in (names[0], names[1], names[3], names[4]):
            doc_id, warnings = reader.extract(path, name, str(target))
            assert (doc_id, warnings) == (hashlib.sha256(target.read_bytes()).hexdigest(), ())
            got.append(target.read_bytes())
        assert got == [b"one", b"two", b"three", b"x" * 3_000_000]
        with pytest.raises(DocumentError, match="does not contain it") as gone:
            reader.extract(path, "gone.pdf", str(target))
        assert gone.value.kind is ErrorKind.UNREADABLE
        with pytest.raises(DocumentError, match="no attachment of this name") as unknown:
            reader.extract(path, "other.pdf", str(target))
        assert unknown.value.kind is ErrorKind.NOT_FOUND
        with pytest.raises(DocumentError, match="cannot be copied: No such file"):
            reader.extract(path, "b.pdf", str(tmp_path / "no" / "folder"))


def test_weird_names_stay_reachable(tmp_path: Path):
    listed = [(name, str(number).encode()) for number, name in enumerate(WEIRD)]
    with SandboxClient() as reader:
        path, target = carrier(tmp_path, sample_documents.carrying_pdf(listed)), tmp_path / "out"
        names = reader.attachments(path)
        assert len(set(names)) == len(WEIRD)
        for number, name in enumerate(names):
            reader.extract(path, name, str(target))
            assert target.read_bytes() == str(number).encode(), name


def test_a_file_that_is_listed_and_pinned_is_one(tmp_path: Path):
    content = sample_documents.carrying_pdf([("a.pdf", b"one")], [("a.pdf", b"one")])
    both = content.replace(b"/F 5 0 R", b"/F 4 0 R")
    assert both != content
    with SandboxClient() as reader:
        assert reader.attachments(carrier(tmp_path, both)) == ("a.pdf",)


def test_a_bomb_stops_at_the_limit(tmp_path: Path):
    bomb = sample_documents.carrying_pdf([("a.pdf", bytes(4 << 20))])
    assert len(bomb) < 10_000
    with SandboxClient(input=InputConfig(max_attachment_mib=2)) as reader:
        path = carrier(tmp_path, bomb)
        with pytest.raises(DocumentError, match="max_attachment_mib") as error:
            reader.extract(path, "a.pdf", str(tmp_path / "out"))
        assert error.value.kind is ErrorKind.LIMIT
        assert (tmp_path / "out").stat().st_size <= 2 << 20


@pytest.mark.parametrize("damage", ["cut", "filter"])
def test_what_breaks_off_is_an_error_and_not_a_shorter_file(tmp_path: Path, damage: str):
    packed = zlib.compress(sample_documents.text_pdf(9))
    content = sample_documents.carrying_pdf([("a.pdf", sample_documents.text_pdf(9))])
    assert packed in content
    if damage == "cut":
        broken = content.replace(packed, packed[: len(packed) // 2].ljust(len(packed), b"\xff"))
    else:
        broken = content.replace(b"/FlateDecode", b"/FlotsDecode")
    with SandboxClient() as reader:
        path = carrier(tmp_path, broken)
        assert reader.inspect(path).pages, "the PDF around it is sound"
        with pytest.raises(DocumentError, match=r"damaged|cannot be read") as error:
            reader.extract(path, "a.pdf", str(tmp_path / "out"))
        assert error.value.kind is ErrorKind.UNREADABLE


def test_a_password_opens_what_is_inside(tmp_path: Path):
    import pymupdf

    with pymupdf.open(stream=sample_documents.text_pdf(), filetype="pdf") as document:
        document.embfile_add("a.pdf", b"secret words")
        keys = {"user_pw": "user", "owner_pw": "owner"}
        content = document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, **keys)
    with SandboxClient() as reader:
        path, target = carrier(tmp_path, content), tmp_path / "out"
        with pytest.raises(DocumentError) as error:
            reader.attachments(path)
        assert error.value.kind is ErrorKind.PASSWORD
        assert reader.attachments(path, "user") == ("a.pdf",)
        reader.extract(path, "a.pdf", str(target), ["wrong", "user"])
    assert target.read_bytes() == b"secret words"


def test_a_picture_has_no_attachments(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(sample_documents.saved(sample_documents.corner_picture(), "PNG"))
    with SandboxClient() as reader:
        assert reader.attachments(str(path)) == ()
        with pytest.raises(DocumentError, match="only a PDF"):
            reader.extract(str(path), "a.pdf", str(tmp_path / "out"))


def test_a_list_of_files_that_loops_ends(tmp_path: Path):
    catalog = b"/Names<</EmbeddedFiles 4 0 R>>"
    tree = b"<</Kids[4 0 R 4 0 R]/Names[(a.pdf)<</F(a.pdf)>>]>>"
    content = sample_documents.pdf([sample_documents.Page()], objects=[tree], catalog=catalog)
    with SandboxClient() as reader:
        path = carrier(tmp_path, content)
        assert len(reader.inspect(path).pages) == 1
        with suppress(DocumentError):  # a row says so
            assert len(reader.attachments(path)) <= 1
