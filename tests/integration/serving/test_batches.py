"""OpenAI's files and batches, with OpenAI's client. The service runs in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types import Batch

from serving.config import ServeConfig
from tests.integration.serving.test_jobs import config, wait_for
from tests.integration.serving.test_jobs_kept import KEYS, SlowEngine
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, image, running

ENDPOINT = "/v1/chat/completions"
ENDED = ("completed", "failed", "expired", "cancelled")


def picture(width_px: int) -> bytes:
    """A picture of which each width is another page."""
    return sample_documents.saved(sample_documents.corner_picture(width_px, 120), "PNG")


def page(custom_id: str, width_px: int = 120, **more: Any) -> dict[str, Any]:
    """A line that asks for the text of a page."""
    message = {"role": "user", "content": [image(picture(width_px))]}
    return line(custom_id, {"model": "ocr", "messages": [message]} | more)


def line(custom_id: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body} | more


def jsonl(lines: list[Any]) -> bytes:
    texts = (one if isinstance(one, str) else json.dumps(one) for one in lines)
    return "".join(f"{text}\n" for text in texts).encode()


def client_of(service: Online, key: str = "unused") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", api_key=key, max_retries=0)


def start(client: openai.OpenAI, lines: list[Any], **more: Any) -> Batch:
    file = client.files.create(file=("in.jsonl", jsonl(lines)), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h", **more
    )


def ended(client: openai.OpenAI, batch: Batch) -> Batch:
    found: Batch = wait_for(
        lambda: client.batches.retrieve(batch.id), lambda now: now.status in ENDED
    )
    return found


def rows(client: openai.OpenAI, file_id: str | None) -> list[Any]:
    assert file_id is not None
    return [json.loads(row) for row in client.files.content(file_id).text.splitlines()]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Online]:
    with running(config(tmp_path_factory.mktemp("jobs")), SlowEngine()) as it:
        yield it


@pytest.fixture(scope="module")
def client(service: Online) -> Iterator[openai.OpenAI]:
    with client_of(service) as it:
        yield it


def test_every_line_is_answered_as_the_endpoint_would(
    service: Online, client: openai.OpenAI
) -> None:
    talk = {"model": live_service.CHAT, "messages": [{"role": "user", "content": "one two"}]}
    bad = {"model": "ocr", "messages": []}
    lines = [
        page("b"),
        page("a", 121),
        line("chat", talk),
        line("bad", bad),
        line("none", {"model": "none", "messages": []}),
        page("stream", stream=True),
    ]
    batch = start(client, lines, metadata={"run": "1"})
    assert (batch.object, batch.endpoint, batch.metadata) == ("batch", ENDPOINT, {"run": "1"})
    batch = ended(client, batch)
    counts = batch.request_counts
    assert counts is not None
    assert (batch.status, counts.total, counts.completed, counts.failed) == ("completed", 6, 3, 3)
    assert batch.created_at <= (batch.in_progress_at or 0) <= (batch.completed_at or 0)
    answers = rows(client, batch.output_file_id)
    assert [row["custom_id"] for row in answers] == ["b", "a", "chat"]
    assert {row["error"] for row in answers} == {None}
    texts = [row["response"]["body"]["choices"][0]["message"]["content"] for row in answers]
    assert texts[0].startswith("page of 120x120 px")
    assert texts[1].startswith("page of 121x120 px")
    assert {row["response"]["status_code"] for row in answers} == {200}
    direct = service.post(ENDPOINT, bad)
    errors = {row["custom_id"]: row["response"] for row in rows(client, batch.error_file_id)}
    assert list(errors) == ["bad", "none", "stream"]
    assert errors["bad"]["status_code"] == direct.status == 400
    assert errors["bad"]["body"] == direct.json
    assert errors["none"]["body"]["error"]["code"] == "model_not_found"
    assert errors["stream"]["body"]["error"]["param"] == "stream"
    assert ("batch", "completed") in service.jobs_ended


def test_a_file_is_kept_listed_read_and_deleted(client: openai.OpenAI) -> None:
    content = jsonl([page("a")])
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    assert (file.object, file.bytes, file.filename) == ("file", len(content), "in.jsonl")
    assert client.files.retrieve(file.id) == file
    assert file.id in [one.id for one in client.files.list(purpose="batch")]
    assert file.id not in [one.id for one in client.files.list(purpose="batch_output")]
    assert client.files.content(file.id).read() == content
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError, match="no file"):
        client.files.retrieve(file.id)
    with pytest.raises(openai.BadRequestError, match="purpose"):
        client.files.create(file=("in.jsonl", content), purpose="vision")


def test_lists_go_on_where_they_ended(client: openai.OpenAI) -> None:
    made = [client.files.create(file=("x", b"x"), purpose="batch").id for _ in range(3)]
    assert [file.id for file in client.files.list(limit=2)][:3] == made[::-1]
    batches = [start(client, [page(str(number))]).id for number in range(3)]
    assert [batch.id for batch in client.batches.list(limit=1)][:3] == batches[::-1]


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", ["empty"]),
        (b"\n \n", ["empty_file"]),
        (
            jsonl(
                [
                    page("a"),
                    page("a"),
                    "{",
                    "[]",
                    {"custom_id": 1},
                    line("b", {}, method="GET"),
                    line("c", {}, url="/v1/embeddings"),
                    line("d", None),
                ]
            ),
            [
                "duplicate_custom_id",
                "invalid_json_line",
                "invalid_json_line",
                "missing_required_parameter",
                "invalid_method",
                "mismatched_url",
                "missing_required_parameter",
            ],
        ),
    ],
    ids=["nothing", "only blank lines", "wrong lines"],
)
def test_a_wrong_file_is_named_line_by_line_and_no_line_is_answered(
    client: openai.OpenAI, content: bytes, codes: list[str]
) -> None:
    if codes == ["empty"]:
        with pytest.raises(openai.BadRequestError, match="no bytes"):
            client.files.create(file=("in.jsonl", content), purpose="batch")
        return
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
    batch = ended(client, batch)
    assert batch.status == "failed"
    assert batch.errors is not None
    problems = batch.errors.data or []
    assert [problem.code for problem in problems] == codes
    if len(codes) > 1:
        assert [problem.line for problem in problems] == [2, 3, 4, 5, 6, 7, 8]
    assert batch.output_file_id is None
    assert batch.request_counts is not None
    assert batch.request_counts.total == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"endpoint": "/v1/embeddings"}, openai.BadRequestError),
        ({"completion_window": "1h"}, openai.BadRequestError),
        ({"input_file_id": "file-none"}, openai.NotFoundError),
        ({"metadata": {"a": 1}}, openai.BadRequestError),
    ],
)
def test_a_wrong_request_makes_no_batch(
    client: openai.OpenAI, change: dict[str, Any], error: type[Exception]
) -> None:
    file = client.files.create(file=("in.jsonl", jsonl([page("a")])), purpose="batch")
    body = {"input_file_id": file.id, "endpoint": ENDPOINT, "completion_window": "24h"}
    with pytest.raises(error):
        client.batches.create(**body | change)


def test_a_batch_goes_on_after_a_restart_and_no_line_is_answered_twice(tmp_path: Path) -> None:
    before, after = SlowEngine(5), SlowEngine()
    lines = [page(str(number), 120 + number) for number in range(14)]
    with running(config(tmp_path), before) as service, client_of(service) as client:
        batch = start(client, lines)
        wait_for(
            lambda: client.batches.retrieve(batch.id).request_counts.completed,
            lambda completed: completed >= 5,
        )
        client.files.delete(batch.input_file_id)  # a batch has its own copy
    with running(config(tmp_path), after) as service, client_of(service) as client:
        batch = ended(client, batch)
        answers = rows(client, batch.output_file_id)
    assert [row["custom_id"] for row in answers] == [str(number) for number in range(14)]
    assert (before.seen + after.seen).total() == 14
    assert batch.error_file_id is None


def test_a_cancelled_batch_keeps_what_was_answered(tmp_path: Path) -> None:
    engine = SlowEngine(3)
    with running(config(tmp_path), engine) as service, client_of(service) as client:
        batch = start(client, [page(str(number), 120 + number) for number in range(9)])
        wait_for(
            lambda: client.batches.retrieve(batch.id).request_counts.completed,
            lambda completed: completed >= 3,
        )
        assert client.batches.cancel(batch.id).status in ("cancelling", "cancelled")
        batch = ended(client, batch)
        assert batch.status == "cancelled"
        assert batch.cancelled_at
        assert len(rows(client, batch.output_file_id)) == 3
        with pytest.raises(openai.ConflictError, match="has ended"):
            client.batches.cancel(batch.id)
    assert engine.seen.total() == 3


def test_lines_without_an_answer_in_time_get_an_error(tmp_path: Path) -> None:
    settings = config(tmp_path, window_s=4)
    with running(settings, SlowEngine(1)) as service, client_of(service) as client:
        batch = ended(client, start(client, [page("a"), page("b"), page("c")]))
        assert batch.status == "expired"
        answered = rows(client, batch.output_file_id) if batch.output_file_id else []
        errors = rows(client, batch.error_file_id)
        assert len(answered) + len(errors) == 3
        assert {row["error"]["code"] for row in errors} == {"batch_expired"}
        assert batch.request_counts is not None
        assert batch.request_counts.failed == len(errors)


def test_a_key_never_sees_the_files_and_batches_of_another(tmp_path: Path) -> None:
    with running(config(tmp_path), SlowEngine(), KEYS) as service:
        anna, ben = (client_of(service, letter * 32) for letter in "ab")
        batch = ended(anna, start(anna, [page("a")]))
        assert list(ben.files.list()) == list(ben.batches.list()) == []
        for file_id in (batch.input_file_id, batch.output_file_id or ""):
            for call in (ben.files.retrieve, ben.files.content, ben.files.delete):
                with pytest.raises(openai.NotFoundError):
                    call(file_id)
        for call in (ben.batches.retrieve, ben.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                call(batch.id)
        with pytest.raises(openai.NotFoundError):
            ben.batches.create(
                input_file_id=batch.input_file_id, endpoint=ENDPOINT, completion_window="24h"
            )
        assert rows(anna, batch.output_file_id)
        for one in (anna, ben):
            one.close()


def test_the_number_of_files_is_limited(tmp_path: Path) -> None:
    settings: ServeConfig = config(tmp_path, max_files=1)
    with running(settings, SlowEngine()) as service, client_of(service) as client:
        file = client.files.create(file=("x", b"x"), purpose="batch")
        with pytest.raises(openai.RateLimitError, match=r"job\.max_files"):
            client.files.create(file=("x", b"x"), purpose="batch")
        client.files.delete(file.id)
        client.files.create(file=("x", b"x"), purpose="batch")
