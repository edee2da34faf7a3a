from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pipeline.config import InputConfig, StoreConfig
from pipeline.errors import DocumentError, ErrorKind
from pipeline.storage.document_cache import DocumentCache, clear_abandoned
from tests.support.object_stores import Fault, S3Server
from tests.unit.storage.test_archives import MEMBERS, tarred, zipped


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def documents(store: StoreConfig, cache_mib: int = 9, max_file_mib: int = 1) -> DocumentCache:
    return DocumentCache(store, InputConfig(max_file_mib=max_file_mib), cache_mib)


def gets(server: S3Server) -> int:
    return [method for method, _ in server.log].count("GET")


def test_a_local_file_is_where_it_is(tmp_path: Path, temporary: Path):
    path = tmp_path / "a.zip!" / "b.pdf"
    path.parent.mkdir()
    path.write_bytes(b"x")
    assert documents(StoreConfig()).path(str(path)) == str(path)
    assert documents(StoreConfig()).path("file:///bad%FF.pdf") == "/bad\udcff.pdf"
    assert list(temporary.iterdir()) == []


def test_the_pages_of_a_document_fetch_it_once(s3: S3Server):
    uri = s3.put("a/deep.pdf", b"hello")
    ours = documents(s3.config())
    paths = {ours.path(uri) for _ in range(5)}
    assert len(paths) == 1
    assert Path(paths.pop()).suffix == ".pdf"
    assert Path(ours.path(uri)).read_bytes() == b"hello"
    assert gets(s3) == 1
    ours.close()


def test_what_is_fetched_stays_while_there_is_room_and_goes_at_the_end(
    s3: S3Server, temporary: Path
):
    places = [s3.put(f"{number}.pdf", b"x" * 500_000) for number in range(4)]
    ours = documents(s3.config(), cache_mib=1)
    paths = [Path(ours.path(uri)) for uri in places]
    assert [path.exists() for path in paths] == [False, False, True, True]
    ours.path(places[3])
    assert gets(s3) == 4
    ours.path(places[0])
    assert gets(s3) == 5
    ours.close()
    assert list(temporary.iterdir()) == []


def test_a_page_costs_no_look_at_each_document_that_is_kept(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    cache, stat, looks = documents(s3.config()), Path.stat, list[Path]()
    places = [s3.put(f"{number}.png", b"x" * 10) for number in range(12)]

    def counted(path: Path, **more: bool) -> os.stat_result:
        looks.append(path)
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", counted)
    for place in places * 2:
        cache.path(place)
    monkeypatch.undo()
    cache.close()
    assert len(looks) <= 2 * len(places), "a thousand small documents are kept"


def test_the_document_at_hand_stays_without_any_room(s3: S3Server):
    ours = documents(s3.config(), cache_mib=0)
    first, second = (Path(ours.path(s3.put(f"{n}.pdf", b"x"))) for n in range(2))
    assert (first.exists(), second.exists()) == (False, True)
    ours.close()


@pytest.mark.parametrize("way", ["s3", "web"])
def test_what_is_too_large_is_not_fetched(s3: S3Server, way: str, temporary: Path):
    uri = s3.put("big.pdf", b"x" * (1 << 20) + b"x")
    ours = documents(s3.config())
    with pytest.raises(DocumentError, match="over input") as caught:
        ours.path(uri if way == "s3" else s3.url("big.pdf"))
    assert caught.value.kind is ErrorKind.LIMIT
    if way == "s3":
        assert gets(s3) == 0, "its size says enough"
    ours.close()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_member_is_counted_while_it_is_unpacked(kind: str, tmp_path: Path, temporary: Path):
    bomb = {"bomb.pdf": b"\0" * (3 << 20)}
    archive = tmp_path / f"a.{kind}"
    archive.write_bytes(zipped(bomb) if kind == "zip" else tarred(bomb))
    ours = documents(StoreConfig())
    with pytest.raises(DocumentError, match="over input"):
        ours.path(f"{archive}!/bomb.pdf")
    assert [path.name for path in temporary.glob("*/*.pdf")] == []
    ours.close()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_are_unpacked_one_by_one(kind: str, s3: S3Server):
    uri = s3.put(f"a.{kind}", zipped() if kind == "zip" else tarred())
    ours = documents(s3.config())
    for member, body in MEMBERS.items():
        assert Path(ours.path(f"{uri}!/{member}")).read_bytes() == body
    with pytest.raises(DocumentError, match="no such member") as caught:
        ours.path(f"{uri}!/none.pdf")
    assert caught.value.kind is ErrorKind.NOT_FOUND
    assert Path(ours.path(f"{uri}!/z")).read_bytes() == b"z"
    ours.close()


def test_another_document_under_the_same_name_is_not_taken(s3: S3Server):
    uri = s3.put("a.pdf", b"new")
    ours = documents(s3.config())
    ours.path(uri, hashlib.sha256(b"new").hexdigest())
    ours.close()
    with pytest.raises(DocumentError, match="changed since it was planned"):
        ours.path(uri, hashlib.sha256(b"old").hexdigest())
    ours.close()


def test_a_document_that_failed_is_not_asked_for_by_each_of_its_pages(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    uri = s3.put("a.pdf", b"x")
    s3.faults.append(Fault("busy", "a.pdf", times=4))
    ours = documents(s3.config())
    for _ in range(3):
        with pytest.raises(DocumentError) as caught:
            ours.path(uri)
        assert caught.value.kind is ErrorKind.FETCH
    assert gets(s3) == 4
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    assert Path(ours.path(uri)).read_bytes() == b"x"
    ours.close()


def test_a_store_that_is_not_set_up_is_an_error_of_the_document(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT", raising=False)
    with pytest.raises(DocumentError, match="AZURE_STORAGE_ACCOUNT_NAME"):
        documents(StoreConfig(read_s=9)).path("az://c/a.pdf")


def test_a_killed_worker_leaves_a_folder_that_the_next_one_clears(tmp_path: Path, temporary: Path):
    code = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from pipeline.storage import document_cache, locked_folder\n"
        "folder, lock = locked_folder.create(document_cache._PREFIX)\n"
        "print(folder, flush=True); sys.stdin.readline(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(temporary)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        folder = Path(worker.stdout.readline().strip())
        clear_abandoned()
        assert folder.exists(), "it is still in use"
        worker.communicate("\n")
    clear_abandoned()
    assert not folder.exists()
