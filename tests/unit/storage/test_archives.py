from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind
from pipeline.storage import archives
from tests.support.object_stores import Fault, S3Server

MEMBERS = {
    "a/b.pdf": b"first",
    "ü ñ/c d.pdf": b"second" * 1000,
    "x" * 1000 + ".pdf": b"",
    "z": b"z",
}


def zipped(members: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("folder/", b"")
        for name, body in (members or MEMBERS).items():
            file.writestr(name, body)
    return out.getvalue()


def tarred(members: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        link = tarfile.TarInfo("link.pdf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
        for name, body in (members or MEMBERS).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            file.addfile(entry, io.BytesIO(body))
    return out.getvalue()


def zstd(raw: bytes) -> bytes:
    return pa.compress(raw, "zstd", asbytes=True)


KINDS = {
    "a.zip": zipped(),
    "a.tar": tarred(),
    "a.tar.gz": gzip.compress(tarred()),
    "a.TGZ": gzip.compress(tarred()),
    "a.tar.zst": zstd(tarred()),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("where", ["local", "s3"])
def test_members_are_listed_and_read_in_any_order(
    name: str, where: str, tmp_path: Path, s3: S3Server
):
    (tmp_path / name).write_bytes(KINDS[name])
    uri = str(tmp_path / name) if where == "local" else s3.put(name, KINDS[name])
    archive = archives.open_archive(uri, s3.config())
    assert dict(archive.members()) == {member: len(body) for member, body in MEMBERS.items()}
    for member in [*MEMBERS, *reversed(MEMBERS), "a/b.pdf"]:
        with archive.open(member) as file:
            assert file.read() == MEMBERS[member]
    for missing in ("nothing.pdf", "link.pdf"):
        with pytest.raises(KeyError):
            archive.open(missing)
    archive.close()


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.zst"])
def test_members_in_their_order_cost_one_way_through(name: str, s3: S3Server):
    archive = archives.open_archive(s3.put(name, KINDS[name]), s3.config())
    for member in MEMBERS:
        archive.open(member).read()
    archive.close()
    assert [method for method, path in s3.log if name in path].count("GET") == 1


def test_of_a_zip_on_a_store_the_wanted_member_alone_is_fetched(s3: S3Server):
    uri = s3.put("a.zip", zipped({"big.bin": os.urandom(9 << 20), "a.pdf": b"small"}))
    archive = archives.open_archive(uri, s3.config())
    s3.log.clear()
    assert archive.open("a.pdf").read() == b"small"
    archive.close()
    assert 0 < len(s3.log) <= 3


@pytest.mark.parametrize("name", KINDS)
def test_faults_are_read_over(name: str, s3: S3Server):
    uri = s3.put(name, KINDS[name])
    s3.faults += [Fault("cut", name, times=2), Fault("busy", name, times=2, method="HEAD GET")]
    archive = archives.open_archive(uri, s3.config(tries=6))
    assert archive.open("z").read() == b"z"
    archive.close()


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_archive_says_so(name: str, tmp_path: Path):
    path = tmp_path / name
    path.write_bytes(KINDS[name][: len(KINDS[name]) // 2])
    with pytest.raises(DocumentError, match="damaged archive") as caught:
        read_all(str(path))
    assert caught.value.kind is ErrorKind.UNREADABLE


def read_all(uri: str) -> None:
    with (
        closing(archives.open_archive(uri, StoreConfig())) as archive,
        archives.archive_errors(uri),
    ):
        for member, _ in list(archive.members()):
            archive.open(member).read()


def test_a_tar_with_rubbish_inside_does_not_end_there(tmp_path: Path):
    raw = bytearray(tarred({"a.pdf": b"1", "b.pdf": b"2", "c.pdf": b"3"}))
    second = bytes(raw).index(b"b.pdf")
    raw[second : second + 512] = b"rubbish!" * 64
    (tmp_path / "a.tar").write_bytes(raw)
    with pytest.raises(DocumentError, match="damaged archive"):
        read_all(str(tmp_path / "a.tar"))


@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_name_that_comes_twice_is_the_first(make, tmp_path: Path):
    path = tmp_path / ("a.zip" if make is zipped else "a.tar")
    path.write_bytes(make({"a.pdf": b"1", "b.pdf": b"2"}))
    if make is zipped:
        with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
            file.writestr("a.pdf", b"3")
    else:
        with tarfile.open(path, "a") as file:
            entry = tarfile.TarInfo("a.pdf")
            entry.size = 1
            file.addfile(entry, io.BytesIO(b"3"))
    archive = archives.open_archive(str(path), StoreConfig())
    assert [name for name, _ in archive.members()] == ["a.pdf", "b.pdf"]
    assert [archive.open(name).read() for name in ("b.pdf", "a.pdf")] == [b"2", b"1"]
    archive.close()


def test_names_that_are_no_unicode_can_be_listed_and_read(tmp_path: Path):
    (tmp_path / "a.tar").write_bytes(tarred({"bad\udcff.pdf": b"x"}))
    archive = archives.open_archive(str(tmp_path / "a.tar"), StoreConfig())
    [(name, _)] = archive.members()
    name.encode()
    assert archive.open(name).read() == b"x"
    archive.close()
