"""`pipeline.documents.passwords`: which passwords are tried on which document."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import OcrOptions
from pipeline.documents.passwords import Passwords
from pipeline.documents.sandbox import SandboxClient
from pipeline.errors import ConfigError, DocumentError
from tests.support import sample_documents


def test_a_documents_own_passwords_come_first(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("a\n\nb\n@c\na\n")
    (tmp_path / "table.csv").write_text(
        'uri,password\n/in/one.pdf,own\n*/2024/*.pdf,year\ntwo[1].pdf,"a,b"\n'
    )
    options = OcrOptions(
        output="-",
        password=f"@{tmp_path / 'list.txt'}",
        passwords=str(tmp_path / "table.csv"),
    )
    passwords = Passwords.read(options)
    assert passwords.of("/in/one.pdf") == ("own", "a", "b", "@c")
    assert passwords.of("/in/2024/x.pdf") == ("year", "a", "b", "@c")
    assert passwords.of("/in/two[1].pdf") == ("a,b", "a", "b", "@c")
    assert passwords.of("/in/other.pdf") == ("a", "b", "@c")
    assert "own" not in repr(passwords)


def test_one_password_is_given_as_it_is() -> None:
    assert Passwords.read(OcrOptions(output="-", password="a b")).of("/x.pdf") == ("a b",)


@pytest.mark.parametrize(("flag", "sign"), [("password", "@"), ("passwords", "")])
def test_a_file_that_cannot_be_read_stops_the_job(tmp_path: Path, flag: str, sign: str) -> None:
    with pytest.raises(ConfigError, match=f"--{flag} {sign}.*gone cannot be read"):
        Passwords.read(OcrOptions(output="-", **{flag: f"{sign}{tmp_path / 'gone'}"}))


@pytest.mark.parametrize("content", ["name,word\na,b\n", "/in/one.pdf,own\n"])
def test_a_table_without_its_columns_stops_the_job(tmp_path: Path, content: str) -> None:
    (tmp_path / "table.csv").write_text(content)
    with pytest.raises(ConfigError, match="uri,password"):
        Passwords.read(OcrOptions(output="-", passwords=str(tmp_path / "table.csv")))


def test_passwords_are_tried_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    path.write_bytes(sample_documents.encrypted_pdf("second"))
    with SandboxClient() as reader:
        assert len(reader.inspect(str(path), ["first", "second"]).pages) == 1
        assert reader.render(str(path), 1, ("first", "second")).dpi == 150
        with pytest.raises(DocumentError, match="none of 2 passwords opens it"):
            reader.inspect(str(path), ["first", "third"])
