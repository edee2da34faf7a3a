"""Documents on stores, in archives and in lists; `test_listing.py` has local files."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import InputConfig, OcrConfig
from pipeline.documents.listing import HIDDEN_FILE, Listing
from pipeline.errors import ConfigError, JobError
from pipeline.job import preflight
from pipeline.storage import objects
from tests.support.object_stores import Fault, GsServer, S3Server
from tests.unit.storage.test_archives import tarred, zipped

KEYS = [
    "in/a.PDF",
    "in/b/ü ñ.tiff",
    "in/b/notes.txt",
    "in/.hidden/x.pdf",
    "in2/c.pdf",
    "in/b//d.pdf",
]


@pytest.fixture
def bucket(s3: S3Server) -> S3Server:
    for key in KEYS:
        s3.put(key, b"x" * 7)
    s3.client().put_object(Bucket=s3.bucket, Key="in/b/", Body=b"")
    return s3


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that waits for its answer, however busy the machine is."""
    monkeypatch.setattr(objects, "_CHECK_S", 60.0)


def listing(server: S3Server, *inputs: str) -> Listing:
    places = [f"s3://{server.bucket}/{one}" if "//" not in one else one for one in inputs]
    return Listing([str(one) for one in places], InputConfig(), server.config())


def keys(server: S3Server, found: Listing) -> list[str]:
    return [one.uri.removeprefix(f"s3://{server.bucket}/") for one in found.documents()]


@pytest.mark.parametrize("text", ["in", "in/"])
def test_a_prefix_is_a_folder(bucket: S3Server, text: str):
    found = listing(bucket, text)
    found.check()
    assert keys(bucket, found) == ["in/a.PDF", "in/b//d.pdf", "in/b/ü ñ.tiff"]
    assert dict(found.left_out) == {".txt": 1, HIDDEN_FILE: 1}
    assert {one.size_bytes for one in listing(bucket, text).documents()} == {7}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in*/*.pdf", ["in2/c.pdf"]),
        ("in/**/*.txt", ["in/b/notes.txt"]),
        ("in/[b]", ["in/b//d.pdf", "in/b/ü ñ.tiff"]),
        ("**", [*sorted(KEYS)]),
    ],
)
def test_globs(bucket: S3Server, text: str, expected: list[str]):
    assert keys(bucket, listing(bucket, text)) == expected


def test_a_pattern_that_matches_nothing_is_not_lost(bucket: S3Server, tmp_path: Path):
    found = listing(bucket, "in/", "in2/*.tif")
    found.check()
    with pytest.raises(ConfigError, match=r"no object matches 's3://.*/in2/\*\.tif'"):
        list(found.documents())
    pattern = f"s3://{bucket.bucket}/in2/gone[1].pdf"
    (tmp_path / "l.txt").write_text(pattern)
    lines = Listing([f"@{tmp_path}/l.txt"], InputConfig(), bucket.config())
    assert [one.uri for one in lines.documents()] == [pattern]
    assert list(listing(bucket, "in2/*").documents()), "matches, of which some are no documents"


def test_an_object_that_is_named_is_taken_whatever_its_ending(bucket: S3Server):
    bucket.put("scan[1].txt", b"x")
    found = listing(bucket, "in/b/notes.txt", "scan[1].txt")
    found.check()
    assert keys(bucket, found) == ["in/b/notes.txt", "scan[1].txt"]


def test_the_whole_bucket(bucket: S3Server):
    assert len(keys(bucket, listing(bucket, f"s3://{bucket.bucket}"))) == 4


def test_lines_of_a_list_are_taken_without_asking_the_store(bucket: S3Server, tmp_path: Path):
    lines = [f"s3://{bucket.bucket}/{key}" for key in ("gone.pdf", "in/a.PDF", "in/a.PDF")]
    (tmp_path / "l.txt").write_text("\n".join([*lines, "https://host/x.pdf?a=1"]))
    found = Listing([f"@{tmp_path}/l.txt"], InputConfig(), bucket.config())
    bucket.log.clear()
    assert keys(bucket, found) == ["gone.pdf", "in/a.PDF", "https://host/x.pdf?a=1"]
    assert bucket.log == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
