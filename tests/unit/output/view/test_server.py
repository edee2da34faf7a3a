"""The viewer's server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pipeline.config import StoreConfig
from pipeline.output.page_pictures import PagePictures
from pipeline.output.view.server import app
from pipeline.output.view.site import Site
from tests.support.small_outputs import page, write_pages


@pytest.fixture
def site(tmp_path: Path) -> Any:
    pictures = PagePictures(StoreConfig(), workers=1)
    yield Site(write_pages(tmp_path, [page("/nowhere/a.pdf", 1, "words")]), pictures, "out")
    pictures.close()


@pytest.fixture
def client(site: Site) -> TestClient:
    return TestClient(app(site), base_url="http://127.0.0.1:8000")


def test_the_site_is_served_with_a_policy(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("/data/index.js").text.startswith('rayscribe("index",')


@pytest.mark.parametrize("path", ["/nothing", "/..%2f..%2fetc/passwd", "/pages/x.js", "/assets/"])
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post("/").status_code == 405


def test_a_page_without_its_original_says_so(client: TestClient, site: Site) -> None:
    answer = client.get(f"/pictures/{next(site.page_ids())}.webp")
    assert answer.status_code == 404
    assert answer.text == "no such file"


def test_other_names_and_requests_of_other_sites_are_refused(
    client: TestClient, site: Site
) -> None:
    assert client.get("/", headers={"host": "rebound.example"}).status_code == 400
    for origin in ("cross-site", "same-site"):
        answer = client.get("/data/index.js", headers={"sec-fetch-site": origin})
        assert answer.status_code == 403
        assert "rayscribe" not in answer.text
    assert client.get("/", headers={"sec-fetch-site": "none"}).status_code == 200
    elsewhere = TestClient(app(site, "0.0.0.0"), base_url="http://scans.example")
    assert elsewhere.get("/").status_code == 200
