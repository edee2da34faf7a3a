"""Records and data of jobs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.config import StoreConfig
from pipeline.errors import JobError
from serving.http.auth import ANONYMOUS, LOCAL
from serving.jobs import store as store_module
from serving.jobs.records import JobRecord
from serving.jobs.store import Key, Kind, Store, key_at, new_key, owner_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "jobs"), StoreConfig())


def kept(store: Store, owner: str = "anna", kind: Kind = Kind.JOB) -> Key:
    key = new_key(owner, kind)
    path = store.make_folder(key) / "document"
    assert isinstance(path, Path)
    path.write_bytes(b"12345")
    store.create(key, JobRecord(filename="a.pdf"))
    return key


def test_callers_without_keys_are_one_owner_and_each_key_is_another() -> None:
    assert owner_of(ANONYMOUS) == owner_of(LOCAL)
    owners = {owner_of(name) for name in ("anna", "ben", "../anna", ANONYMOUS)}
    assert len(owners) == 4
    assert all(owner.isalnum() for owner in owners)


def test_what_is_kept_is_found_by_its_owner_only(store: Store) -> None:
    key = kept(store)
    assert store.find("anna", key.id, Kind.JOB) == key
    assert store.find("ben", key.id, Kind.JOB) is None
    assert store.find("anna", key.id, Kind.BATCH) is None
    assert store.read(key, JobRecord) == JobRecord(filename="a.pdf")


@pytest.mark.parametrize("name", ["", "job-", "job-../../x", "*", "job-" + "0" * 27, "x" * 10**5])
def test_an_id_that_nobody_made_is_not_looked_up(store: Store, name: str) -> None:
    assert store.find("anna", name, Kind.JOB) is None


def test_keys_are_listed_by_their_time(store: Store) -> None:
    later, first = (
        key_at("anna", kind, at, "0" * 16) for kind, at in ((Kind.BATCH, 9), (Kind.JOB, 8))
    )
    for key in (later, first):
        store.create(key, JobRecord())
    kept(store, "ben")
    assert store.keys("anna") == [first, later]
    assert store.keys("anna", Kind.BATCH) == [later]
    assert len(store.keys()) == 3
    assert later.created_at == 9


def test_the_size_is_that_of_one_owner_and_nothing_is_left_of_what_is_removed(store: Store) -> None:
    key, other = kept(store), kept(store, "ben")
    assert (store.size_bytes("anna"), store.size_bytes("nobody")) == (5, 0)
    store.remove(key)
    store.remove(key)
    assert store.size_bytes("anna") == 0
    assert store.keys() == [other]


def test_old_data_without_a_record_is_removed_and_a_running_upload_is_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_one, upload = kept(store), new_key("anna", Kind.JOB)
    orphan = key_at("anna", Kind.JOB, time.time() - store_module._ORPHAN_S - 1, "0" * 16)
    for key in (upload, orphan):
        store.make_folder(key)
    store.remove_orphans(lambda key: False)
    there = [folder.name for folder in Path(str(store.folder(upload))).parent.iterdir()]
    assert sorted(there) == sorted([kept_one.id, upload.id])


def test_data_that_a_record_may_still_name_is_left_however_old_its_id_is(store: Store) -> None:
    orphan, late, finished = (
        key_at("anna", Kind.FILE, time.time() - 2 * store_module._ORPHAN_S, digit * 16)
        for digit in "012"
    )
    for key in (orphan, late, finished):
        store.make_folder(key)

    def is_awaited(key: Key) -> bool:
        if key == finished:  # its record is written while the sweep looks
            store.create(key, JobRecord())
        return key == late

    store.remove_orphans(is_awaited)
    there = {folder.name for folder in Path(str(store.folder(late))).parent.iterdir()}
    assert there == {late.id, finished.id}


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not(
    store: Store, tmp_path: Path
) -> None:
    key = kept(store)
    old_s = time.time() - store_module._ORPHAN_S - 1
    places = [tmp_path / "jobs" / "records", Path(str(store.folder(key)))]
    for place in places:
        for name in (".state.json.0a.tmp", ".state.json.0b.tmp", "old.tmp"):
            (place / name).touch()
        for name in (".state.json.0a.tmp", "old.tmp"):
            os.utime(place / name, (old_s, old_s))
    store.remove_orphans(lambda key: False)
    for place in places:
        assert {path.name for path in place.glob("*.tmp")} == {".state.json.0b.tmp", "old.tmp"}
    assert store.exists(key)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JobError, match=r"job\.folder"):
        Store(str(tmp_path / "file"), StoreConfig())
