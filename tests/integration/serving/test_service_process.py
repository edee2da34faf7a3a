"""The service with a Ray of its own, from its first line to its last; with both proxies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import sample_documents, service_process
from tests.support.live_service import Answer, data_uri
from tests.support.service_process import Collector, ServiceProcess
from tests.support.waiting import wait

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FLAGS = ("--engine.kind", "fake", "--engine.fake.delay-ms", "1500", "--text-layer", "never")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    it = Collector()
    yield it
    it.close()


@pytest.fixture(scope="module", params=["serve", "haproxy"])
def service(
    request: pytest.FixtureRequest, collector: Collector
) -> Iterator[tuple[ServiceProcess, list[Answer]]]:
    """A service that is ready, and all answers that it gave before."""
    flags = (*FLAGS, "--http.proxy", request.param, "--scale.ocr.min-replicas", "1")
    traces = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": f"ocr-{request.param}",
        "OTEL_BSP_SCHEDULE_DELAY": "300",
    }
    with service_process.running(*flags, **traces) as it:
        yield it, service_process.ask_until(it, lambda: it.said("Serving ocr at"), 300)


def form(pages: int) -> dict[str, str]:
    return {"document": data_uri(sample_documents.text_pdf(pages), "application/pdf")}


@pytest.mark.timeout(400)
def test_every_path_is_refused_while_it_starts_and_it_says_what_it_waits_for(
    service: tuple[ServiceProcess, list[Answer]],
) -> None:
    it, answers = service
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) > 5, "it was asked while it started"
    for answer in answers:
        assert answer.status in (200, 404, 503)
        assert "text/plain" not in answer.headers["Content-Type"]
    for answer in refused:
        assert answer.headers["Retry-After"], answer.body
        assert "models" in answer.json or answer.error["code"] in ("starting", "unavailable")
    said = [line.get("message", "") for line in service_process.parsed(it.lines)]
    assert said[0] == "Starting Ray on this machine."
    assert any(line.startswith("Waiting for ") for line in said)
    port = it.metrics_port
    assert f"Metrics: http://127.0.0.1:{port}/metrics" in said


def test_all_its_processes_listen_on_loopback_only(
    service: tuple[ServiceProcess, list[Answer]],
) -> None:
    sockets = service[0].listening()
    assert {name for name, _ in sockets} >= {"gcs_server", "raylet"}
    assert len(sockets) > 10
    assert {address for _, address in sockets} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_spans_of_a_request_reach_the_collector(
    service: tuple[ServiceProcess, list[Answer]], collector: Collector
) -> None:
    caller = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    collector.spans.clear()
    assert service[0].client.post("/v1/ocr", form(2), caller).status == 200
    wait(lambda: len([one for one in collector.spans if one.trace == TRACE]) >= 5, 60)
    found = [one for one in collector.spans if one.trace == TRACE]
    [request] = [one for one in found if one.name == "POST /v1/ocr"]
    pages = [one for one in found if one.name == "page"]
    engines = [one for one in found if one.name == "engine"]
    assert request.parent == PARENT
    assert request.service.startswith("ocr-")
    assert {page.parent for page in pages} == {request.id}
    assert sorted(engine.parent for engine in engines) == sorted(page.id for page in pages)


def test_metrics_are_at_the_port_that_was_printed(
    service: tuple[ServiceProcess, list[Answer]],
) -> None:
    assert service[0].client.post("/v1/ocr", {"document": "junk"}).status in (400, 422)
    # Not the gauge of waiting pages: Ray exports one only until the next scrape after its change.
    names = ("requests_total", "request_ms_bucket", "pages_total")
    wait(lambda: "ray_rayscribe_pages_total" in service_process.metrics(service[0]), 60)
    text = service_process.metrics(service[0])
    assert [name for name in names if f"\nray_rayscribe_{name}{{" not in text] == []


@pytest.mark.timeout(300)
def test_while_it_stops_new_requests_are_refused_and_all_it_printed_is_json(
    service: tuple[ServiceProcess, list[Answer]],
) -> None:
    it = service[0]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(it.client.post, "/v1/ocr", form(3))
        time.sleep(1)
        it.stop()
        answers = service_process.ask_until(
            it, lambda: it.started.process.poll() is not None, seconds=120
        )
        assert running.result().status == 200
    assert it.started.process.returncode == 0
    refused = [answer for answer in answers if answer.status == 503]
    assert refused
    # "unavailable": HAProxy cannot tell a service that stops from one that starts.
    assert {answer.error["code"] for answer in refused} <= {"stopping", "unavailable"}
    assert any(answer.error["code"] == "stopping" for answer in refused)
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert all("text/plain" not in answer.headers["Content-Type"] for answer in answers)
    lines = service_process.parsed(it.lines)
    assert any(line.get("path") == "/v1/ocr" and line["status"] == 200 for line in lines)
    assert any(line.get("error") for line in lines)
    assert not it.started.left()


# `timeout` and supervisors send SIGTERM to the group, in which Ray's processes must not be.
@pytest.mark.parametrize(
    ("send", "number"),
    [(os.kill, signal.SIGINT), (os.kill, signal.SIGTERM), (os.killpg, signal.SIGTERM)],
)
def test_a_service_that_waits_for_a_gpu_without_end_can_be_stopped(
    send: Callable[[int, int], None], number: signal.Signals
) -> None:
    flags = ("--engine.kind", "fake", "--scale.ocr.min-replicas", "1", "--scale.ocr.num-gpus", "1")
    with service_process.running(*flags) as it:
        wait(lambda: it.said("Waiting for Ocr"), 60)
        send(it.started.process.pid, number)
        assert it.started.process.wait(timeout=30) == 0
    assert it.said("Stopped before it served.")
