"""Whole jobs on an object store: what comes in goes out, once, whatever the store does."""

from __future__ import annotations

import json

import pytest

from pipeline.storage import paths, uris
from tests.support import job_process, sample_documents
from tests.support.object_stores import Fault, GsServer, S3Server
from tests.unit.storage.test_archives import zipped

FAKE = ("--engine.kind", "fake", "--ray.cpus", "2", "--store.pause-s", "0.05")


def rows(server: S3Server | GsServer, output: str) -> list[tuple[str, int, str, str | None]]:
    shards = paths.output_path(f"{output}/pages", server.config()).glob("*.parquet")
    found = [row for shard in shards for row in paths.parquet(shard).read().to_pylist()]
    prefix = f"{uris.scheme(output)}://{server.bucket}/in/"
    return sorted(
        (row["uri"].removeprefix(prefix), row["page"], row["status"], row["error_kind"])
        for row in found
    )


@pytest.fixture
def store(s3: S3Server) -> S3Server:
    s3.put("in/a b/ü ñ.pdf", sample_documents.text_pdf(3))
    s3.put("in/broken.pdf", sample_documents.marked(sample_documents.text_pdf(1), "broken"))
    s3.put("in/flaky.pdf", sample_documents.text_pdf(2))
    s3.put("in/gone.pdf", sample_documents.marked(sample_documents.text_pdf(2), "gone"))
    s3.put(
        "in/early.pdf", sample_documents.text_pdf(2)
    )  # the same as flaky.pdf, and asked for first
    s3.put("in/mail.zip", zipped({"scan.pdf": sample_documents.text_pdf(1), "notes.txt": b""}))
    s3.put("in/notes.txt", b"no document")
    s3.faults += [
        Fault("reset", "flaky.pdf", times=2),
        Fault("busy", "flaky.pdf", times=2, method="HEAD GET"),
        # After they were planned.
        Fault("gone", "early.pdf", after=2, method="HEAD GET"),
        Fault("gone", "gone.pdf", after=2, method="HEAD GET"),
        Fault("cut", "broken.pdf"),
        Fault("busy", "pages/part-", times=2, method="PUT"),
    ]
    return s3


def test_from_a_store_to_a_store_and_again(store: S3Server, head: job_process.Head):
    output = f"s3://{store.bucket}/deep/out"
    places = [f"s3://{store.bucket}/in/", f"s3://{store.bucket}/in/mail.zip"]
    argv = [*places, "--output", output, "--store.s3-endpoint", store.endpoint, *FAKE]
    done = job_process.ocr(*argv, head=head)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    expected = [
        ("a b/ü ñ.pdf", 1, "ok", None),
        ("a b/ü ñ.pdf", 2, "ok", None),
        ("a b/ü ñ.pdf", 3, "ok", None),
        ("broken.pdf", 0, "failed", "fetch"),
        ("early.pdf", 1, "failed", "not_found"),
        ("early.pdf", 2, "failed", "not_found"),
        ("flaky.pdf", 1, "ok", None),
        ("flaky.pdf", 2, "ok", None),
        ("gone.pdf", 1, "failed", "not_found"),
        ("gone.pdf", 2, "failed", "not_found"),
        ("mail.zip!/scan.pdf", 1, "ok", None),
    ]
    assert rows(store, output) == expected
    receipt = json.loads(paths.output_path(f"{output}/receipt.json", store.config()).read_bytes())
    assert (receipt["documents"], receipt["pages"], receipt["unreadable_documents"]) == (6, 10, 1)
    assert receipt["files_left_out"] == {".txt": 2, ".zip": 1}
    before = store.keys("deep/out/pages/")

    store.faults[:] = [fault for fault in store.faults if fault.key == "broken.pdf"]
    again = job_process.ocr(*argv, head=head)
    assert again.returncode == 3, again.stderr
    assert "0 to do, 11 done before" in again.stderr
    assert store.keys("deep/out/pages/") == before
    assert rows(store, output) == expected

    shown = job_process.show(output, "flaky", "--s3-endpoint", store.endpoint)
    assert f"{store.bucket}/in/flaky.pdf, page 2 of 2" in shown.stdout


def test_from_googles_store_and_back_and_again(gs: GsServer, head: job_process.Head):
    gs.put("in/a.pdf", sample_documents.text_pdf(2))
    gs.put("in/deep/er/ü ñ.pdf", sample_documents.text_pdf(1))
    output = f"gs://{gs.bucket}/out"
    reach = ("--store.gs-endpoint", gs.endpoint, "--store.anonymous")
    argv = [f"gs://{gs.bucket}/in", "--output", output, *reach, *FAKE]
    done = job_process.ocr(*argv, head=head)
    assert done.returncode == 0, done.stderr
    assert rows(gs, output) == [
        ("a.pdf", 1, "ok", None),
        ("a.pdf", 2, "ok", None),
        ("deep/er/ü ñ.pdf", 1, "ok", None),
    ]
    again = job_process.ocr(*argv, head=head)
    assert "0 to do, 3 done before" in again.stderr
    shown = job_process.show(output, "deep", "--gs-endpoint", gs.endpoint, "--anonymous")
    assert "ü ñ.pdf, page 1 of 1" in shown.stdout
