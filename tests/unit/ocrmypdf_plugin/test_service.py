"""Pages that a service reads for OCRmyPDF: what is sent, and what becomes of each answer."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, EngineError
from pipeline.ocrmypdf_plugin.options import KEY
from pipeline.ocrmypdf_plugin.service import ServiceReader

BOX = {"x0": 1, "y0": 2, "x1": 3, "y1": 4}
PAGE: dict[str, Any] = {
    "status": "ok",
    "markdown": "words",
    "blocks": [
        {"kind": "text", "text": "words", "score": 0.5, "box_px": BOX},
        {"kind": "image", "text": "", "score": None, "box_px": None},
    ],
    "error": None,
    "source": "ocr",
    "width_px": 60,
    "height_px": 80,
    "warnings": ["faint"],
    "turned_deg": 90,
}
Given = tuple[int, dict[str, str], bytes]


class Stub:
    """A service that gives the answers that it was told, one after the other."""

    def __init__(self, *answers: Given) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.url = ""


@contextmanager
def serving(*answers: Given) -> Iterator[Stub]:
    stub = Stub(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stub.asked.append((self.path, dict(self.headers), json.loads(body)))
            status, headers, content = stub.answers.pop(0)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def good(**changes: Any) -> Given:
    return 200, {}, json.dumps({"pages": [PAGE | changes]}).encode()


@pytest.fixture
def image(tmp_path: Path) -> str:
    (tmp_path / "page.png").write_bytes(b"a picture")
    return str(tmp_path / "page.png")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_a_page_is_sent_as_it_is_and_its_blocks_come_back(
    image: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "a-key")
    with serving(good()) as service:
        page = ServiceReader(service.url + path, 5).read(image)
    ((asked, headers, body),) = service.asked
    assert asked == "/v1/ocr"
    assert headers["Authorization"] == "Bearer a-key"
    assert body["document"] == "data:image/png;base64," + base64.b64encode(b"a picture").decode()
    assert [block.box for block in page.recognition.blocks] == [(1, 2, 3, 4), None]
    assert (page.width_px, page.height_px, page.turned_deg) == (60, 80, 90)
    assert page.warnings == ("faint",)


def test_a_page_that_could_not_be_read_has_its_reason(image: str) -> None:
    error = {"kind": "engine", "message": "no answer"}
    with serving(good(status="failed", error=error, source=None, blocks=[])) as service:
        page = ServiceReader(service.url, 5).read(image)
    assert page.recognition.failure is not None
    assert page.recognition.failure.message == "no answer"


def test_a_busy_service_is_asked_again(image: str) -> None:
    busy: Given = (429, {"Retry-After": "0"}, b"")
    with serving(busy, (503, {"Retry-After": "0"}, b""), good()) as service:
        assert ServiceReader(service.url, 5).read(image).recognition.text == "words"
    assert len(service.asked) == 3


def test_a_service_that_stays_busy_is_given_up_in_time(image: str) -> None:
    with (
        serving((503, {"Retry-After": "60"}, b"no replica")) as service,
        pytest.raises(EngineError, match="503 no replica"),
    ):
        ServiceReader(service.url, 1).read(image)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {}, b'{"error": {"message": "wrong key"}}'), "401 wrong key"),
        ((404, {}, b"<html>\nnot here"), "404 <html> not here"),
        ((200, {}, b"no JSON"), "Expecting value"),
        ((200, {}, b'{"pages": []}'), "answers in another form"),
        ((200, {}, b'{"pages": [{"blocks": 3}]}'), "answers in another form"),
    ],
)
def test_any_other_answer_is_an_error_that_says_what_came(
    image: str, answer: Given, said: str
) -> None:
    with serving(answer) as service, pytest.raises(EngineError, match=said):
        ServiceReader(service.url, 5).read(image)


def test_an_answer_that_is_cut_off_is_an_error(image: str) -> None:
    with serving((200, {"Content-Length": "900", "Connection": "close"}, b"{")) as stub:
        reader = ServiceReader(stub.url, 5)
        with pytest.raises(EngineError, match="IncompleteRead"):
            reader.read(image)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "localhost:8000", "http://", "ftp://host"])
def test_only_addresses_of_http_are_taken(url: str) -> None:
    with pytest.raises(ConfigError, match="write an address such as"):
        ServiceReader(url, 5)
