"""Jobs on an output that has rows: other names for the same bytes, retries, starting anew, and
attachments that are asked for later."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.support import job_process, sample_documents

FAKE = ("--engine.kind", "fake", "--ray.cpus", "2", "--text-layer", "never")


def rows(output: Path, columns: str) -> list[tuple]:
    query = f"""select parse_filename(uri), page, {columns}
                from '{output}/pages/*.parquet' order by uri, page"""
    return duckdb.sql(query).fetchall()


def run(*argv: object, head: job_process.Head, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = job_process.ocr(*argv, *FAKE, head=head)
    assert done.returncode == code, done.stderr
    return done


def test_the_same_bytes_are_read_once_and_every_name_has_its_rows(
    tmp_path: Path, head: job_process.Head
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("b.pdf", "a.pdf", "c.pdf"):
        (folder / name).write_bytes(sample_documents.text_pdf(2))
    (folder / "other.pdf").write_bytes(sample_documents.text_pdf(1))
    done = run(folder, "--output", output, head=head)
    assert "7 to do (4 are copies)" in done.stderr
    receipt = json.loads((output / "receipt.json").read_text())
    assert (receipt["rows"], receipt["copied"]) == ({"ok": 7}, 4)
    found = rows(output, "copied_from is not null, generate_ms is not null, text, page_id")
    copied = [(name, page) for name, page, is_copy, *_ in found if is_copy]
    assert copied == [("b.pdf", 1), ("b.pdf", 2), ("c.pdf", 1), ("c.pdf", 2)]
    assert all(is_copy != was_read for _, _, is_copy, was_read, _, _ in found)
    texts = {(page, text) for name, page, _, _, text, _ in found if name != "other.pdf"}
    assert len(texts) == 2
    assert len({page_id for *_, page_id in found}) == 7

    (folder / "d.pdf").write_bytes(sample_documents.text_pdf(2))
    again = run(folder, "--output", output, head=head)
    assert "2 to do (2 are copies)" in again.stderr
    assert len(rows(output, "status")) == 9
    dry = run(folder, "--output", tmp_path / "new", "--dry-run", head=head)
    assert "to do 9 rows (6 copied: the same bytes" in " ".join(dry.stdout.split())


def test_retry_does_what_failed_again_and_nothing_else(
    tmp_path: Path, head: job_process.Head
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "good.pdf").write_bytes(sample_documents.text_pdf(2))
    (folder / "locked.pdf").write_bytes(sample_documents.encrypted_pdf("secret"))
    (folder / "empty.pdf").write_bytes(b"")
    run(folder, "--output", output, head=head, code=3)
    before = {row[:2]: row[2:] for row in rows(output, "status, page_id, generate_ms")}
    assert before["locked.pdf", 0][0] == "failed"

    more = ("--output", output, "--password", "secret")
    done = run(folder / "locked.pdf", *more, "--retry", "failed", head=head)
    assert "done before" in done.stderr
    after = {row[:2]: row[2:] for row in rows(output, "status, page_id, generate_ms")}
    assert ("locked.pdf", 0) not in after
    assert after["locked.pdf", 1][0] == "ok"
    same = [("good.pdf", 1), ("good.pdf", 2), ("empty.pdf", 0)]
    assert [after[place] for place in same] == [before[place] for place in same]

    (folder / "empty.pdf").unlink()
    last = run(folder, *more, "--retry", "failed", head=head)
    assert "0 to do" in last.stderr
    assert len(rows(output, "status")) == len(after), "what the inputs do not name stays"


def test_overwrite_asks_and_deletes_only_what_is_ours(
    tmp_path: Path, head: job_process.Head
) -> None:
    document, output = tmp_path / "a.pdf", tmp_path / "out"
    document.write_bytes(sample_documents.text_pdf(2))
    run(document, "--output", output, head=head)
    (output / "notes.txt").write_text("mine")
    shards = sorted((output / "pages").iterdir())
    argv = [str(document), "--output", str(output), "--overwrite", *FAKE]

    nobody = job_process.ocr(*argv, head=head)
    assert nobody.returncode == 2
    assert "2 rows in 1 files" in nobody.stderr
    assert "--yes" in nobody.stderr
    assert answered("n\n", argv, head) == 2
    assert sorted((output / "pages").iterdir()) == shards

    assert answered("y\n", argv, head) == 0
    assert sorted((output / "pages").iterdir()) != shards
    assert len(rows(output, "status")) == 2
    assert (output / "notes.txt").read_text() == "mine"
    run(*argv[: -len(FAKE)], "--yes", head=head)
    assert len(rows(output, "status")) == 2


def answered(answer: str, argv: list[str], head: job_process.Head) -> int:
    """Run a job at a terminal, and type an answer."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.ocr", *argv],
        cwd=job_process.ROOT,
        env=job_process.environment(**head.environment),
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    os.write(terminal, answer.encode())
    try:
        return process.wait(120)
    finally:
        os.close(terminal)


def test_overwrite_and_a_dry_run_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(sample_documents.text_pdf(1))
    done = job_process.ocr(
        tmp_path / "a.pdf", "--output", tmp_path / "o", "--overwrite", "--dry-run"
    )
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_attachments_are_recognised_once(tmp_path: Path, head: job_process.Head) -> None:
    folder, output = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    picture = sample_documents.saved(sample_documents.corner_picture(), "PNG")
    listed = [
        ("two.pdf", sample_documents.text_pdf(2)),
        ("../x.png", picture),
        ("bad.tif", b"broken"),
    ]
    mail = sample_documents.carrying_pdf(
        [*listed, ("two.pdf", sample_documents.text_pdf(1)), ("a.txt", b"")]
    )
    (folder / "mail.pdf").write_bytes(mail)
    (folder / "plain.pdf").write_bytes(sample_documents.text_pdf(1))
    command = (folder, "--output", output, *FAKE)
    before = job_process.ocr(*command, head=head)
    assert before.returncode == 0, before.stderr
    first = [("mail.pdf", 1, "blank", None), ("plain.pdf", 1, "ok", None)]
    assert rows(output, "status, error_kind") == first
    done = job_process.ocr(*command, "--attachments", head=head)
    assert done.returncode == 3, done.stderr
    assert "4 of the documents; 1 other file left out" in done.stdout
    wanted = [
        ("mail.pdf", 1, "blank", None),
        ("bad.tif", 0, "failed", "unreadable"),
        ("two-2.pdf", 1, "ok", None),
        ("two.pdf", 1, "ok", None),
        ("two.pdf", 2, "ok", None),
        ("x.png", 1, "ok", None),
        ("plain.pdf", 1, "ok", None),
    ]
    assert rows(output, "status, error_kind") == wanted
    receipt = json.loads((output / "receipt.json").read_text())
    assert receipt["rows"] == {"ok": 4, "failed": 1}
    assert receipt["rows_before"] == {"ok": 1, "blank": 1}
    assert (receipt["documents"], receipt["attachments"]) == (6, 4)
    again = job_process.ocr(*command, "--attachments", head=head)
    assert "0 to do, 7 done before" in again.stderr
    assert rows(output, "status, error_kind") == wanted
