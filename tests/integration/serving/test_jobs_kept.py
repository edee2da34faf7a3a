"""What is kept of jobs: over restarts, within limits, and for whom."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.types import Generation, Request
from serving.config import FetchConfig, JobConfig, ServeConfig
from tests.integration.serving.test_jobs import PATH, config, ended, make, wait_for
from tests.support import object_stores, sample_documents
from tests.support.live_service import Answer, Online, ask, data_uri, image, running

KEYS = {"RAYSCRIBE_API_KEYS": f"anna:{'a' * 32},ben:{'b' * 32}"}
ANNA, BEN = ({"Authorization": f"Bearer {letter * 32}"} for letter in "ab")


class SlowEngine(FakeEngine):
    """Reads so many pages, then holds all others. Images that are not pages are held at once."""

    def __init__(self, pages: int = 10**6) -> None:
        super().__init__(HANDLERS["echo"])
        self.gate = threading.Event()
        self.left = pages
        self.seen: Counter[bytes] = Counter()
        self.running = 0

    async def generate(self, request: Request) -> Generation:
        self.running += 1
        try:
            is_page = request.image.shape[0] > 100
            while not (self.gate.is_set() or (is_page and self.left > 0)):
                await asyncio.sleep(0.01)
            self.left -= is_page
            self.seen[request.image.tobytes()] += 1
            return await super().generate(request)
        finally:
            self.running -= 1


def delete(service: Online, job: Any, headers: Any = None) -> Answer:
    url = f"{service.url}{PATH}/{job['id']}"
    return ask(urllib.request.Request(url, method="DELETE", headers=dict(headers or {})))


def progress(service: Online, job: Any) -> int:
    return int(service.get(f"{PATH}/{job['id']}").json["pages"]["done"])


def shard_rows(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("data/*/*/pages/*.parquet"))


# --- restarts


def test_a_job_goes_on_after_a_restart_and_no_page_is_read_twice(tmp_path: Path) -> None:
    before, after = SlowEngine(6), SlowEngine()
    with running(config(tmp_path), before) as service:
        job = make(service, sample_documents.text_pdf(20))
        wait_for(lambda: progress(service, job), lambda done: done >= 6)
        state = service.get(f"{PATH}/{job['id']}").json
        assert (state["status"], state["pages"]["total"]) == ("running", 20)
        assert state["seconds_left"] > 0
        early = service.get(f"{PATH}/{job['id']}/result")
        assert (early.status, early.error["code"]) == (409, "job_not_ended")
    assert shard_rows(tmp_path) == 6
    with running(config(tmp_path), after) as service:
        assert ended(service, job)["pages"] == {"total": 20, "done": 20, "failed": 0}
        result = service.get(f"{PATH}/{job['id']}/result").json
    assert [page["page"] for page in result["pages"]] == list(range(1, 21))
    assert max((before.seen + after.seen).values()) == 1
    assert (before.seen + after.seen).total() == 20
    [receipt] = tmp_path.glob("data/*/*/receipt.json")
    written = json.loads(receipt.read_text())
    assert (written["pages"], written["rows_before"], written["rows"]) == (
        20,
        {"ok": 6},
        {"ok": 14},
    )
    assert not [*tmp_path.glob("data/*/*/document"), *tmp_path.glob("data/*/*/_lock.json")]


def test_a_service_with_another_recipe_goes_on_and_does_not_begin_anew(tmp_path: Path) -> None:
    settings = config(tmp_path)
    with running(settings, SlowEngine(2)) as service:
        job = make(service, sample_documents.text_pdf(5))
        wait_for(lambda: progress(service, job), lambda done: done >= 2)
    render = settings.render.model_copy(update={"dpi": settings.render.dpi + 10})
    engine = SlowEngine()
    with running(settings.model_copy(update={"render": render}), engine) as service:
        assert ended(service, job)["pages"]["done"] == 5
    assert engine.seen.total() == 3


def test_jobs_that_wait_are_begun_after_a_restart(tmp_path: Path) -> None:
    with running(config(tmp_path, running=1), SlowEngine(0)) as service:
        jobs = [make(service, sample_documents.text_pdf(2)) for _ in range(3)]
        statuses = [service.get(f"{PATH}/{job['id']}").json["status"] for job in jobs]
        assert statuses[1:] == ["queued", "queued"]
    with running(config(tmp_path), SlowEngine()) as service:
        assert [ended(service, job)["status"] for job in jobs] == ["completed"] * 3


def test_two_services_on_one_folder_share_the_jobs_and_none_is_done_twice(tmp_path: Path) -> None:
    """As two ingress replicas do. A lock of this process counts as that of another one."""
    engines = SlowEngine(), SlowEngine()
    with (
        running(config(tmp_path, running=1), engines[0]) as one,
        running(config(tmp_path, running=1), engines[1]) as other,
    ):
        jobs = [make(one, sample_documents.text_pdf(4)) for _ in range(4)]
        for job in jobs:
            assert ended(other, job)["pages"]["done"] == 4
    assert sum(engine.seen.total() for engine in engines) == 16
    assert shard_rows(tmp_path) == 16


# --- deleting, and how long


def test_deleting_a_job_stops_it_and_removes_all_of_it(tmp_path: Path) -> None:
    engine = SlowEngine(2)
    with running(config(tmp_path), engine) as service:
        job = make(service, sample_documents.text_pdf(9))
        wait_for(lambda: progress(service, job), lambda done: done >= 2)
        assert delete(service, job).json == {"id": job["id"], "object": "ocr.job", "deleted": True}
        assert service.get(f"{PATH}/{job['id']}").status == 404
        assert delete(service, job).status == 404
        assert engine.running == 0
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_job_is_removed_some_time_after_its_end(tmp_path: Path) -> None:
    with running(config(tmp_path, kept_s=0.5), FakeEngine(HANDLERS["echo"])) as service:
        job = make(service, sample_documents.text_pdf(1))
        wait_for(lambda: service.get(f"{PATH}/{job['id']}").status, lambda status: status == 404)
        wait_for(
            lambda: [path for path in tmp_path.rglob("*") if path.is_file()],
            lambda files: not files,
        )
    assert service.jobs_ended == [("job", "completed")]


# --- whose, and how much


def test_a_key_never_sees_the_jobs_of_another(tmp_path: Path) -> None:
    with running(config(tmp_path), FakeEngine(HANDLERS["echo"]), KEYS) as service:
        body = {"document": data_uri(sample_documents.text_pdf(1), "application/pdf")}
        job = service.post(PATH, body, ANNA).json
        ended(service, job, ANNA)
        for path in (job["id"], f"{job['id']}/result"):
            assert service.get(f"{PATH}/{path}", BEN).status == 404
        assert delete(service, job, BEN).status == 404
        assert service.get(PATH, BEN).json["data"] == []
        assert [one["id"] for one in service.get(PATH, ANNA).json["data"]] == [job["id"]]
        assert service.get(f"{PATH}/{job['id']}/result", ANNA).status == 200


def test_a_key_has_a_maximum_of_jobs_and_another_is_not_concerned(tmp_path: Path) -> None:
    body = {"document": data_uri(sample_documents.text_pdf(1), "application/pdf")}
    settings = config(tmp_path, max_jobs=2)
    with running(settings, FakeEngine(HANDLERS["echo"]), KEYS) as service:
        jobs = [service.post(PATH, body, ANNA) for _ in range(3)]
        assert [answer.status for answer in jobs] == [202, 202, 429]
        assert "job.max_jobs" in jobs[-1].error["message"]
        assert service.post(PATH, body, BEN).status == 202
        assert delete(service, jobs[0].json, ANNA).status == 200
        assert service.post(PATH, body, ANNA).status == 202


def test_a_key_has_a_maximum_of_bytes(tmp_path: Path) -> None:
    content = sample_documents.text_pdf(1)
    settings = config(tmp_path, max_mib=1.5 * len(content) / (1 << 20))
    with running(settings, SlowEngine(0)) as service:
        make(service, content)
        answer = service.post(PATH, {"document": data_uri(content, "application/pdf")})
        assert (answer.status, answer.error["code"]) == (429, "storage_full")


def test_a_job_of_too_many_pages_fails_before_a_page_is_read(tmp_path: Path) -> None:
    engine = SlowEngine()
    with running(config(tmp_path, max_pages=3), engine) as service:
        state = ended(service, make(service, sample_documents.text_pdf(4)))
        assert (state["status"], state["error"]["code"]) == ("failed", "too_many_pages")
        assert "job.max_pages" in state["error"]["message"]
        few = make(service, sample_documents.text_pdf(4), pages="2-4")
        assert ended(service, few)["status"] == "completed"


def test_the_body_of_a_job_may_be_larger_than_that_of_a_request(tmp_path: Path) -> None:
    settings = config(tmp_path)
    limits = settings.limits.model_copy(update={"body_mib": 0.001, "upload_mib": 0.01})
    with running(settings.model_copy(update={"limits": limits}), SlowEngine()) as service:
        body = {"document": data_uri(sample_documents.text_pdf(1), "application/pdf")}
        assert service.post("/v1/ocr", body).status == 413
        assert service.post(PATH, body).status == 202
        answer = service.post(PATH, {"document": "x" * 20_000})
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")


# --- other requests first


def test_while_pages_of_other_requests_wait_one_page_of_a_job_is_read(tmp_path: Path) -> None:
    engine = SlowEngine(0)
    with running(config(tmp_path, pages_in_flight=3), engine) as service:
        make(service, sample_documents.text_pdf(30))
        wait_for(lambda: engine.running, lambda count: count == 3)
        picture = sample_documents.saved(sample_documents.corner_picture(60, 40), "PNG")
        asking = threading.Thread(target=lambda: service.chat(image(picture)))
        asking.start()
        wait_for(lambda: engine.running, lambda count: count == 4)
        engine.left = 2
        wait_for(lambda: engine.seen.total(), lambda count: count == 2)
        time.sleep(0.5)
        assert engine.running == 2  # the picture and one page: two slots are not taken again
        engine.gate.set()
        asking.join()


# --- sources and stores


def test_documents_and_jobs_on_an_object_store(s3: object_stores.S3Server, tmp_path: Path) -> None:
    s3.put("inbox/long.pdf", sample_documents.text_pdf(4))
    settings = ServeConfig(
        engine={"kind": "fake"},
        text_layer="never",
        store=s3.config(),
        job=JobConfig(folder=f"s3://{s3.bucket}/jobs", sources=(f"s3://{s3.bucket}/inbox/",)),
    )
    with running(settings, FakeEngine(HANDLERS["echo"])) as service:
        refused = service.post(PATH, {"document": f"s3://{s3.bucket}/other/long.pdf"})
        assert (refused.status, refused.error["code"]) == (400, "remote_url_refused")
        out = service.post(PATH, {"document": f"s3://{s3.bucket}/inbox/../other/long.pdf"})
        assert out.status == 400
        job = service.post(PATH, {"document": f"s3://{s3.bucket}/inbox/long.pdf"}).json
        assert ended(service, job)["pages"] == {"total": 4, "done": 4, "failed": 0}
        result = service.get(f"{PATH}/{job['id']}/result").json
        assert [page["page"] for page in result["pages"]] == [1, 2, 3, 4]
        gone = service.post(PATH, {"document": f"s3://{s3.bucket}/inbox/none.pdf"}).json
        assert ended(service, gone)["error"]["code"] == "not_found"
        for one in (job, gone):
            assert delete(service, one).status == 200
        assert service.get(PATH).json["data"] == []


def test_a_url_is_refused_where_its_host_is_not_listed(tmp_path: Path) -> None:
    settings = config(tmp_path).model_copy(update={"fetch": FetchConfig(hosts=("a.example",))})
    with running(settings, FakeEngine(HANDLERS["echo"])) as service:
        answer = service.post(PATH, {"document": "https://b.example/x.pdf"})
        assert (answer.status, answer.error["param"]) == (400, "document")


@pytest.mark.parametrize("source", ["/data/", "s3://bucket", "s3://bucket/x", "https://a/"])
def test_a_source_that_is_no_prefix_on_a_store_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="write a prefix"):
        JobConfig(sources=(source,))


def test_a_store_without_locks_has_one_ingress_replica() -> None:
    with pytest.raises(ValueError, match="num_replicas"):
        ServeConfig(job=JobConfig(folder="gs://b/j"), ingress={"num_replicas": 2})


def test_a_webhook_that_cannot_be_told_is_given_up_and_the_job_says_so(tmp_path: Path) -> None:
    settings = config(tmp_path, webhook_hosts=("127.0.0.1",), webhook_tries=1)
    with running(settings, FakeEngine(HANDLERS["echo"])) as service:
        job = make(service, sample_documents.text_pdf(1), webhook_url="https://127.0.0.1/hook")
        assert ended(service, job)["pages"]["done"] == 1
        told = wait_for(
            lambda: service.get(f"{PATH}/{job['id']}").json["webhook"],
            lambda webhook: webhook != "pending",
        )
        assert told == "given_up"
        assert service.get(f"{PATH}/{job['id']}/result").status == 200
