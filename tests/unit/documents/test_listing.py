from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.config import InputConfig
from pipeline.documents.listing import HIDDEN_FILE, HIDDEN_FOLDER, LINKED_FOLDER, Listing
from pipeline.documents.sandbox.input_file import check
from pipeline.errors import ConfigError, DocumentError


def listing(*inputs: object) -> Listing:
    return Listing([str(one) for one in inputs], InputConfig())


def names(found: Listing) -> list[str]:
    return [Path(document.uri).name for document in found.documents()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.pdf", "a.PDF", "notes.txt", ".hidden.pdf", "deep/er/ü ñ.tiff", "deep/c.jpg"):
        (tmp_path / name).write_bytes(b"x" * 7)
    return tmp_path


def test_a_folder_gives_its_documents_in_order_and_counts_the_rest(folder: Path):
    found = listing(folder)
    assert names(found) == ["a.PDF", "b.pdf", "c.jpg", "ü ñ.tiff"]
    assert dict(found.left_out) == {".txt": 1, HIDDEN_FILE: 1}


def test_folders_that_are_passed_over_are_counted(folder: Path):
    (folder / ".git").mkdir()
    (folder / ".git" / "x.pdf").write_bytes(b"x")
    (folder / "deep" / "around").symlink_to(folder)
    found = listing(folder)
    assert names(found) == ["a.PDF", "b.pdf", "c.jpg", "ü ñ.tiff"]
    assert found.left_out[HIDDEN_FOLDER] == 1
    assert found.left_out[LINKED_FOLDER] == 1
    assert names(listing(folder / "deep" / "around" / "deep")) == ["c.jpg", "ü ñ.tiff"]


def test_a_folder_that_cannot_be_listed_is_not_lost(folder: Path, monkeypatch: pytest.MonkeyPatch):
    list_folder = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("er"):
            raise PermissionError(13, "Permission denied", path)
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [one.uri for one in listing(folder).documents()][-1] == str(folder / "deep" / "er")
    with pytest.raises(DocumentError, match="the folder cannot be listed: Permission denied"):
        check(str(folder / "deep" / "er"), 1)
    with pytest.raises(DocumentError, match="a folder, not a file"):
        check(str(folder / "deep"), 1)


def test_a_named_file_is_taken_whatever_its_ending(folder: Path):
    assert names(listing(folder / "notes.txt")) == ["notes.txt"]


def test_globs_reach_into_folders(folder: Path):
    assert names(listing(folder / "**" / "*.jpg")) == ["c.jpg"]
    assert names(listing(folder / "d*")) == ["c.jpg", "ü ñ.tiff"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path):
    (tmp_path / "scan[1].pdf").write_bytes(b"x")
    found = listing(tmp_path / "scan[1].pdf")
    found.check()
    assert names(found) == ["scan[1].pdf"]


def test_a_list_names_inputs_line_by_line(folder: Path):
    lines = folder / "list.txt"
    lines.write_text(f"{folder / 'b.pdf'}\n\n{folder / 'gone.pdf'}\n", encoding="utf-8")
    found = listing(f"@{lines}")
    found.check()
    assert names(found) == ["b.pdf", "gone.pdf"], "a line that is not there gets its row"


def test_a_line_of_a_list_that_matches_nothing_is_not_lost(folder: Path):
    lines = folder / "list.txt"
    lines.write_text(f"{folder / 'b.pdf'}\n{folder / 'what?.pdf'}\n{folder / 'gone[1].pdf'}\n")
    assert names(listing(f"@{lines}")) == ["b.pdf", "what?.pdf", "gone[1].pdf"]


def test_what_is_named_twice_comes_once(folder: Path):
    assert names(listing(folder / "b.pdf", folder / "*.pdf", folder / "deep" / ".." / "b.pdf")) == [
        "b.pdf"
    ]


def test_sizes_are_known(folder: Path):
    assert {document.size_bytes for document in listing(folder).documents()} == {7}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nowhere.pdf", "no such file or folder: nowhere.pdf"),
        ("*.nothing", "no file matches"),
        ("@nowhere.txt", "the list nowhere.txt cannot be read"),
    ],
)
def test_wrong_inputs_are_found_before_the_start(text: str, says: str):
    with pytest.raises(ConfigError, match=says.replace("*", r"\*")):
        listing(text).check()


def test_names_that_are_no_unicode_become_file_uris(tmp_path: Path):
    path = bytes(tmp_path) + b"/bad\xff.pdf"
    try:
        with open(path, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system refuses such names")
    [document] = listing(tmp_path).documents()
    assert document.uri.endswith("/bad%FF.pdf")
    assert document.uri.startswith("file://")
    from pipeline.storage.uris import local_path

    assert Path(local_path(document.uri)).read_bytes() == b"x"


def test_an_attachment_may_be_named_but_not_beside_the_flag(folder: Path):
    place = f"{folder / 'b.pdf'}!/in[1].pdf"
    found = listing(place)
    found.check()
    assert [document.uri for document in found.documents()] == [place]
    with pytest.raises(ConfigError, match="no such file"):
        listing(f"{folder / 'no.pdf'}!/in.pdf").check()
    lines = folder / "list.txt"
    lines.write_text(f"{place}\n")
    with pytest.raises(ConfigError, match="leave the flag out"):
        Listing([place], InputConfig(), attachments=True).check()
    listed = Listing([f"@{lines}"], InputConfig(), attachments=True)
    with pytest.raises(ConfigError, match="leave the flag out"):
        list(listed.documents())


def test_an_attachment_and_its_folder_are_listed_together(folder: Path):
    [part] = listing(folder, f"{folder / 'b.pdf'}!/in.pdf").parts()
    assert len(list(part.documents())) == 5
