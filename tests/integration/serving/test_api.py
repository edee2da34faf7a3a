"""The routes, as clients use them. The service runs in this process; `test_app.py` has Ray's."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from pipeline.config import OcrOptions, RenderConfig
from pipeline.documents.sandbox import SandboxClient
from pipeline.engines.fake import HANDLERS, FakeEngine
from pipeline.engines.recipe import make_recipe
from pipeline.recognition import retry_ladder
from pipeline.recognition.route import Routes
from pipeline.types import PageRef, PageResult, Recognition, Rung, Sampling, Source, Status
from serving.config import (
    AuthConfig,
    FetchConfig,
    HttpConfig,
    IngressConfig,
    LimitConfig,
    ServeConfig,
)
from serving.ocr.handler import OcrHandler
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, image, running, text

KEY = "k" * 32


def config(**more: Any) -> ServeConfig:
    settings = {
        "engine": {"kind": "fake"},
        "chat": live_service.chat_config(),
        "text_layer": "never",
    }
    return ServeConfig.model_validate(settings | more)


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    with running(config(limits=LimitConfig(pages=5, images=3)), FakeEngine(HANDLERS["echo"])) as it:
        yield it


@pytest.fixture(scope="module")
def client(service: Online) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0) as it:
        yield it


def picture(width_px: int = 60, height_px: int = 40) -> bytes:
    return sample_documents.saved(sample_documents.corner_picture(width_px, height_px), "PNG")


# --- the ladder


def test_the_retry_ladder_is_that_of_the_batch_and_is_in_the_answer(service: Online) -> None:
    engine = service.ocr.engine
    service.ocr.engine = FakeEngine(HANDLERS["loops_far"])
    try:
        answer = service.post("/v1/ocr", {"document": data_uri(picture())})
    finally:
        service.ocr.engine = engine
    [page] = answer.json["pages"]
    assert (page["status"], page["rung"]) == ("ok", "wider_ngram")
    assert [one["outcome"] for one in page["attempts"]] == ["looped", "good"]
    assert page["usage"]["output_tokens"] == page["attempts"][1]["output_tokens"]


@pytest.mark.parametrize(
    ("rung", "text"), [(Rung.BASE, "one two three"), (Rung.SECOND, "one "), (Rung.LAYER, "one ")]
)
def test_the_bounds_of_a_request_hold_for_whom_vllm_did_not_bound(rung: Rung, text: str) -> None:
    recipe = make_recipe(OcrOptions(output="o"), "vllm")
    model = SimpleNamespace(recipe=recipe)
    ref = PageRef("", "", 1, 1, "image/png", 0, 0)
    page = PageResult(ref, Recognition(Status.OK, "one two three", rung=rung))
    page = replace(page, source=retry_ladder.text_source(page.recognition, Source.OCR))
    asked = SimpleNamespace(prompt="", max_tokens=None, sampling=Sampling(stop=("two",)))
    assert OcrHandler._bounded(model, page, asked).text == text  # type: ignore[arg-type]


# --- pages in chat


def test_openai_client_reads_an_image(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="ocr",
        messages=[{"role": "user", "content": [image(picture()), text("Extract all text")]}],
    )
    [choice] = answer.choices
    assert choice.message.content.startswith("page of 60x40 px")
    assert choice.finish_reason == "stop"
    assert answer.model == "ocr"
    words = len(choice.message.content.split())
    assert answer.usage.completion_tokens == words == answer.usage.total_tokens


def test_openai_client_streams_page_by_page(client: openai.OpenAI) -> None:
    content = [image(sample_documents.text_pdf(3), "application/pdf")]
    chunks = list(
        client.chat.completions.create(
            model="ocr",
            messages=[{"role": "user", "content": content}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert [delta.count("page of") for delta in deltas if delta] == [1, 1, 1]
    whole = client.chat.completions.create(
        model="ocr", messages=[{"role": "user", "content": content}]
    )
    assert "".join(delta or "" for delta in deltas) == whole.choices[0].message.content
    assert whole.choices[0].message.content.count("<!-- page") == 2
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        *[("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")],
        *[("TIFF", "image/tiff"), ("GIF", "image/gif")],
    ],
)
def test_every_image_type(service: Online, name: str, media_type: str) -> None:
    content = sample_documents.saved(sample_documents.corner_picture(), name)
    answer = service.chat(image(content, media_type))
    assert "page of 60x40 px" in answer.json["choices"][0]["message"]["content"]


def test_several_images_are_answered_in_order(service: Online) -> None:
    sizes = [(60, 40), (80, 50), (70, 30)]
    answer = service.chat(*[image(picture(*size)) for size in sizes]).json
    said = answer["choices"][0]["message"]["content"]
    assert [said.index(f"{width}x{height}") for width, height in sizes] == sorted(
        said.index(f"{width}x{height}") for width, height in sizes
    )


def test_a_pdf_as_openais_file_part(service: Online) -> None:
    uri = data_uri(sample_documents.text_pdf(2), "application/pdf")
    part = {"type": "file", "file": {"filename": "a.pdf", "file_data": uri}}
    said = service.chat(part).json["choices"][0]["message"]["content"]
    assert said.count("page of 1275x1650 px") == 2


def test_max_tokens_and_stop_bound_a_page(service: Online) -> None:
    short = service.chat(image(picture()), max_tokens=7).json["choices"][0]
    assert (short["message"]["content"], short["finish_reason"]) == ("page of", "length")
    stopped = service.chat(image(picture()), stop=[" px"]).json["choices"][0]
    assert stopped["message"]["content"] == "page of 60x40"
    assert stopped["finish_reason"] == "stop"


def test_a_tiff_has_a_page_for_every_frame(service: Online) -> None:
    content = sample_documents.frames_tiff(
        [sample_documents.corner_picture(60 + n, 40) for n in range(3)]
    )
    said = service.chat(image(content, "image/tiff")).json["choices"][0]["message"]["content"]
    assert [f"{60 + n}x40" in said for n in range(3)] == [True] * 3


REFUSED = [
    ({"messages": "no"}, 400, "messages"),
    ({"messages": []}, 400, "messages"),
    ({"temperature": 3}, 400, "temperature"),
    ({"n": 2}, 400, "n"),
    ({"mm_processor_kwargs": {"crop_mode": False}}, 400, "mm_processor_kwargs"),
    ({"vllm_xargs": {"ngram_size": 1}}, 400, "vllm_xargs.ngram_size"),
    ({"chat_template": "{{ 1 }}"}, 400, "chat_template"),
    ({"tools": [{"type": "function"}]}, 400, "tools"),
    ({"stream": "yes"}, 400, "stream"),
]


@pytest.mark.parametrize(("change", "status", "param"), REFUSED)
def test_what_is_not_supported_is_named(
    service: Online, change: dict[str, Any], status: int, param: str
) -> None:
    before = len(service.ocr.requests)
    answer = service.chat(image(picture()), **change)
    assert answer.status == status
    assert answer.error["param"] == param
    assert param in answer.error["message"]
    assert answer.error["type"] == "invalid_request_error"
    assert len(service.ocr.requests) == before


def broken_png() -> bytes:
    whole = sample_documents.saved(sample_documents.noise_picture(200, 100), "PNG")
    return whole[: len(whole) // 2]


CONTENT = [
    ([text("hello")], 400, "image_missing"),
    ([image(b"no picture")], 422, "unreadable"),
    ([image(broken_png())], 422, None),
    ([image(picture(), "image/bmp")], 415, "unsupported_media_type"),
    ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,abc"}}], 400, None),
    ([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}], 400, None),
    ([image(sample_documents.text_pdf(6), "application/pdf")], 413, "too_many_pages"),
    ([image(picture())] * 4, 413, "too_many_images"),
    ([image(sample_documents.no_pages_pdf(), "application/pdf")], 422, "no_pages"),
    ([image(sample_documents.encrypted_pdf("secret"), "application/pdf")], 422, "password"),
]


@pytest.mark.parametrize(("content", "status", "code"), CONTENT)
def test_what_cannot_be_read_says_why_and_calls_no_engine(
    service: Online, content: list[Any], status: int, code: str | None
) -> None:
    before = len(service.ocr.requests)
    answer = service.chat(*content)
    assert answer.status == status, answer.body
    assert code is None or answer.error["code"] == code
    assert answer.error["message"]
    if answer.status != 422:
        assert len(service.ocr.requests) == before


def test_a_page_that_fails_among_others_leaves_a_comment(service: Online) -> None:
    content = sample_documents.tiff_with_broken_frame()
    answer = service.chat(image(content, "image/tiff"))
    said = answer.json["choices"][0]["message"]["content"]
    assert "failed: render" in said or "failed: unreadable" in said
    assert "page of" in said


def test_models_and_unknown_models(service: Online, client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["ocr", "fake", live_service.CHAT]
    assert client.models.retrieve("ocr").owned_by == "rayscribe"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-9")
    body = {"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}]}
    answer = service.post("/v1/chat/completions", body)
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "deepseek-r1" in answer.error["message"]


# --- the chat model


def test_chat_goes_to_the_chat_model(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "one two three"}]
    answer = client.chat.completions.create(model=live_service.CHAT, messages=messages)
    message = answer.choices[0].message
    assert message.content == "one two three"
    assert message.reasoning == message.reasoning_content == "The user wants an echo."  # type: ignore[attr-defined]
    assert answer.usage.total_tokens == 6


@pytest.mark.parametrize("wants_usage", [True, False])
def test_chat_streams(service: Online, client: openai.OpenAI, wants_usage: bool) -> None:
    extra: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}
    messages: Any = [{"role": "user", "content": "one two three"}]
    chunks = list(
        client.chat.completions.create(
            model=live_service.CHAT, messages=messages, stream=True, **extra
        )
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == "one two three"
    assert [chunk.usage is not None for chunk in chunks if not chunk.choices] == (
        [True] if wants_usage else []
    )
    settle(service)
    assert service.log[-1].fields["completion_tokens"] == 3  # counted either way


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"mm_processor_kwargs": {}}, "mm_processor_kwargs"),
        ({"chat_template": ""}, "chat_template"),
        ({"vllm_xargs": {"a": 1}}, "vllm_xargs"),
        (
            {"messages": [{"role": "user", "content": [image(b"x")]}]},
            "messages[0].content[0].type",
        ),
    ],
)
def test_fields_that_change_the_engine_are_refused(
    service: Online, change: dict[str, Any], param: str
) -> None:
    body = {"model": live_service.CHAT, "messages": [{"role": "user", "content": "hi"}]} | change
    before = len(service.chat_backend.bodies)
    answer = service.post("/v1/chat/completions", body)
    assert answer.status == 400
    assert answer.error["param"] in (param, param.removesuffix(".type"))
    assert len(service.chat_backend.bodies) == before


# --- /v1/ocr


def test_curl_uploads_a_document(service: Online, tmp_path: Any) -> None:
    path = tmp_path / "two pages.pdf"
    path.write_bytes(sample_documents.text_pdf(2))
    command = ["curl", "-s", "-F", f"file=@{path}", "-F", "pages=2", f"{service.url}/v1/ocr"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (answer["page_count"], answer["media_type"]) == (2, "application/pdf")
    [page] = answer["pages"]
    assert (page["page"], page["status"], page["dpi"]) == (2, "ok", 150)
    assert page["markdown"] == answer["markdown"]
    assert page["blocks"][0]["text"] == page["markdown"]


def sent_in_a_form(service: Online, path: Any, query: str, *fields: str) -> dict[str, Any]:
    command = [
        "curl",
        "-s",
        "-F",
        f"file=@{path}",
        *(part for one in fields for part in ("-F", one)),
    ]
    command.append(f"{service.url}/v1/ocr{query}")
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return answer


def test_options_in_the_address_count_with_a_form_too(service: Online, tmp_path: Any) -> None:
    path = tmp_path / "three.pdf"
    path.write_bytes(sample_documents.text_pdf(3))
    answer = sent_in_a_form(service, path, "?pages=2&include=html", "task=text")
    assert [page["page"] for page in answer["pages"]] == [2]
    assert answer["pages"][0]["html"]
    assert service.ocr.requests[-1].task == "text"


@pytest.mark.parametrize(
    ("query", "fields", "says"),
    [
        ("?pages=0", (), "page numbers start at 1"),
        ("?dpi=300", (), "dpi: this parameter is not supported"),
        ("?pages=1", ("pages=2",), "pages: it is there twice"),
        ("?pages=1&pages=2", (), "pages: it is there twice"),
        ("", ("pages=1", "pages=2"), "pages: it is there twice"),
        ("?password=secret", (), "ends up in logs"),
    ],
)
def test_no_option_of_a_form_is_ignored(
    service: Online, tmp_path: Any, query: str, fields: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "two.pdf"
    path.write_bytes(sample_documents.text_pdf(2))
    assert says in sent_in_a_form(service, path, query, *fields)["error"]["message"]


def test_options_in_the_address_are_refused_beside_json(service: Online) -> None:
    body = {"document": data_uri(sample_documents.text_pdf(2), "application/pdf")}
    answer = service.post("/v1/ocr?pages=1", body)
    assert (answer.status, answer.error["param"]) == (400, "pages")


def test_options_in_the_address_and_documents_as_bodies_are_described(service: Online) -> None:
    post = service.get("/openapi.json").json["paths"]["/v1/ocr"]["post"]
    assert {"pages", "include", "stream"} <= {one["name"] for one in post["parameters"]}
    assert "password" not in {one["name"] for one in post["parameters"]}
    assert {"application/pdf", "image/png"} <= set(post["requestBody"]["content"])


def test_a_body_of_another_type_is_told_what_can_be_sent(service: Online) -> None:
    answer = service.post("/v1/ocr", b"text", {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 415
    assert "curl -F file=@document.pdf" in answer.error["message"]


def test_a_document_as_json(service: Online) -> None:
    uri = data_uri(sample_documents.encrypted_pdf("secret"), "application/pdf")
    answer = service.post("/v1/ocr", {"document": uri, "password": "secret", "task": "text"})
    assert [page["status"] for page in answer.json["pages"]] == ["ok"]
    assert service.ocr.requests[-1].task == "text"


def test_a_trusted_text_layer_is_answered_as_in_the_batch_without_the_engine(
    service_of: Any, tmp_path: Any
) -> None:
    prose = sample_documents.text_content(sample_documents.prose())
    content = sample_documents.pdf([sample_documents.Page(prose), sample_documents.Page()])
    (tmp_path / "prose.pdf").write_bytes(content)
    with service_of(text_layer="auto") as service:
        answer = service.post("/v1/ocr", {"document": data_uri(content, "application/pdf")})
        spoken = service.chat(image(content, "application/pdf"), max_tokens=7)
        assert service.ocr.requests == []
    layer, blank = answer.json["pages"]
    options = OcrOptions(output="-", engine={"kind": "fake"})
    with SandboxClient() as reader:
        routes = Routes(make_recipe(options, "fake"))
        batch = routes.view(reader, str(tmp_path / "prose.pdf"), 1)
    assert batch.settled is not None
    assert batch.settled.text == layer["markdown"]
    assert [block.text for block in batch.settled.blocks] == [
        block["text"] for block in layer["blocks"]
    ]
    assert (layer["source"], layer["text_layer_trust"], layer["width_px"]) == (
        "text_layer",
        1,
        1275,
    )
    assert (blank["status"], blank["source"]) == ("blank", None)
    assert spoken.json["choices"][0]["message"]["content"].startswith(layer["markdown"][:7])
    assert spoken.json["choices"][0]["finish_reason"] == "length"


def test_pages_come_as_lines_as_they_are_done(service: Online) -> None:
    uri = data_uri(sample_documents.text_pdf(4), "application/pdf")
    answer = service.post("/v1/ocr?stream=1", {"document": uri})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    pages = [json.loads(line) for line in answer.body.splitlines() if line.strip()]
    assert sorted(page["page"] for page in pages) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "document"),
        ({"document": "x"}, 400, "document"),
        ({"document": data_uri(b"junk", "application/pdf")}, 422, "document"),
        ({"document": data_uri(picture()), "pages": "9"}, 400, "pages"),
        ({"document": data_uri(picture()), "pages": "x"}, 400, "pages"),
        ({"document": data_uri(picture()), "task": "sing"}, 400, "task"),
        ({"document": data_uri(picture()), "dpi": 3}, 400, "dpi"),
        ({"document": data_uri(picture()), "model": live_service.CHAT}, 404, "model"),
    ],
)
def test_bad_documents_say_why(
    service: Online, body: dict[str, Any], status: int, param: str
) -> None:
    answer = service.post("/v1/ocr", body)
    assert (answer.status, answer.error["param"]) == (status, param), answer.body


def test_a_form_without_a_file(service: Online) -> None:
    command = ["curl", "-s", "-F", "pages=2", f"{service.url}/v1/ocr"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert answer["error"]["param"] == "file"


# --- bodies


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b"", {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"model": "\xff"}', {}, 400),
        (b'{"model": "\\ud800"}', {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"junk", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_bodies_that_are_none(
    service: Online, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert service.post("/v1/chat/completions", body, headers).status == status


def test_broken_forms(service: Online) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (
        b"junk",
        b"--x\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--",
    ):
        assert service.post("/v1/ocr", body, headers).status == 400


def test_paths_and_methods(service: Online) -> None:
    assert service.get("/v1/nothing").error["code"] == "not_found"
    answer = service.get("/v1/ocr")
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")


def test_health_and_ready_call_no_engine(service: Online) -> None:
    before = len(service.ocr.requests)
    assert service.get("/health").json == {"status": "ok"}
    ready = service.get("/ready")
    assert ready.status == 200
    assert ready.json["models"]["ocr"] == {"replicas": 0, "state": "cold"}
    assert service.get("/v1/models").status == 200
    assert len(service.ocr.requests) == before


def test_the_description_names_every_reference(service: Online) -> None:
    described = service.get("/openapi.json").json
    names = set(described["components"]["schemas"])
    used = {part.split('"')[0] for part in json.dumps(described).split("#/components/schemas/")[1:]}
    assert used <= names
    assert {"ChatRequest", "OcrRequest", "OcrForm", "OcrDocument", "Error"} <= used
    assert b"swagger" in service.get("/docs").body


# --- limits


def test_a_body_that_is_too_large_is_refused(service_of: Any) -> None:
    with service_of(limits=LimitConfig(body_mib=0.1)) as service:
        large = image(picture() + bytes(200_000))
        answer = service.chat(large)
        assert (answer.status, answer.error["code"]) == (413, "body_too_large")
        # The same without Content-Length.
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(
                b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 3
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_arrive_is_given_up(service_of: Any) -> None:
    with service_of(limits=LimitConfig(upload_s=0.3)) as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(
                b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_pixels_are_limited_before_they_are_decoded(service_of: Any) -> None:
    with service_of(render=RenderConfig(max_image_pixels=1_000_000)) as service:
        answer = service.chat(image(sample_documents.large_png(4000)))
        assert (answer.status, answer.error["code"]) == (413, "limit")
        assert service.ocr.requests == []


def test_an_answer_that_takes_too_long(service_of: Any) -> None:
    slow = FakeEngine(HANDLERS["echo"], delay_ms=20_000)
    limits, one = LimitConfig(request_s=8), IngressConfig(readers=1)
    with service_of(slow, limits=limits, ingress=one) as service:
        service.chat(image(b"junk"))  # the reader starts, however busy the machine is
        answer = service.chat(image(picture()))
        assert (answer.status, answer.error["code"]) == (504, "timeout")
        events = service.chat(image(picture()), stream=True)
        lines = service.post("/v1/ocr?stream=1", {"document": data_uri(picture())})
        for answer, start in ((events, "data: "), (lines, "")):  # they had begun
            assert answer.status == 200
            last = answer.body.decode().strip().splitlines()[-1]
            assert json.loads(last.removeprefix(start))["error"]["code"] == "timeout"
        assert service.ocr.cancelled == 3
        assert service.pending[-1] == 0


def test_pending_pages_and_results_are_reported(service_of: Any) -> None:
    with service_of(limits=LimitConfig(pages_in_flight=1)) as service:
        assert service.chat(image(sample_documents.text_pdf(3), "application/pdf")).status == 200
        assert service.pending == [3, 2, 1, 0]
        [rungs] = {tuple(one.rung for one in page.attempts) for page in service.pages}
        assert (len(service.pages), rungs) == (3, (Rung.BASE,))


def test_a_stream_that_breaks_ends_with_an_error(service_of: Any) -> None:
    def first_only(request: Any) -> Any:
        if request.page_width_px != 60:
            time.sleep(0.01)
        return HANDLERS["echo"](request)

    class Slowing(FakeEngine):
        async def generate(self, request: Any) -> Any:
            if request.page_width_px == 61:
                import asyncio

                await asyncio.sleep(30)
            return first_only(request)

    with service_of(
        Slowing(first_only),
        limits=LimitConfig(request_s=8),
        ingress=IngressConfig(heartbeat_s=0.5, readers=1),
    ) as service:
        service.chat(image(b"junk"))  # the reader starts, however busy the machine is
        frames = sample_documents.frames_tiff(
            [sample_documents.corner_picture(60 + n, 40) for n in range(2)]
        )
        answer = service.chat(image(frames, "image/tiff"), stream=True)
        assert answer.status == 200
        events = answer.body.decode().strip().split("\n\n")
        assert ": waiting" in events
        assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "timeout"
        assert "[DONE]" not in answer.body.decode()
        assert "page of 60x40" in answer.body.decode()


def test_an_engine_that_fails_is_not_the_callers_fault(service_of: Any) -> None:
    with service_of(FakeEngine(HANDLERS["crashes"])) as service:
        answer = service.chat(image(picture()))
        assert (answer.status, answer.error["code"]) == (502, "engine")
        assert answer.error["type"] == "server_error"
        events = service.chat(image(picture()), stream=True).body.decode().strip().split("\n\n")
        assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "engine"
        page = service.post("/v1/ocr", {"document": data_uri(picture())})
        assert page.status == 200
        assert page.json["pages"][0]["error"]["kind"] == "engine"


def test_a_client_that_disconnects_ends_the_stream(service_of: Any) -> None:
    with service_of(chat=live_service.chat_config(fake_ms_per_word=50)) as service:
        messages = [{"role": "user", "content": "word " * 600}]
        hang_up(service, {"model": live_service.CHAT, "messages": messages, "stream": True})
        settle(service)
        assert service.chat_backend.cancelled == 1


def hang_up(service: Online, body: dict[str, Any]) -> None:
    """Send a request and leave after a second."""
    content = json.dumps(body).encode()
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        time.sleep(1)


def settle(service: Online, count: int = 1) -> None:
    deadline = time.monotonic() + 15
    while len(service.log) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.1)


# --- the middleware


def test_keys_are_asked_for_everywhere_but_at_the_probes(service_of: Any) -> None:
    with service_of(environment={"RAYSCRIBE_API_KEYS": f"alice:{KEY}"}) as service:
        assert service.get("/health").status == 200
        assert service.get("/ready").status == 200
        for headers in ({}, {"Authorization": "Bearer wrong" * 4}, {"Authorization": KEY}):
            answer = service.get("/v1/models", headers)
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.error["type"] == "authentication_error"
        assert service.get("/v1/models", {"Authorization": f"Bearer {KEY}"}).status == 200
        settle(service, 6)  # an entry follows its answer
        assert {entry.caller for entry in service.log} == {"", "alice"}
        assert KEY not in "".join(entry.line() for entry in service.log)


def test_a_caller_has_its_rate(service_of: Any) -> None:
    auth = AuthConfig(requests_per_minute=2)
    with service_of(auth=auth, environment={"RAYSCRIBE_API_KEYS": f"alice:{KEY}"}) as service:
        headers = {"Authorization": f"Bearer {KEY}"}
        assert [service.get("/v1/models", headers).status for _ in range(3)] == [200, 200, 429]
        answer = service.get("/v1/models", headers)
        assert 1 <= int(answer.headers["Retry-After"]) <= 30


def test_pages_of_other_origins_may_not_call(service: Online, service_of: Any) -> None:
    assert service.get("/v1/models", {"Origin": "https://evil.example"}).status == 403
    assert service.get("/v1/models", {"Origin": service.url}).status == 200
    with service_of(http=HttpConfig(cors_origins=("https://app.example",))) as open_service:
        assert open_service.get("/v1/models", {"Origin": "https://app.example"}).status == 200


def test_a_log_line_says_what_happened_and_no_text(service_of: Any) -> None:
    with service_of() as service:
        service.post(
            "/v1/ocr",
            {"document": data_uri(sample_documents.text_pdf(2), "application/pdf")},
            {"X-Request-Id": "mine-1"},
        )
        service.chat(text("secret words"))
        settle(service, 2)
        good, bad = (json.loads(entry.line()) for entry in service.log)
    assert good["request_id"] == "mine-1"
    assert (good["status"], good["model"], good["pages"]) == (200, "ocr", 2)
    assert good["ms"] > 0
    assert good["completion_tokens"] > 0
    assert (bad["status"], bad["error"], bad["caller"]) == (400, "image_missing", "local")
    assert len(bad["request_id"]) == 32
    assert "secret" not in json.dumps([good, bad])
    assert "page of" not in json.dumps([good, bad])


def test_documents_by_url_only_where_it_is_allowed(service_of: Any) -> None:
    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(picture())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Files) as files:
        Thread(target=files.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{files.server_port}/a.png"
        part = {"type": "image_url", "image_url": {"url": url}}
        fetch = FetchConfig(hosts=(f"127.0.0.1:{files.server_port}",), allow_http=True)
        with service_of(fetch=fetch) as service:  # listed, and still a private address
            answer = service.chat(part)
        files.shutdown()
    assert (answer.status, answer.error["code"]) == (400, "remote_url_refused")


@pytest.fixture
def service_of() -> Any:
    def start(
        engine: FakeEngine | None = None,
        environment: dict[str, str] | None = None,
        **more: Any,
    ) -> Any:
        return running(config(**more), engine or FakeEngine(HANDLERS["echo"]), environment)

    return start
