"""The page at `/` and the documentation at `/docs`, and what answers have for them."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator

import pytest
from PIL import Image

from pipeline.engines.fake import HANDLERS, FakeEngine
from serving.config import IngressConfig, LimitConfig
from serving.page import files
from tests.support import sample_documents, structured_pages
from tests.support.live_service import Answer, Online, data_uri, running
from tests.support.page_service import KEY, config, with_key


@pytest.fixture(scope="module")
def service() -> Iterator[Online]:
    """With keys."""
    with with_key(body_mib=2) as it:
        yield it


def ocr(service: Online, document: bytes, media_type: str, query: str = "", **more: str) -> Answer:
    body = {"document": data_uri(document, media_type)} | more
    return service.post(f"/v1/ocr{query}", body, {"Authorization": f"Bearer {KEY}"})


# --- files


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/docs", "text/html; charset=utf-8"),
        ("/page.json", "application/json"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/sheet.js", "text/javascript; charset=utf-8"),
        ("/static/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
def test_pages_and_their_files_are_open_where_keys_are_on(
    service: Online, path: str, media_type: str
) -> None:
    answer = service.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == media_type
    assert {name: answer.headers[name] for name in files.HEADERS} == files.HEADERS


def test_a_file_that_the_browser_has_is_not_sent_again(service: Online) -> None:
    tag = service.get("/static/page.css").headers["ETag"]
    again = service.get("/static/page.css", {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["Content-Security-Policy"] == files.POLICY
    assert service.get("/static/page.css", {"If-None-Match": '"older"'}).status == 200


@pytest.mark.parametrize(
    "name", ["index.html", "none.js", "..%2fpage.css", "%2e%2e/files.py", "../files.py"]
)
def test_only_listed_files_are_served(service: Online, name: str) -> None:
    assert service.get(f"/static/{name}").status == 404


def test_all_else_needs_a_key(service: Online) -> None:
    for path in ("/v1/models", "/static", "/docs/", "/pages"):
        assert service.get(path).status == 401
    assert service.post("/v1/ocr", {}).status == 401


def test_the_page_knows_the_limits_and_the_model(service: Online) -> None:
    found = service.get("/page.json").json
    assert (found["model"], found["body_mib"], found["pages"]) == ("ocr", 2, 3)
    assert (found["has_images"], found["has_jobs"]) == (True, False)
    assert "application/pdf" in found["media_types"]


def test_the_page_can_be_switched_off_and_the_documentation_stays() -> None:
    off = config(ingress=IngressConfig(page=False))
    with running(off, FakeEngine(HANDLERS["echo"])) as service:
        assert service.get("/").status == 404
        assert service.get("/page.json").status == 404
        assert service.get("/docs").status == 200
        assert service.get("/v1/models").status == 200


def test_the_description_says_where_a_key_goes(service: Online) -> None:
    described = service.get("/openapi.json").json
    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert {"key": []} in described["security"]
    assert described["paths"]["/health"]["get"]["security"] == []
    assert "/page.json" not in described["paths"]


# --- answers


def test_a_stream_says_how_many_pages_come_and_has_what_the_page_shows(service: Online) -> None:
    content = sample_documents.text_pdf(3)
    answer = ocr(
        service, content, "application/pdf", "?stream=1", include="html,image", pages="1,3"
    )
    assert answer.headers["Rayscribe-Pages"] == "2"
    pages = [json.loads(line) for line in answer.body.splitlines()]
    assert sorted(page["page"] for page in pages) == [1, 3]
    for page in pages:
        assert len(page["html"]) == len(page["blocks"])
        assert page["html"][0].startswith("<p>")
        with Image.open(io.BytesIO(base64.b64decode(page["image"].split(",")[1]))) as image:
            assert image.format == "WEBP"
            assert max(image.size) == 1600
            assert image.width / image.height == pytest.approx(
                page["width_px"] / page["height_px"], rel=0.01
            )


def test_an_answer_in_one_piece_has_them_too_and_none_that_were_not_asked_for(
    service: Online,
) -> None:
    [page] = ocr(service, structured_pages.page(), "application/pdf", include="html").json["pages"]
    assert any("<table>" in html for html in page["html"])
    assert page["image"] is None
    [plain] = ocr(service, structured_pages.page(), "application/pdf").json["pages"]
    assert (plain["html"], plain["image"]) == (None, None)
    del page["html"], plain["html"], page["timing"], plain["timing"]
    assert page == plain


def test_an_unknown_part_of_a_page_is_refused_by_name(service: Online) -> None:
    answer = ocr(service, sample_documents.text_pdf(), "application/pdf", include="html,pdf")
    assert answer.status == 400
    assert (answer.error["param"], answer.error["code"]) == ("include", "invalid_value")
    assert "html, image" in answer.error["message"]


def test_pictures_can_be_switched_off() -> None:
    off = config(limits=LimitConfig(page_image_px=0))
    with running(off, FakeEngine(HANDLERS["echo"])) as service:
        assert service.get("/page.json").json["has_images"] is False
        answer = ocr(service, sample_documents.text_pdf(), "application/pdf", include="image")
        assert answer.status == 400
        assert "limits.page_image_px" in answer.error["message"]
