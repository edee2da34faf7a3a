from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, DocumentError, ErrorKind, JobError
from pipeline.storage import filesystems, objects, paths, remote_file
from tests.support.object_stores import Fault, S3Server

BODY = os.urandom(300_000)


def read(uri: str, server: S3Server, **config: object) -> bytes:
    with remote_file.open_binary(uri, server.config(**config)) as file:
        return file.read()


@pytest.mark.parametrize(
    "key", ["a b/ü ñ.pdf", "x" * 1000 + ".pdf", "q?x=1#f%20.pdf", "a[1]*.pdf", "a//b.pdf", "a/./b"]
)
def test_any_key_is_read(s3: S3Server, key: str):
    assert read(s3.put(key, b"hello"), s3) == b"hello"


@pytest.mark.parametrize("what", ["busy", "reset", "cut", "slow"])
@pytest.mark.parametrize("way", ["s3", "web"])
def test_a_fault_that_passes_is_not_seen(s3: S3Server, what: str, way: str):
    uri = s3.put("doc.pdf", BODY)
    is_slow = what == "slow"
    s3.faults.append(Fault(what, "doc.pdf", times=1 if is_slow else 2))
    url = uri if way == "s3" else s3.url("doc.pdf")
    assert read(url, s3, read_s=1.5 if is_slow else 30, tries=6) == BODY
    assert not s3.faults[0].times, "the fault was met as often as it could be"


@pytest.mark.parametrize("what", ["busy", "reset", "cut"])
@pytest.mark.parametrize("way", ["s3", "web"])
def test_a_fault_that_stays_ends_after_its_tries(s3: S3Server, what: str, way: str):
    uri = s3.put("doc.pdf", BODY)
    s3.faults.append(Fault(what, "doc.pdf"))
    with pytest.raises(DocumentError, match="tried 4 times") as caught:
        read(uri if way == "s3" else s3.url("doc.pdf"), s3)
    assert caught.value.kind is ErrorKind.FETCH
    assert 1_000_000 - s3.faults[0].times == 4


@pytest.mark.parametrize(("what", "kind"), [("gone", "not_found"), ("denied", "fetch")])
@pytest.mark.parametrize("way", ["s3", "web"])
def test_what_no_try_can_change_is_tried_once(s3: S3Server, what: str, kind: str, way: str):
    uri = s3.put("doc.pdf", BODY)
    s3.faults.append(Fault(what, "doc.pdf", method="GET" if way == "web" else "HEAD GET"))
    with pytest.raises(DocumentError) as caught:
        read(uri if way == "s3" else s3.url("doc.pdf"), s3)
    assert caught.value.kind == kind
    assert 1_000_000 - s3.faults[0].times == 1


def test_a_broken_body_is_read_on_where_it_stood(s3: S3Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote_file, "CHUNK_BYTES", 100_000)
    uri = s3.put("doc.pdf", BODY)
    s3.faults.append(Fault("cut", "doc.pdf", times=1, after=2))
    assert read(uri, s3) == BODY
    assert [method for method, path in s3.log if "doc.pdf" in path].count("GET") == 4


def test_a_server_without_ranges_is_read_on_too(s3: S3Server):
    s3.put("doc.pdf", BODY)
    s3.faults += [Fault("cut", "doc.pdf", times=1), Fault("whole", "doc.pdf")]
    assert read(s3.url("doc.pdf"), s3) == BODY


def test_a_document_that_changes_while_it_is_read_is_not_mixed(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(remote_file, "CHUNK_BYTES", 100_000)
    file = remote_file.RemoteFile(s3.put("doc.pdf", BODY), s3.config())
    file.read(100_000)
    s3.put("doc.pdf", BODY[:-1])
    s3.faults.append(Fault("busy", "doc.pdf", times=1))
    with pytest.raises(DocumentError, match="changed while it was read"):
        file.readall()


def test_files_seek(s3: S3Server):
    with remote_file.open_binary(s3.put("doc.pdf", b"0123456789"), s3.config()) as file:
        assert (file.seek(-3, 2), file.read()) == (7, b"789")
        assert (file.seek(2), file.read(2), file.tell()) == (2, b"23", 4)


def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch, s3: S3Server):
    pauses: list[float] = []
    monkeypatch.setattr(remote_file.time, "sleep", pauses.append)
    monkeypatch.setattr(remote_file.random, "uniform", lambda low, high: high)

    def fail() -> None:
        raise ConnectionResetError

    with pytest.raises(DocumentError):
        remote_file.with_retries(s3.config(tries=6, pause_s=1, max_pause_s=5), fail, "x")
    assert pauses == [1, 2, 4, 5, 5]


