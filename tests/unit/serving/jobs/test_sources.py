"""Documents of jobs that are named by a URI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import StoreConfig
from pipeline.errors import DocumentError, ErrorKind
from serving.config import FetchConfig, JobConfig, LimitConfig, ServeConfig
from serving.errors import ApiError
from serving.http.url_fetch import Fetcher
from serving.jobs import records
from serving.jobs.sources import Sources
from tests.support.job_process import free_port
from tests.support.object_stores import Fault, S3Server
from tests.unit.serving.jobs.test_webhook import Handler, Host, serving

LIMITS = LimitConfig(upload_mib=0.001)


def on_store(s3: S3Server, tries: int = 3, **store: object) -> Sources:
    config = JobConfig(sources=(f"s3://{s3.bucket}/in/",), source_tries=tries)
    settings = s3.config(tries=1, read_s=0.5, **store)
    return Sources(config, settings, LIMITS, Fetcher(FetchConfig()), pause_s=0.001)


async def fetched(sources: Sources, folder: Path, uri: str) -> bytes:
    (folder / records.SOURCE).write_text(uri)
    await sources.fetch(folder)
    return (folder / records.DOCUMENT).read_bytes()


# --- schemes


@pytest.mark.parametrize("prefix", ["gs://scans/in/", "GS://scans/in/"])
@pytest.mark.parametrize("uri", ["gs://scans/in/a.pdf", "GS://scans/in/a.pdf", "Gs://scans/in/a"])
def test_the_case_of_a_scheme_does_not_matter(prefix: str, uri: str) -> None:
    config = JobConfig(sources=(prefix,))
    sources = Sources(config, StoreConfig(), LIMITS, Fetcher(FetchConfig()))
    sources.check(uri, "document")
    for other in (uri.replace("/in/", "/IN/"), uri.replace("scans", "Scans"), f"{uri}/../../x"):
        with pytest.raises(ApiError, match=r"job\.sources"):
            sources.check(other, "document")


async def test_an_upper_case_scheme_is_fetched_and_its_size_is_limited(
    s3: S3Server, tmp_path: Path
) -> None:
    uri = s3.put("in/a.pdf", b"%PDF").replace("s3:", "S3:")
    assert await fetched(on_store(s3), tmp_path, uri) == b"%PDF"
    (tmp_path / records.DOCUMENT).unlink()
    large = s3.put("in/large.pdf", bytes(5000)).replace("s3:", "S3:")
    with pytest.raises(DocumentError, match="upload_mib") as error:
        await fetched(on_store(s3), tmp_path, large)
    assert error.value.kind is ErrorKind.LIMIT


@pytest.mark.parametrize("folder", ["gs://bucket/jobs", "GS://bucket/jobs", "Az://bucket/jobs"])
def test_a_store_without_locks_has_one_ingress_whatever_its_case(folder: str) -> None:
    with pytest.raises(ValueError, match="has no locks"):
        ServeConfig(job=JobConfig(folder=folder), ingress={"num_replicas": 2})


# --- attempts


@pytest.mark.parametrize("what", ["busy", "reset", "slow"])
async def test_a_store_that_fails_for_a_while_is_asked_again(
    s3: S3Server, tmp_path: Path, what: str
) -> None:
    uri, s3.slow_s = s3.put("in/a.pdf", b"%PDF"), 1.0
    s3.faults.append(Fault(what, "in/a.pdf", times=2))
    assert await fetched(on_store(s3), tmp_path, uri) == b"%PDF"


async def test_a_listing_that_fails_for_a_while_is_asked_again(
    s3: S3Server, tmp_path: Path
) -> None:
    uri = s3.put("in/a.pdf", b"%PDF")
    s3.faults.append(Fault("busy", f"/{s3.bucket}", times=2))
    assert await fetched(on_store(s3), tmp_path, uri) == b"%PDF"


@pytest.mark.parametrize(
    ("what", "requests", "said"),
    [
        ("busy", 3, "the store of this object is busy or gives no answer"),
        ("denied", 1, "the store refuses access to this object"),
        ("gone", 1, "there is no such object"),
    ],
)
async def test_attempts_are_bounded_and_a_refusal_is_final(
    s3: S3Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    what: str,
    requests: int,
    said: str,
) -> None:
    uri = s3.put("in/a.pdf", b"%PDF")
    s3.faults.append(Fault(what, "in/a.pdf", method="GET HEAD"))
    s3.log.clear()
    with pytest.raises(DocumentError) as error:
        await fetched(on_store(s3), tmp_path, uri)
    assert error.value.kind is (ErrorKind.NOT_FOUND if what == "gone" else ErrorKind.FETCH)
    assert str(error.value) == said
    assert what == "gone" or "an object cannot be read: " in caplog.text
    listings = [path for method, path in s3.log if method == "GET" and "in/a.pdf" not in path]
    assert len(listings) == requests


async def test_the_address_of_a_store_is_in_the_log_alone(
    s3: S3Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"127.0.0.1:{free_port()}"
    sources = on_store(s3, tries=1, s3_endpoint=f"http://{address}", connect_s=0.5)
    with pytest.raises(DocumentError) as error:
        await fetched(sources, tmp_path, f"s3://{s3.bucket}/in/a.pdf")
    assert str(error.value) == "the store of this object is busy or gives no answer"
    assert address in caplog.text


class GetHandler(Handler):
    def do_GET(self) -> None:  # noqa: N802 - the name that the base class calls
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.server.seen.append(status)
        self.send_response(status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"%PDF")


@pytest.fixture
def host() -> Iterator[Host]:
    with serving(GetHandler) as server:
        yield server


def on_web(host: Host, tries: int) -> tuple[Sources, str]:
    name = f"127.0.0.1:{host.server_port}"
    fetcher = Fetcher(FetchConfig(hosts=(name,), allow_http=True), is_allowed=lambda _: True)
    config = JobConfig(source_tries=tries)
    return Sources(config, StoreConfig(), LIMITS, fetcher, pause_s=0.001), f"http://{name}/a.pdf"


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_host_that_is_busy_is_asked_again(host: Host, tmp_path: Path, status: int) -> None:
    host.statuses = [status, status]
    sources, url = on_web(host, tries=3)
    assert await fetched(sources, tmp_path, url) == b"%PDF"


@pytest.mark.parametrize(("status", "requests"), [(503, 2), (404, 1), (403, 1)])
async def test_attempts_on_the_web_are_bounded_and_a_refusal_is_final(
    host: Host, tmp_path: Path, status: int, requests: int
) -> None:
    host.statuses = [status] * 9
    sources, url = on_web(host, tries=2)
    with pytest.raises(ApiError, match=str(status)):
        await fetched(sources, tmp_path, url)
    assert len(host.seen) == requests


async def test_a_host_that_is_not_there_is_asked_again(tmp_path: Path) -> None:
    name = f"127.0.0.1:{free_port()}"
    fetcher = Fetcher(FetchConfig(hosts=(name,), allow_http=True), is_allowed=lambda _: True)
    sources = Sources(JobConfig(source_tries=2), StoreConfig(), LIMITS, fetcher, pause_s=0.001)
    with pytest.raises(ApiError, match="gave no answer"):
        await fetched(sources, tmp_path, f"http://{name}/a.pdf")
