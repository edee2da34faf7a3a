"""The packages that people call the service with, as they come from the package index."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import LimitConfig, ServeConfig
from tests.integration.serving.test_clients import OLMOCR
from tests.support import live_service, sample_documents
from tests.support.live_service import Online, data_uri, image, running, text

# These packages warn about themselves and leave connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("default")

SAID = "page of 60x40 px"


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    config = ServeConfig(
        engine={"kind": "fake"}, chat=live_service.chat_config(), limits=LimitConfig(pages=5)
    )
    with running(config, FakeEngine(HANDLERS["echo"])) as it:
        yield it


@pytest.fixture(autouse=True)
def collect_what_clients_leave() -> Iterator[None]:
    """The event loops that these packages leave open are found here, not in a later test."""
    yield
    asyncio.set_event_loop(None)
    gc.collect()


def picture() -> bytes:
    return sample_documents.saved(sample_documents.corner_picture(60, 40), "PNG")


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    path = tmp_path / "two pages.pdf"
    path.write_bytes(sample_documents.text_pdf(2))
    return path


def test_openai(service: Online) -> None:
    with openai.OpenAI(base_url=f"{service.url}/v1", api_key="unused", max_retries=0) as client:
        assert [model.id for model in client.models.list()][:1] == ["ocr"]
        messages: Any = [{"role": "user", "content": [image(picture()), text("Read this.")]}]
        answer = client.chat.completions.create(model="ocr", messages=messages)
        assert answer.choices[0].message.content.startswith(SAID)
        chunks = client.chat.completions.create(model="ocr", messages=messages, stream=True)
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert said == answer.choices[0].message.content
        with pytest.raises(
            openai.UnprocessableEntityError, match="neither a PDF nor a readable image"
        ):
            client.chat.completions.create(
                model="ocr", messages=[{"role": "user", "content": [image(b"junk")]}]
            )


def test_litellm_completion(service: Online) -> None:
    import litellm

    answer = litellm.completion(
        model="openai/ocr",
        api_base=f"{service.url}/v1",
        api_key="unused",
        messages=[{"role": "user", "content": [image(picture())]}],
    )
    assert answer.choices[0].message.content.startswith(SAID)
    chunks = litellm.completion(
        model=f"openai/{live_service.CHAT}",
        api_base=f"{service.url}/v1",
        api_key="unused",
        messages=[{"role": "user", "content": "one two three"}],
        stream=True,
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == "one two three"


def test_litellm_ocr(service: Online, pdf: Path) -> None:
    import litellm

    uri = data_uri(pdf.read_bytes(), "application/pdf")
    answer = litellm.ocr(
        model="mistral/ocr",
        api_base=f"{service.url}/v1",
        api_key="unused",
        document={"type": "document_url", "document_url": uri},
    )
    assert [page.index for page in answer.pages] == [0, 1]
    assert all(page.markdown for page in answer.pages)


def test_langchain(service: Online) -> None:
    from langchain_openai import ChatOpenAI

    arguments: dict[str, Any] = {"base_url": f"{service.url}/v1", "api_key": "unused"}
    reader = ChatOpenAI(model="ocr", max_retries=0, **arguments)
    content: Any = [image(picture()), text("Extract the text.")]
    assert str(reader.invoke([("user", content)]).content).startswith(SAID)
    talker = ChatOpenAI(model=live_service.CHAT, max_retries=0, **arguments)
    assert "".join(str(chunk.content) for chunk in talker.stream("one two")) == "one two"


def test_mistrals_client(service: Online, pdf: Path) -> None:
    from mistralai.client import Mistral

    with Mistral(api_key="unused", server_url=service.url) as client:
        uri = data_uri(pdf.read_bytes(), "application/pdf")
        document: Any = {"type": "document_url", "document_url": uri}
        answer = client.ocr.process(model="ocr", document=document, pages=[1])
        assert [page.index for page in answer.pages] == [1]
        assert answer.pages[0].dimensions.width > 0
        assert answer.usage_info.pages_processed == 1
        document = {"type": "image_url", "image_url": data_uri(picture())}
        [page] = client.ocr.process(model="ocr", document=document).pages
        assert page.markdown.startswith(SAID)


def test_doclings_pipeline_with_its_preset(service: Online, pdf: Path) -> None:
    """`DocumentConverter` imports PyTorch; the pipeline that it would run does not."""
    from docling.backend.pypdfium2_backend import PyPdfiumDocumentBackend
    from docling.datamodel.base_models import ConversionStatus, InputFormat
    from docling.datamodel.document import InputDocument
    from docling.datamodel.pipeline_options import VlmPipelineOptions
    from docling.datamodel.vlm_model_specs import DEEPSEEKOCR_OLLAMA
    from docling.pipeline.vlm_pipeline import VlmPipeline

    preset = DEEPSEEKOCR_OLLAMA.model_copy(deep=True)
    preset.url = f"{service.url}/v1/chat/completions"
    preset.params["model"] = "ocr"
    pipeline = VlmPipeline(VlmPipelineOptions(vlm_options=preset, enable_remote_services=True))
    document = InputDocument(pdf, InputFormat.PDF, PyPdfiumDocumentBackend)
    done = pipeline.execute(document, raises_on_error=True)
    assert done.status == ConversionStatus.SUCCESS, done.errors
    assert len(done.document.pages) == 2
    assert done.document.texts
    assert all(item.prov[0].bbox.width > 0 for item in done.document.texts)
    assert "page of" in done.document.export_to_markdown()


def test_olmocrs_request(service: Online, pdf: Path) -> None:
    """olmOCR's package needs PyTorch: its request, as `build_page_query` makes it."""
    encoded = base64.b64encode(picture()).decode()
    body = {
        "model": "ocr",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": OLMOCR},
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{encoded}"},
                    },
                ],
            }
        ],
        "max_tokens": 8000,
        "temperature": 0.1,
    }
    answer = service.post("/v1/chat/completions", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    [choice] = answer.json["choices"]
    assert (choice["finish_reason"], choice["message"]["content"][: len(SAID)]) == ("stop", SAID)
    assert answer.json["usage"]["total_tokens"] > 0