def test_a_call_that_hangs_is_left_behind():
    stop = threading.Event()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        remote_file.with_timeout(0.05, stop.wait)
    stop.set()


def test_a_shard_on_a_store_is_one_put(s3: S3Server):
    target = paths.output_path(f"s3://{s3.bucket}/out/", s3.config()) / "pages" / "part-0.parquet"
    s3.faults.append(Fault("busy", "part-0", times=2, method="PUT POST"))
    target.write_bytes(memoryview(BODY))
    assert [method for method, path in s3.log if "part-0" in path] == ["PUT"] * 3
    assert target.read_bytes() == BODY
    assert target.exists()
    target.unlink()
    assert not target.exists()


def test_a_large_shard_that_breaks_off_is_not_there(s3: S3Server):
    target = paths.output_path(f"s3://{s3.bucket}/out", s3.config(tries=2)) / "part-0.parquet"
    s3.faults.append(Fault("busy", "part-0", after=2, method="PUT"))
    with pytest.raises(OSError, match="SLOW_DOWN"):
        target.write_bytes(os.urandom(25 << 20))
    assert s3.keys() == []
    s3.faults.clear()
    target.write_bytes(b"x" * (25 << 20))
    assert s3.keys() == ["out/part-0.parquet"]


def test_a_folder_lists_what_lies_right_under_it(s3: S3Server):
    for key in ("o/pages/b.parquet", "o/pages/a.parquet", "o/pages/.x", "o/pages/deep/c.parquet"):
        s3.put(key, b"x")
    pages = paths.output_path(f"s3://{s3.bucket}/o", s3.config()) / "pages"
    assert [one.name for one in pages.glob("*.parquet")] == ["a.parquet", "b.parquet"]


def test_azure_is_listed_folder_by_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: S3Server
):
    """A local folder stands in for the store: what is tried is our use of pyarrow's interface."""
    from pyarrow import fs

    for name in ("b/docs/x.pdf", "b/docs/deep/y.pdf", "b/docs.pdf", "b/other/z.pdf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"xyz")
    local = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(filesystems, "_filesystem", lambda *_: local)
    found = list(objects.list_objects("az://b/docs", s3.config()))
    assert [one.uri.removeprefix("az://b/") for one in found] == [
        "docs.pdf",
        "docs/x.pdf",
        "docs/deep/y.pdf",
    ]
    assert {one.size_bytes for one in found} == {3}
    assert objects.size_bytes("az://b/docs/x.pdf", s3.config()) == 3
    assert objects.size_bytes("az://b/docs/none.pdf", s3.config()) is None
    assert objects.exists_under("az://b/docs", s3.config())
    assert not objects.exists_under("az://b/none", s3.config())
    assert read("az://b/docs/x.pdf", s3) == b"xyz"


def test_all_stores_connect_without_a_network(monkeypatch: pytest.MonkeyPatch, s3: S3Server):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    for anonymous in (False, True):
        config = s3.config(anonymous=anonymous, gs_endpoint="http://localhost:1")
        for scheme in ("s3", "gs", "az"):
            assert filesystems.filesystem(f"{scheme}://b/a/k.pdf", config)[1] == "b/a/k.pdf"


def test_azure_without_an_account_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, s3: S3Server
):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(ConfigError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        filesystems.filesystem("az://nobody/k", s3.config(tries=3))


def test_listings_survive_a_busy_store_and_tell_of_a_missing_one(s3: S3Server):
    for number in range(3):
        s3.put(f"docs/{number}.pdf", b"x")
    s3.faults.append(Fault("busy", s3.bucket, times=2))
    found = objects.list_objects(f"s3://{s3.bucket}/docs/", s3.config())
    assert [one.uri[-5:] for one in found] == ["0.pdf", "1.pdf", "2.pdf"]
    with pytest.raises(JobError, match="NoSuchBucket"):
        list(objects.list_objects("s3://no-such-bucket/", s3.config()))


def test_nothing_is_written_to_the_web():
    with pytest.raises(ConfigError, match="nothing is written to the web"):
        paths.output_path("https://host/out")
