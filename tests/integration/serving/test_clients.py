"""What clients send: vLLM's, docling's, olmOCR's and Mistral's requests, and plain curl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import LimitConfig, PromptConfig, ServeConfig
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, image, running, text

OLMOCR = (
    "Attached is one page of a document that you must process. Just return the plain text "
    "representation of this document as if you were reading it naturally. Convert equations to "
    "LaTeX and tables to HTML."
)
RULE = {"ngram_size": 30, "window_size": 90, "whitelist_token_ids": [128821, 128822]}


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    config = ServeConfig(
        engine={"kind": "fake"}, chat=live_service.chat_config(), limits=LimitConfig(pages=5)
    )
    with running(config, FakeEngine(HANDLERS["echo"])) as it:
        yield it


def picture() -> bytes:
    return sample_documents.saved(sample_documents.corner_picture(60, 40), "PNG")


def pdf(pages: int = 2) -> bytes:
    return sample_documents.text_pdf(pages)


def test_the_request_of_vllms_recipe(service: Online) -> None:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="ocr",
            messages=[{"role": "user", "content": [image(picture()), text("Free OCR.")]}],
            max_tokens=2048,
            temperature=0.0,
            extra_body={"skip_special_tokens": False, "vllm_xargs": RULE, "top_k": -1},
        )
    assert answer.choices[0].message.content.startswith("page of 60x40 px")
    sampling = service.ocr.requests[-1].sampling
    assert (sampling.ngram_size, sampling.ngram_window, sampling.cells_repeat) == (30, 90, True)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (OLMOCR, "unknown; task=markdown"),
        ("Bitte lies den Text vor.", "unknown; task=markdown"),
        ("How much is the invoice?", "unknown; task=markdown"),
        ("Extract all text", "task=text"),
        ("", "task=markdown"),
    ],
)
def test_any_prompt_reads_the_page_and_the_header_says_as_what(
    service: Online, prompt: str, said: str
) -> None:
    parts = [image(picture()), *([text(prompt)] if prompt else [])]
    for stream in (False, True):
        answer = service.chat(*parts, stream=stream)
        assert (answer.status, answer.headers["Rayscribe-Prompt"]) == (200, said)
        assert b"page of 60x40 px" in answer.body


def test_prompts_can_be_refused() -> None:
    config = ServeConfig(
        engine={"kind": "fake"},
        chat=live_service.chat_config(),
        prompts=PromptConfig(unknown="refuse"),
    )
    with running(config, FakeEngine(HANDLERS["echo"])) as service:
        answer = service.chat(image(picture()), text("How much is the invoice?"))
        assert (answer.status, answer.error["code"]) == (400, "unknown_task")
        assert not service.ocr.requests


def test_a_task_that_the_engine_has_not_is_refused_by_its_field() -> None:
    config = ServeConfig(engine={"kind": "onnx"}, chat=live_service.chat_config())
    with running(config, FakeEngine(HANDLERS["echo"])) as service:
        body = {"document": data_uri(picture()), "task": "describe"}
        answer = service.post("/v1/ocr", body)
        assert (answer.status, answer.error["param"]) == (400, "task")


def test_a_prompt_with_grounding_gets_labels_and_boxes(service: Online) -> None:
    """As docling's preset sends it: of a PDF whose text layer is taken."""
    prompt = text("<|grounding|>Convert the document to markdown. ")
    answer = service.chat(image(pdf(1), "application/pdf"), prompt)
    content = answer.json["choices"][0]["message"]["content"]
    head, _, said = content.partition("\n")
    assert head.startswith("<|ref|>")
    assert head.endswith("]]<|/det|>")
    assert said.strip()
    plain = service.chat(image(pdf(1), "application/pdf")).json["choices"][0]["message"]["content"]
    assert said.split("\n")[0].split() == plain.split("\n")[0].split()


def test_labels_and_boxes_stay_where_the_text_is_cut(service: Online) -> None:
    """docling's preset sends 4,096, which a dense page has more characters than."""
    prompt = text("<|grounding|>Convert the document to markdown. ")
    answer = service.chat(image(pdf(1), "application/pdf"), prompt, max_tokens=90)
    [choice] = answer.json["choices"]
    assert choice["message"]["content"].startswith("<|ref|>")
    assert (len(choice["message"]["content"]), choice["finish_reason"]) == (90, "length")


def test_a_follow_up_refers_to_the_last_picture(service: Online) -> None:
    messages = [
        {"role": "user", "content": [image(picture())]},
        {"role": "assistant", "content": "page of 60x40 px"},
        {"role": "user", "content": "now summarise it"},
    ]
    answer = service.post("/v1/chat/completions", {"model": "ocr", "messages": messages})
    assert answer.status == 200
    assert "page of 60x40 px" in answer.json["choices"][0]["message"]["content"]


def test_mistrals_form(service: Online) -> None:
    document = {"type": "document_url", "document_url": data_uri(pdf(3), "application/pdf")}
    body = {"model": "ocr", "document": document, "pages": [0, 2], "include_image_base64": False}
    answer = service.post("/v1/ocr", body).json
    assert [page["index"] for page in answer["pages"]] == [0, 2]
    assert all(page["markdown"] and page["dimensions"]["width"] for page in answer["pages"])
    assert answer["usage_info"] == {"pages_processed": 2, "doc_size_bytes": len(pdf(3))}
    picture_body = {"document": {"type": "image_url", "image_url": data_uri(picture())}}
    [page] = service.post("/v1/ocr", picture_body).json["pages"]
    assert page["markdown"].startswith("page of 60x40 px")


def test_mistrals_form_has_errors_of_ours(service: Online) -> None:
    broken = {"type": "document_url", "document_url": data_uri(b"%PDF-", "application/pdf")}
    assert service.post("/v1/ocr", {"document": broken}).status == 422
    document = {"type": "document_url", "document_url": data_uri(pdf(), "application/pdf")}
    answer = service.post("/v1/ocr?stream=1", {"document": document})
    assert (answer.status, answer.error["param"]) == (400, "stream")


def post_bytes(service: Online, query: str, content: bytes, kind: str) -> Any:
    return service.post(f"/v1/ocr{query}", content, {"Content-Type": kind})


def test_a_document_as_the_body(service: Online) -> None:
    answer = post_bytes(service, "?pages=2", pdf(), "application/pdf")
    assert [page["page"] for page in answer.json["pages"]] == [2]
    assert post_bytes(service, "?task=text", picture(), "image/png").status == 200
    lines = post_bytes(service, "?stream=1", pdf(), "application/pdf").body.splitlines()
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("query", "content", "param"),
    [
        ("", b"", "body"),
        ("?password=x", b"%PDF-", "password"),
        ("?colour=red", b"%PDF-", "colour"),
        ("?pages=x", b"%PDF-", "pages"),
    ],
)
def test_a_body_or_query_that_is_wrong(
    service: Online, query: str, content: bytes, param: str
) -> None:
    answer = post_bytes(service, query, content, "application/pdf")
    assert (answer.status, answer.error["param"]) == (400, param)
