"""How a service with a Ray of its own ends: at once after its last answer, its spans exported."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import sample_documents, service_process
from tests.support.live_service import data_uri

FLAGS = ("--engine.kind", "fake", "--engine.fake.delay-ms", "1000", "--text-layer", "never")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("proxy", ["serve", "haproxy"])
def test_it_ends_after_its_last_answer_and_leaves_no_process_and_no_folder(
    proxy: str, tmp_path: Path
) -> None:
    flags = (*FLAGS, "--http.proxy", proxy, "--scale.ocr.min-replicas", "1")
    body = {"document": data_uri(sample_documents.text_pdf(4), "application/pdf")}
    place = {"TMPDIR": str(tmp_path)}
    with service_process.running(*flags, **place) as it, ThreadPoolExecutor(1) as pool:
        service_process.ask_until(it, lambda: it.said("Serving ocr at"), 200)
        running = pool.submit(it.client.post, "/v1/ocr", body)
        time.sleep(1)
        it.stop()
        answer = running.result()
        assert it.started.process.wait(60) == 0
        assert answer.status == 200, answer.body
        assert [page["status"] for page in answer.json["pages"]] == ["ok"] * 4
        assert not it.started.left()
        assert not list(tmp_path.glob("rayscribe-*"))
        service_process.parsed(it.lines)


@pytest.mark.timeout(300)
def test_the_last_spans_are_exported_before_it_ends() -> None:
    """None is exported by itself in so short a time."""
    body = {"document": data_uri(sample_documents.text_pdf(2), "application/pdf")}
    collector = service_process.Collector()
    traces = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "600000",
    }
    flags = (*FLAGS, "--scale.ocr.min-replicas", "1")
    try:
        with service_process.running(*flags, **traces) as it:
            service_process.ask_until(it, lambda: it.said("Serving ocr at"), 200)
            assert it.client.post("/v1/ocr", body).status == 200
            it.stop()
            assert it.started.process.wait(60) == 0
    finally:
        collector.close()
    names = Counter(span.name for span in collector.spans)
    assert names["engine"] >= 2, names  # one more for the page that warms it up
    assert names["page"] == 2
    assert names["POST /v1/ocr"] == 1
