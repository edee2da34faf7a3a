"""Traces: which spans a request has, and whose they are."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving import tracing
from serving.config import ServeConfig
from tests.support import job_process, live_service, sample_documents
from tests.support.live_service import data_uri

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracing.use(provider)
    yield memory
    tracing.use(None)


def spans(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for one in exporter.get_finished_spans():
        found.setdefault(one.name, []).append(one)
    return found


def parents(found: list[ReadableSpan]) -> set[str]:
    return {f"{one.parent.span_id:016x}" for one in found if one.parent}


def test_a_request_has_a_span_for_itself_and_for_each_page(exporter: InMemorySpanExporter) -> None:
    config = ServeConfig(engine={"kind": "fake"}, chat=live_service.chat_config())
    pdf = data_uri(sample_documents.text_pdf(3), "application/pdf")
    with live_service.running(config, FakeEngine(HANDLERS["echo"])) as service:
        assert service.post("/v1/ocr", {"document": pdf}, CALLER).status == 200
        assert service.get("/v1/nothing").status == 404
    found = spans(exporter)
    [request] = found["POST /v1/ocr"]
    assert f"{request.context.trace_id:032x}" == TRACE
    assert parents([request]) == {PARENT}
    assert request.attributes["http.response.status_code"] == 200
    assert parents(found["page"]) == {f"{request.context.span_id:016x}"}
    assert sorted(one.attributes["page"] for one in found["page"]) == [1, 2, 3]
    assert {one.attributes["status"] for one in found["page"]} == {"ok"}
    [other] = found["GET other"]
    assert other.parent is None


def test_the_engines_span_in_another_process_belongs_to_the_page(
    exporter: InMemorySpanExporter,
) -> None:
    with tracing.span("page"):
        sent = tracing.carrier()
    with tracing.span("engine", sent) as tags:
        tags["status"] = "ok"
    tracing.record("stream", sent, tracing.now_ns())
    found = spans(exporter)
    page = f"{found['page'][0].context.span_id:016x}"
    assert parents(found["engine"] + found["stream"]) == {page}
    assert found["engine"][0].attributes["status"] == "ok"


def test_an_error_is_in_its_span(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(OSError, match="gone"), tracing.span("page"):
        raise OSError("gone")
    [page] = spans(exporter)["page"]
    assert not page.status.is_ok
    assert page.events[0].name == "exception"


def test_without_traces_nothing_is_recorded_or_passed_on() -> None:
    with tracing.span("page", CALLER) as tags:
        tags["status"] = "ok"
        assert tracing.carrier() == {}
    tracing.record("engine", {}, 0)
    tracing.flush()


@pytest.mark.parametrize(
    ("environment", "is_asked_for"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "mine"}, False),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_usual_variables_ask_for_traces(
    environment: dict[str, str], is_asked_for: bool
) -> None:
    assert tracing.is_asked_for(environment) == is_asked_for


def test_a_missing_package_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk._configuration", None)
    with caplog.at_level(logging.WARNING):
        tracing.configure({"OTEL_TRACES_EXPORTER": "otlp"})
    assert "install the extra 'tracing'" in caplog.text


def test_the_sdk_configures_itself_by_the_environment() -> None:
    code = """
from serving import tracing
tracing.configure()
with tracing.span("page", page=3):
    assert tracing.carrier()["traceparent"]
tracing.flush()
"""
    chosen = {"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "mine"}
    command = [sys.executable, "-c", code]
    environment = job_process.environment(**chosen)
    done = subprocess.run(
        command, cwd=job_process.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert '"name": "page"' in done.stdout, done.stderr
    assert '"service.name": "mine"' in done.stdout
