"""Exports into a folder on an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs import export as command
from pipeline.errors import ConfigError, JobError
from pipeline.output.export import run
from pipeline.output.export.documents import OutputIndex
from pipeline.output.export.folder import open_folder
from pipeline.output.export.run import Exported, export
from pipeline.output.export.state_log import STATE_FOLDER, StoreLog
from tests.support.exports import NoOriginals, options, output, page
from tests.support.object_stores import Fault, GsServer, S3Server


@pytest.fixture
def index(tmp_path: Path) -> OutputIndex:
    rows = [page(f"/in/{name}.pdf", 1, f"text of {name}") for name in "abc"]
    return OutputIndex(output(tmp_path / "pages", rows))


def written(index: OutputIndex, server: S3Server, *formats: str) -> Exported:
    to = f"s3://{server.bucket}/deep/to"
    settings = options(to, formats or ["text"], store=server.config())
    return export(index, settings, NoOriginals())


def objects(server: S3Server) -> dict[str, bytes]:
    """The objects in the folder, but for the state."""
    client = server.client()
    listed = client.list_objects_v2(Bucket=server.bucket, Prefix="deep/to/").get("Contents", [])
    keys = [each["Key"] for each in listed if STATE_FOLDER not in each["Key"]]
    bodies = (client.get_object(Bucket=server.bucket, Key=key)["Body"].read() for key in keys)
    return dict(zip((key.removeprefix("deep/to/") for key in keys), bodies, strict=True))


def test_files_are_objects_and_what_is_there_is_left(index: OutputIndex, s3: S3Server) -> None:
    assert written(index, s3).files == {"text": 3}
    assert objects(s3) == {
        f"{name}.pdf.txt": f"text of {name}\n\f".encode() for name in ("a", "b", "c")
    }
    assert written(index, s3).kept == {"text": 3}
    s3.client().delete_object(Bucket=s3.bucket, Key="deep/to/b.pdf.txt")
    done = written(index, s3)
    assert (done.files, done.kept) == ({"text": 1}, {"text": 2})


def test_the_files_are_those_of_a_local_folder(
    index: OutputIndex, s3: S3Server, tmp_path: Path
) -> None:
    formats = ["markdown", "html", "hocr", "jsonl", "dataset"]
    written(index, s3, *formats)
    export(index, options(tmp_path / "to", formats), NoOriginals())
    local = (path for path in (tmp_path / "to").rglob("*") if path.is_file())
    assert objects(s3) == {
        str(path.relative_to(tmp_path / "to")): path.read_bytes()
        for path in local
        if not path.name.startswith(".")
    }


def test_an_object_that_is_not_from_an_export_is_never_replaced(
    index: OutputIndex, s3: S3Server
) -> None:
    s3.put("deep/to/c.pdf.txt", b"mine")
    with pytest.raises(JobError, match=r"c\.pdf\.txt is there, and not from an export"):
        written(index, s3)
    assert objects(s3)["c.pdf.txt"] == b"mine"


def test_an_export_that_was_killed_before_it_recorded_what_it_wrote_goes_on(
    index: OutputIndex, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        # A batch is announced, its files are written, and nothing is recorded of them.
        patched.setattr(run._Export, "_record", lambda self, written: None)
        patched.setattr(StoreLog, "close", lambda self: None)
        written(index, s3)
    assert len(objects(s3)) == 3
    assert written(index, s3).files == {"text": 3}


def test_many_objects_of_state_become_one(
    index: OutputIndex, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.output.export.state_log._MAX_PARTS", 1)
    written(index, s3)
    written(index, s3, "text", "jsonl")
    listed = s3.client().list_objects_v2(Bucket=s3.bucket, Prefix=f"deep/to/{STATE_FOLDER}")[
        "Contents"
    ]
    # pyarrow leaves a marker of the folder, an object whose key ends in a slash.
    assert len([each for each in listed if not each["Key"].endswith("/")]) == 1
    assert written(index, s3, "text", "jsonl").kept == {"text": 3, "jsonl": 3}


def test_a_store_that_is_busy_is_asked_again_and_one_that_refuses_ends_the_export(
    index: OutputIndex, s3: S3Server
) -> None:
    s3.faults.append(Fault("busy", "b.pdf.txt", times=2, method="PUT"))
    assert written(index, s3).files == {"text": 3}
    s3.faults.append(Fault("denied", "b.pdf.jsonl", method="PUT"))
    with pytest.raises(JobError, match=r"cannot write to s3://.*deep/to"):
        written(index, s3, "jsonl")
    s3.faults.clear()
    assert written(index, s3, "jsonl").files["jsonl"] >= 1
    assert len(objects(s3)) == 6


def test_googles_store_works_too(index: OutputIndex, gs: GsServer) -> None:
    settings = options(f"gs://{gs.bucket}/to", ["text"], store=gs.config())
    assert export(index, settings, NoOriginals()).files == {"text": 3}
    assert export(index, settings, NoOriginals()).kept == {"text": 3}


def test_a_file_uri_is_a_local_folder(index: OutputIndex, tmp_path: Path) -> None:
    export(index, options(f"file://{tmp_path}/a%20b", ["text"]), NoOriginals())
    assert (tmp_path / "a b/a.pdf.txt").exists()


def test_nothing_is_written_to_the_web(index: OutputIndex) -> None:
    settings = options("https://host/to")
    with pytest.raises(ConfigError, match="nothing is written to the web"):
        open_folder(settings.to, settings.store)
    with pytest.raises(ConfigError, match="unknown scheme"):
        open_folder("ftp://host/to", settings.store)


def test_the_command_checks_the_store_before_it_reads(
    tmp_path: Path,
    s3: S3Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.storage.objects._CHECK_S", 30.0)  # on a busy machine too
    output(tmp_path / "out/pages", [page("/in/a.pdf", 1, "a")])
    argv = [str(tmp_path / "out"), "--store.s3-endpoint", s3.endpoint, "--format", "text"]
    assert command.main([*argv, "--to", "s3://no-such-bucket-here/to"]) == 2
    assert "check the bucket" in capsys.readouterr().err
    assert command.main([*argv, "--to", f"s3://{s3.bucket}/deep/to"]) == 0
    assert "1 pages into s3://" in capsys.readouterr().out
    assert objects(s3) == {"a.pdf.txt": b"a\n\f"}
