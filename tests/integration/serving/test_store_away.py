"""What callers are told while the store of jobs is away, and what is kept when it is full."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import JobConfig, ServeConfig
from serving.errors import ApiError
from tests.integration.serving.test_batches import client_of, ended, page, rows, start
from tests.integration.serving.test_jobs import PATH, config, make, wait_for
from tests.integration.serving.test_jobs import ended as job_ended
from tests.integration.serving.test_jobs_kept import SlowEngine, delete
from tests.support import sample_documents
from tests.support.live_service import Answer, Online, data_uri, running
from tests.support.object_stores import Fault, S3Server


@pytest.fixture
def service(s3: S3Server) -> Iterator[Online]:
    settings = ServeConfig(
        engine={"kind": "fake"},
        text_layer="never",
        store=s3.config(tries=2),
        job=JobConfig(folder=f"s3://{s3.bucket}/jobs", poll_s=600),
    )
    with running(settings, FakeEngine(HANDLERS["echo"])) as it:
        yield it


def test_a_store_that_does_not_answer_is_said_in_the_apis_form(
    service: Online, s3: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    job = make(service, sample_documents.text_pdf(1))
    assert job_ended(service, job)["status"] == "completed"
    with client_of(service) as client:
        file = client.files.create(file=("in.jsonl", b"x"), purpose="batch")
    document = {"document": data_uri(sample_documents.text_pdf(1), "application/pdf")}
    batch = {
        "input_file_id": file.id,
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    asks = [
        lambda: service.post(PATH, document),
        lambda: service.get(PATH),
        lambda: service.get(f"{PATH}/{job['id']}"),
        lambda: service.get(f"{PATH}/{job['id']}/result"),
        lambda: delete(service, job),
        lambda: service.get("/v1/files"),
        lambda: service.get(f"/v1/files/{file.id}/content"),
        lambda: service.post("/v1/batches", batch),
        lambda: service.get("/v1/batches"),
    ]
    s3.faults.append(Fault("busy", s3.bucket, method="GET PUT POST HEAD DELETE"))
    for ask in asks:
        caplog.clear()
        answer: Answer = ask()
        assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
        assert answer.error["type"] == "server_error"
        assert int(answer.headers["Retry-After"]) > 0
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        wait_for(
            lambda: [entry.error for entry in service.log],
            lambda codes: "store_unavailable" in codes,
        )
        service.log.clear()
    assert service.post("/v1/ocr", document).status == 200  # others are not concerned
    s3.faults.clear()
    assert service.get(f"{PATH}/{job['id']}").status == 200


def test_a_result_whose_shards_cannot_be_read_is_no_empty_200(
    service: Online, s3: S3Server
) -> None:
    job = make(service, sample_documents.text_pdf(1))
    assert job_ended(service, job)["status"] == "completed"
    s3.faults.append(Fault("busy", ".parquet"))
    for format_ in ("json", "ndjson", "markdown", "parquet"):
        answer = service.get(f"{PATH}/{job['id']}/result?format={format_}")
        assert (answer.status, answer.error["code"]) == (503, "store_unavailable")


def test_a_batch_that_fills_the_room_of_its_key_keeps_its_answers(tmp_path: Path) -> None:
    settings = config(tmp_path, max_mib=2)
    with running(settings, SlowEngine(3)) as service, client_of(service) as client:
        batch = start(client, [page(str(number), 120 + number) for number in range(9)])
        wait_for(
            lambda: client.batches.retrieve(batch.id).request_counts.completed,
            lambda completed: completed >= 3,
        )
        [folder] = tmp_path.glob(f"data/*/{batch.id}")
        (folder / "large").write_bytes(bytes(3 << 20))
        batch = ended(client, batch)
        assert batch.status == "failed"
        assert batch.failed_at
        assert batch.errors is not None
        assert [problem.code for problem in batch.errors.data or []] == ["storage_full"]
        assert batch.request_counts is not None
        assert (batch.request_counts.total, batch.request_counts.completed) == (9, 3)
        answered = rows(client, batch.output_file_id)
        assert len(answered) == 3
        assert {row["response"]["status_code"] for row in answered} == {200}
        assert client.files.delete(batch.output_file_id or "").deleted


def test_a_batch_on_a_store_that_is_busy_now_and_then_has_each_answer_once(
    service: Online, s3: S3Server
) -> None:
    for key in ("answers", "state.json", "content", "records/"):
        s3.faults.append(Fault("busy", key, times=1, method="PUT"))
    with client_of(service) as client:
        batch = ended(
            client, start(client, [page(str(number), 120 + number) for number in range(9)])
        )
        assert batch.status == "completed"
        answered = rows(client, batch.output_file_id)
        assert [row["custom_id"] for row in answered] == [str(number) for number in range(9)]
        assert not any(fault.times for fault in s3.faults)  # each was met
        assert not [key for key in s3.keys("jobs/data/") if "/answers/" in key]
        for file in client.files.list():
            client.files.delete(file.id)
    # Of the files nothing is left, no empty folder either.
    assert {key.split("/")[3] for key in s3.keys("jobs/data/open/")} - {""} == {batch.id}


# --- a model that never comes, a host that is slow


def test_a_job_whose_model_never_comes_fails_after_the_wait_that_is_set(tmp_path: Path) -> None:
    with running(config(tmp_path, model_wait_s=1), SlowEngine()) as service:

        async def away(request: Any) -> Any:
            raise ApiError(503, "model_cold", "no replica has started")

        service.ocr.recognise = away  # type: ignore[method-assign]
        state = job_ended(service, make(service, sample_documents.text_pdf(3)))
    assert (state["status"], state["error"]["code"]) == ("failed", "model_unavailable")
    assert "job.model_wait_s" in state["error"]["message"]
    assert "no replica has started" in state["error"]["message"]


def test_a_host_that_is_slow_to_be_told_holds_up_no_other_job(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    settings = config(
        tmp_path, running=1, webhook_hosts=("127.0.0.1",), webhook_tries=6, poll_s=0.1
    )
    with running(settings, FakeEngine(HANDLERS["echo"])) as service:
        # Nobody listens at this address: the attempts take a minute.
        told = make(service, sample_documents.text_pdf(1), webhook_url="https://127.0.0.1/hook")
        wait_for(lambda: caplog.text, lambda text: "a webhook was not told" in text)
        for _ in range(3):
            assert job_ended(service, make(service, sample_documents.text_pdf(1)))
        assert service.get(f"{PATH}/{told['id']}").json["webhook"] == "pending"
        state = json.loads(next(tmp_path.glob(f"data/*/{told['id']}/state.json")).read_bytes())
        assert (state["status"], state["webhook"]) == ("completed", "pending")