@pytest.mark.parametrize("where", ["local", "s3"])
def test_an_archive_gives_its_members(name: str, where: str, tmp_path: Path, s3: S3Server):
    members = {"a/b.pdf": b"1", "a/c d.PNG": b"22", "a/.x.pdf": b"", "notes.txt": b"", "d.pdf": b""}
    body = zipped(members) if name == "a.zip" else tarred(members)
    (tmp_path / name).write_bytes(body)
    place = str(tmp_path / name) if where == "local" else s3.put(name, body)
    found = Listing([place], InputConfig(), s3.config())
    found.check()
    documents = [(one.uri.removeprefix(f"{place}!/"), one.size_bytes) for one in found.documents()]
    assert documents == [("a/b.pdf", 1), ("a/c d.PNG", 2), ("d.pdf", 0)]
    assert dict(found.left_out) == {".txt": 1, HIDDEN_FILE: 1}
    for text, expected in (("a/", ["a/b.pdf", "a/c d.PNG"]), ("notes.txt", ["notes.txt"])):
        some = Listing([f"{place}!/{text}"], InputConfig(), s3.config())
        some.check()
        assert [one.uri for one in some.documents()] == [f"{place}!/{name}" for name in expected]


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_a_folder_that_an_archive_does_not_have_is_named(name: str, tmp_path: Path):
    path = tmp_path / name
    members = {"a/b c.pdf": b"1", "a/x.txt": b"", "text/x.txt": b""}
    path.write_bytes(zipped(members) if name == "a.zip" else tarred(members))

    def below(place: str) -> list[str]:
        listing = Listing([place], InputConfig())
        listing.check()
        return [document.uri for document in listing.documents()]

    assert below(f"{path}!/none/") == [f"{path}!/none/"]
    assert below(f"{path}!/text/") == []  # it is there and has no documents, as folders of a disk
    assert below(f"file://{path}!/a/b%20c.pdf") == [f"{path}!/a/b c.pdf"]
    path.write_bytes(b"no archive")
    assert below(f"{path}!/a/") == [str(path)]


def test_an_archive_that_breaks_off_is_named_itself(tmp_path: Path):
    path = tmp_path / "a.tar"
    path.write_bytes(tarred({"a.pdf": b"1" * 600, "b.pdf": b"2" * 6000})[:3000])
    found = [one.uri for one in Listing([str(path)], InputConfig()).documents()]
    assert found == [f"{path}!/a.pdf", f"{path}!/b.pdf", str(path)]
    path.write_bytes(b"no archive")
    assert [one.uri for one in Listing([str(path)], InputConfig()).documents()] == [str(path)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ftp://host/a.pdf", "unknown scheme"),
        ("s3:///a.pdf", "no bucket"),
        ("s3://{bucket}/nothing/", "nothing at s3://"),
        ("s3://no-such-bucket-here/x", "NoSuchBucket"),
        ("s3://{bucket}/none.zip!/a.pdf", "nothing at s3://"),
        ("@s3://{bucket}/none.txt", "cannot be read"),
    ],
)
def test_wrong_inputs_are_found_before_the_start(
    patient: None, bucket: S3Server, text: str, says: str
):
    found = Listing([text.format(bucket=bucket.bucket)], InputConfig(), bucket.config())
    with pytest.raises(ConfigError, match=says):
        found.check()


def test_a_busy_or_slow_store_says_nothing_against_an_input(
    bucket: S3Server, monkeypatch: pytest.MonkeyPatch
):
    bucket.slow_s = 10
    for what, limit_s in (("busy", 30.0), ("slow", 0.3)):
        monkeypatch.setattr(objects, "_CHECK_S", limit_s)
        bucket.faults[:] = [Fault(what, bucket.bucket)]
        begin = time.monotonic()
        listing(bucket, "in/").check()
        assert time.monotonic() - begin < 9


