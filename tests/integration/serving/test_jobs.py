"""Long documents as jobs, as clients use them. The service runs in this process."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.output import schema
from serving.config import JobConfig, LimitConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, running

PATH = "/v1/ocr/jobs"


def config(folder: Path, **jobs: Any) -> ServeConfig:
    return ServeConfig(
        engine={"kind": "fake"},
        chat=live_service.chat_config(),
        text_layer="never",
        limits=LimitConfig(pages=3),
        job=JobConfig(folder=str(folder), **{"poll_s": 0.2, "flush_s": 0.2} | jobs),
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    settings = config(tmp_path_factory.mktemp("jobs"))
    with running(settings, FakeEngine(HANDLERS["echo"])) as it:
        yield it


def make(service: Online, content: bytes, **more: Any) -> Any:
    body = {"document": data_uri(content, "application/pdf")} | more
    answer = service.post(PATH, body)
    assert answer.status == 202, answer.body
    return answer.json


def ended(service: Online, job: Any, headers: Any = None) -> Any:
    return wait_for(
        lambda: service.get(f"{PATH}/{job['id']}", headers).json,
        lambda state: state["status"] in ("completed", "failed"),
    )


def wait_for(ask_for: Callable[[], Any], is_good: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 30
    while not is_good(found := ask_for()):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_a_document_of_more_pages_than_a_request_may_have(service: Online) -> None:
    job = make(service, sample_documents.text_pdf(5))
    assert (job["object"], job["status"], job["pages"]["done"]) == ("ocr.job", "queued", 0)
    state = ended(service, job)
    assert state["status"] == "completed"
    assert state["pages"] == {"total": 5, "done": 5, "failed": 0}
    assert (state["page_count"], state["media_type"]) == (5, "application/pdf")
    assert state["created_at"] <= state["started_at"] <= state["ended_at"]
    assert state["expires_at"] == pytest.approx(state["ended_at"] + 24 * 3600, abs=1)
    assert state["seconds_left"] == 0


def test_the_result_has_every_page_in_its_order_in_each_format(service: Online) -> None:
    job = make(service, sample_documents.text_pdf(70))
    ended(service, job)
    path = f"{PATH}/{job['id']}/result"
    document = service.get(path).json
    assert [page["page"] for page in document["pages"]] == list(range(1, 71))
    assert document["usage"]["output_tokens"] == sum(
        page["usage"]["output_tokens"] for page in document["pages"]
    )
    lines = service.get(f"{path}?format=ndjson")
    assert lines.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.body.splitlines()] == document["pages"]
    markdown = service.get(path, {"Accept": "text/markdown"}).body.decode()
    assert markdown.startswith(document["pages"][0]["markdown"] + "\n\n<!-- page 2 -->\n\n")
    table = pq.read_table(io.BytesIO(service.get(f"{path}?format=parquet").body))
    assert table.schema == schema.PAGES
    assert table["page"].to_pylist() == list(range(1, 71))
    assert table["text"].to_pylist() == [page["markdown"] for page in document["pages"]]
    assert set(table["engine"].to_pylist()) == {"fake"}
    assert len(set(table["page_id"].to_pylist())) == 70


def test_the_pages_of_a_job_are_those_of_a_request(service: Online) -> None:
    content = sample_documents.text_pdf(3)
    answer = service.post("/v1/ocr", {"document": data_uri(content, "application/pdf")}).json
    job = make(service, content)
    ended(service, job)
    result = service.get(f"{PATH}/{job['id']}/result").json
    for document in (answer, result):
        for page in document["pages"]:
            del page["timing"], page["attempts"]
            # Rows have 32 bits.
            score, parts = page.pop("text_score"), page.pop("text_score_parts")
            assert score == pytest.approx(parts["words"], rel=1e-6)
    assert result == answer


@pytest.mark.parametrize(
    "send",
    [
        lambda content: (content, {"Content-Type": "application/pdf"}),
        lambda content: (form(content, pages="2-3"), {"Content-Type": f"multipart/form-data; {B}"}),
    ],
    ids=["the document as body", "a form"],
)
def test_a_document_is_sent_in_other_ways(
    service: Online, send: Callable[[bytes], tuple[bytes, dict[str, str]]]
) -> None:
    body, headers = send(sample_documents.text_pdf(3))
    path = PATH if B in headers["Content-Type"] else f"{PATH}?pages=2-"
    answer = service.post(path, body, headers)
    assert answer.status == 202
    assert ended(service, answer.json)["pages"]["total"] == 2
    result = service.get(f"{PATH}/{answer.json['id']}/result").json
    assert [page["page"] for page in result["pages"]] == [2, 3]


def test_a_file_of_a_form_keeps_its_name(service: Online) -> None:
    headers = {"Content-Type": f"multipart/form-data; {B}"}
    job = service.post(PATH, form(sample_documents.text_pdf(1)), headers).json
    assert job["filename"] == "long.pdf"
    ended(service, job)
    table = service.get(f"{PATH}/{job['id']}/result?format=parquet").body
    assert pq.read_table(io.BytesIO(table))["uri"].to_pylist() == ["long.pdf"]


def test_jobs_are_listed_the_newest_first_page_by_page(service: Online) -> None:
    made = [make(service, sample_documents.text_pdf(1))["id"] for _ in range(3)]
    first = service.get(f"{PATH}?limit=2").json
    assert [job["id"] for job in first["data"]] == made[:0:-1]
    assert first["has_more"]
    second = service.get(f"{PATH}?limit=1&after={made[1]}").json
    assert [job["id"] for job in second["data"]] == made[:1]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (
            {"document": "data:application/pdf;base64,eA==", "model": "other"},
            404,
            "model_not_found",
        ),
        ({"document": "https://example.org/a.pdf"}, 400, "remote_url_refused"),
        ({"document": "s3://bucket/a.pdf"}, 400, "remote_url_refused"),
        ({"document": "file:///etc/passwd"}, 400, "invalid_value"),
        (
            {"document": "data:application/pdf;base64,eA==", "webhook_url": "https://a.org"},
            400,
            "webhook_refused",
        ),
        ({"document": "data:application/pdf;base64,eA==", "webhook_url": 1}, 400, "invalid_type"),
        ({"document": "data:application/pdf;base64,eA==", "pages": "x"}, 400, "invalid_value"),
        ({"document": "data:application/pdf;base64,eA==", "no": 1}, 400, "unsupported_parameter"),
        ({}, 400, "missing_required_parameter"),
    ],
)
def test_a_wrong_request_makes_no_job(service: Online, body: Any, status: int, code: str) -> None:
    before = [job["id"] for job in service.get(PATH).json["data"]]
    answer = service.post(PATH, body)
    assert (answer.status, answer.error["code"]) == (status, code)
    assert [job["id"] for job in service.get(PATH).json["data"]] == before


def test_a_document_that_cannot_be_read_fails_its_job(service: Online) -> None:
    job = make(service, b"no document")
    state = ended(service, job)
    assert (state["status"], state["error"]["code"]) == ("failed", "unreadable")
    answer = service.get(f"{PATH}/{job['id']}/result")
    assert (answer.status, answer.error["code"]) == (409, "job_failed")


def test_a_password_is_used_and_not_kept(service: Online, tmp_path: Path) -> None:
    locked = sample_documents.encrypted_pdf("secret")
    assert ended(service, make(service, locked))["error"]["code"] == "password"
    job = make(service, locked, password="secret")
    assert ended(service, job)["status"] == "completed"


def test_a_job_that_is_unknown_or_has_a_strange_id_is_not_found(service: Online) -> None:
    for name in ("job-0", "job-" + "0" * 28, "..%2F..%2Fetc", "file-" + "0" * 28):
        answer = service.get(f"{PATH}/{name}")
        assert answer.status == 404


def test_a_format_that_is_unknown_is_refused(service: Online) -> None:
    job = make(service, sample_documents.text_pdf(1))
    ended(service, job)
    path = f"{PATH}/{job['id']}/result"
    wrong = service.get(f"{path}?format=docx")
    assert (wrong.status, wrong.error["param"]) == (400, "format")
    known = "'json', 'ndjson', 'markdown' or 'parquet'"
    assert wrong.error["message"] == f"format: must be {known}"
    answer = service.get(path, {"Accept": "image/png"})
    assert (answer.status, answer.error["code"]) == (406, "not_acceptable")


def test_a_service_without_a_folder_says_how_to_have_jobs() -> None:
    settings = ServeConfig(engine={"kind": "fake"}, chat=live_service.chat_config())
    with running(settings, FakeEngine(HANDLERS["echo"])) as service:
        for answer in (service.get(PATH), service.post(PATH, {"document": "x"})):
            assert (answer.status, answer.error["code"]) == (404, "jobs_off")
            assert "job.folder" in answer.error["message"]


B = "boundary=edge"


def form(content: bytes, **fields: str) -> bytes:
    """A form with a file and fields."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = '--edge\r\nContent-Disposition: form-data; name="file"; filename="long.pdf"\r\n\r\n'
    return b"".join([*parts, head.encode(), content, b"\r\n--edge--\r\n"])