def test_an_output_in_no_bucket_is_found_before_the_start(
    patient: None, s3: S3Server, tmp_path: Path
):
    (tmp_path / "a.pdf").touch()
    inputs = (str(tmp_path / "a.pdf"),)
    good = OcrConfig(inputs=inputs, output=f"s3://{s3.bucket}/out", store=s3.config())
    preflight.check(good)
    with pytest.raises(ConfigError, match="NoSuchBucket"):
        preflight.check(good.model_copy(update={"output": "s3://no-such-bucket/out"}))


def test_no_service_at_the_endpoint_is_told_at_once(patient: None, s3: S3Server):
    store = s3.config(s3_endpoint="http://127.0.0.1:1", tries=9, pause_s=9)
    with pytest.raises(ConfigError, match=r"http://127\.0\.0\.1:1"):
        Listing(["s3://b/x"], InputConfig(), store).check()


def test_a_listing_that_breaks_off_is_no_short_listing(bucket: S3Server):
    bucket.faults.append(Fault("busy", bucket.bucket))
    with pytest.raises(JobError, match="cannot be listed"):
        list(listing(bucket, "in/").documents())


inputs = st.sampled_from(
    ["/a", "/a/b", "/a/b.pdf", "/ab", "/a/*.pdf", "/c/**/x", "s3://b/k", "s3://b/k/l/", "s3://c"]
)


@given(st.lists(inputs, min_size=1, max_size=6), st.booleans())
def test_parts_have_no_place_in_common_and_lose_no_input(texts: list[str], has_list: bool):
    texts = [*texts, "@list.txt"] if has_list else texts
    parts = Listing(texts, InputConfig(), base="/").parts()
    assert sorted(text for part in parts for text in part.inputs) == sorted(set(texts))
    reaches = [[part._reach(text) for text in part.inputs] for part in parts]
    for some, others in itertools.combinations(reaches, 2):
        for one, other in itertools.product(some, others):
            assert not one.startswith(other)
            assert not other.startswith(one)


def test_one_prefix_remembers_nothing():
    assert Listing(["s3://b/k"], InputConfig())._is_one_walk()
    for several in (["s3://b/k", "s3://b/k/l"], ["@l.txt"], ["s3://b/*/x"]):
        assert not Listing(several, InputConfig())._is_one_walk()


def test_overlapping_inputs_give_a_document_once(bucket: S3Server):
    found = listing(bucket, "in", "in/a.PDF", "in/**/*.tiff", "in2/")
    assert len(found.parts()) == 2
    uris = [one.uri for part in found.parts() for one in part.documents()]
    assert len(uris) == len(set(uris)) == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("in", ["in/a.PDF", "in/b/c/ü ñ.tiff", "in/b/d.pdf"]),
        ("in/", ["in/a.PDF", "in/b/c/ü ñ.tiff", "in/b/d.pdf"]),
        ("in/b", ["in/b/c/ü ñ.tiff", "in/b/d.pdf"]),
        ("in/*.PDF", ["in/a.PDF"]),
        ("in/**/*.pdf", ["in/b/d.pdf"]),
        ("in*/[cd].pdf", ["in2/c.pdf"]),
        ("in/b/d.pdf", ["in/b/d.pdf"]),
        ("", ["in/a.PDF", "in/b/c/ü ñ.tiff", "in/b/d.pdf", "in2/c.pdf"]),
    ],
)
def test_what_lies_deeper_on_a_google_store_is_found(gs: GsServer, text: str, expected: list[str]):
    for key in ("in/a.PDF", "in/b/d.pdf", "in/b/c/ü ñ.tiff", "in/b/notes.txt", "in2/c.pdf"):
        gs.put(key, b"x" * 7)
    found = Listing([f"gs://{gs.bucket}/{text}"], InputConfig(), gs.config())
    found.check()
    documents = list(found.documents())
    assert [one.uri.removeprefix(f"gs://{gs.bucket}/") for one in documents] == expected
    assert {one.size_bytes for one in documents} == {7}


def test_nothing_on_a_google_store_is_said_before_the_job_starts(gs: GsServer):
    gs.put("in/a.pdf", b"x")
    with pytest.raises(ConfigError, match="nothing at gs://"):
        Listing([f"gs://{gs.bucket}/on"], InputConfig(), gs.config()).check()
