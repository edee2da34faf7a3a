from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from serving.config import FetchConfig
from serving.errors import ApiError
from serving.http.public_address import IPAddress, is_public
from serving.http.url_fetch import Fetcher

HERE = "127.0.0.1"
KIB = 1 / 1024
"""A KiB in MiB."""
ANY_TEXT = st.text(st.characters())
"""Lone surrogates too: JSON can carry them."""
Piece = bytes | float
"""What a server writes, or how many seconds it waits."""


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> list[Piece]:
    """An answer that ends with its connection."""
    return ["\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode(), body]


def moved(to: str, status: int = 302) -> list[Piece]:
    return answer(b"", f"Location: {to}", "Set-Cookie: a=b", status=f"{status} Moved")


class Site:
    """A web server on loopback that answers each path as it is told."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Piece]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.names: list[str | None] = []
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        server = await asyncio.start_server(self._serve, HERE, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            path = head[0].split()[1]
            self.seen.append((path, dict(line.lower().split(": ", 1) for line in head[1:-2])))
            for piece in self.answers.get(path, answer(status="404 Not Found")):
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    writer.write(piece)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side hung up, as it should
        finally:
            writer.close()


class Names:
    """DNS: each question about a host gets the next of its answers, the last one forever."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append((host, port))
        answers = self._answers.get(host.removesuffix(".example"))
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with await site.start():
        yield site
        await site.stop()


def is_here_or_public(address: IPAddress) -> bool:
    return str(address) == HERE or is_public(address)


def fetcher(site: Site | None, names: Names | None = None, **settings: object) -> Fetcher:
    """One that may fetch from docs.example, a server here."""
    port = f":{site.port}" if site else ""
    config = {"hosts": (f"docs.example{port}",), "allow_http": True, "timeout_s": 10, **settings}
    return Fetcher(
        FetchConfig.model_validate(config),
        resolver=names or Names(docs=[[HERE]]),
        is_allowed=is_here_or_public,
    )


def at(site: Site, path: str = "/", host: str = "docs.example") -> str:
    return f"http://{host}:{site.port}{path}"


async def refusal(fetcher: Fetcher, url: str, status: int, code: str) -> str:
    with pytest.raises(ApiError) as caught:
        await fetcher.fetch(url, "messages[0]")
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.param == "messages[0]"
    assert HERE not in str(caught.value) or HERE in url
    return str(caught.value)


async def refused(fetcher: Fetcher, url: str) -> str:
    message = await refusal(fetcher, url, 400, "remote_url_refused")
    assert "data: URI" in message
    return message


async def failed(fetcher: Fetcher, url: str) -> str:
    return await refusal(fetcher, url, 422, "fetch_failed")


async def test_a_document_comes_as_it_is(site: Site, monkeypatch: pytest.MonkeyPatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    site.answers["/a%20b"] = answer(b"%PDF" + bytes(range(256)))
    assert await fetcher(site).fetch(at(site, "/a b#c")) == b"%PDF" + bytes(range(256))
    _, headers = site.seen[0]
    assert headers["host"] == f"docs.example:{site.port}"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("path", ["/%7Ea+b/?c=%2F%2b&d=%3D&&e", "/a%2fb//c", '/"<>|%'])
async def test_a_signed_url_is_sent_as_it_was_signed(site: Site, path: str):
    site.answers |= {"/": moved(path), path: answer(b"here")}
    for start in ("/", path):
        assert await fetcher(site).fetch(at(site, start)) == b"here"


async def test_by_default_nothing_is_fetched():
    message = await refused(Fetcher(FetchConfig()), "https://docs.example/")
    assert "fetch.hosts" in message


@pytest.mark.parametrize(
    "url",
    [
        "http://docs.example/",
        "ftp://docs.example/",
        "file:///etc/passwd",
        "data:text/plain,a",
        "//docs.example/",
        "docs.example",
        "",
        "https://",
        "https://docs.example:8443/",
        "https://docs.example:80/",
        "https://docs.example:0/",
        "https://docs.example:99999/",
        "https://user@docs.example/",
        "https://user:word@docs.example/",
        "https://@docs.example/",
        "https://other.example\\@docs.example/",
        "https://docs.example\\@other.example/",
        "https://other.example#@docs.example/",
        "https://sub.docs.example/",
        "https://docs.example.org/",
        "https://docs.example../",
        "https://docs%2eexample/",
        "https://93.184.215.14/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::1%25lo]/",
        "https://2130706433/",
        "https://docs.example/" + "a" * 9000,
    ],
)
async def test_what_is_not_listed_is_not_even_resolved(url: str):
    names = Names(docs=[["93.184.215.14"]])
    await refused(fetcher(None, names, allow_http=False), url)
    assert names.asked == []


@given(st.sampled_from(["", "https://", "https://docs.example", "http://[", "https:"]), ANY_TEXT)
def test_any_text_is_answered_with_a_refusal(start: str, text: str):
    with pytest.raises(ApiError) as caught:
        asyncio.run(fetcher(None, Names()).fetch(start + text))
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize(
    ("entry", "url", "asked"),
    [
        ("docs.example", "https://docs.example", ("docs.example", 443)),
        ("docs.example", "HTTPS://DOCS.Example.:443/", ("docs.example", 443)),
        ("docs.example", "https://docs.example#@other.example:1/", ("docs.example", 443)),
        ("docs.example", "http://docs.example/", ("docs.example", 80)),
        ("DOCS.example.", "https://docs.example/", ("docs.example", 443)),
        ("docs.example:8443", "https://docs.example:8443/", ("docs.example", 8443)),
        ("b\u00fccher.example", "https://B\u00dcCHER.example/", ("xn--bcher-kva.example", 443)),
        ("xn--bcher-kva.example", "https://b\u00fccher.example/", ("xn--bcher-kva.example", 443)),
        ("docs.example", "https://\uff44ocs\u3002example/", ("docs.example", 443)),
    ],
)
async def test_hosts_are_compared_in_one_spelling(entry: str, url: str, asked: tuple[str, int]):
    names = Names()
    assert "has no address" in await failed(fetcher(None, names, hosts=(entry,)), url)
    assert names.asked == [asked]


async def test_an_entry_with_a_port_opens_no_other():
    await refused(fetcher(None, hosts=("docs.example:8443",)), "https://docs.example/")


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "*.example", "https://docs.example", "docs.example/", "a@docs.example", "a b"),
        *("127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "docs.example:99999", ":443", "a..b"),
        *("docs.example?", "docs.example#", "docs.example\n", "@docs.example", "docs%2eexample"),
    ],
)
def test_an_entry_that_is_no_host_stops_the_start(entry: str):
    with pytest.raises(ConfigError, match=r"write one such as docs\.example\.org"):
        Fetcher(FetchConfig(hosts=(entry,)))


@pytest.mark.parametrize(
    "answers",
    [["10.0.0.1"], ["93.184.215.14", "169.254.169.254"], [HERE, "::1"], ["fe80::1%eth0"]],
)
async def test_each_address_of_a_name_has_to_be_public(site: Site, answers: list[str]):
    message = await refused(fetcher(site, Names(docs=[answers])), at(site))
    assert "not public" in message
    assert site.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"])
async def test_listing_does_not_make_an_address_public(site: Site, host: str):
    config = FetchConfig(hosts=(f"{host}:{site.port}",), allow_http=True)
    assert "not public" in await refused(Fetcher(config), at(site, host=host))
    assert site.seen == []


async def test_a_literal_that_is_listed_and_allowed_is_fetched(site: Site):
    site.answers["/"] = answer(b"here")
    here = fetcher(site, Names(), hosts=(f"{HERE}:{site.port}",))
    assert await here.fetch(at(site, host=HERE)) == b"here"


async def test_the_address_that_was_checked_is_connected_to(site: Site):
    names = Names(docs=[[HERE], ["10.0.0.1"]])
    site.answers["/"] = answer(b"here")
    rebound = fetcher(site, names)
    assert await rebound.fetch(at(site)) == b"here"
    assert names.asked == [("docs.example", site.port)]
    await refused(rebound, at(site))
    assert len(site.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_without_cookies(site: Site, status: int):
    site.answers |= {"/": moved("/b?c=1", status), "/b?c=1": answer(b"there")}
    assert await fetcher(site).fetch(at(site)) == b"there"
    assert not any("cookie" in headers or "referer" in headers for _, headers in site.seen)


@pytest.mark.parametrize(
    "to",
    [
        "http://10.0.0.1/",
        "http://inner.example:{port}/",
        "http://other.example:{port}/",
        "//other.example:{port}/",
        "http://docs.example:1/",
        "http://docs.example/",
        "http://user@docs.example:{port}/",
        "ftp://docs.example:{port}/",
        "http://[",
    ],
)
async def test_where_a_redirect_leads_is_checked_like_the_start(site: Site, to: str):
    site.answers |= {"/": moved(to.format(port=site.port)), "/b": answer(b"secret")}
    hosts = tuple(f"{name}.example:{site.port}" for name in ("docs", "inner"))
    names = Names(docs=[[HERE]], inner=[["192.168.0.1"]], other=[[HERE]])
    await refused(fetcher(site, names, hosts=hosts), at(site))
    assert [path for path, _ in site.seen] == ["/"]


async def test_a_redirect_to_the_same_host_is_resolved_and_checked_anew(site: Site):
    site.answers |= {"/": moved("/b"), "/b": answer(b"secret")}
    await refused(fetcher(site, Names(docs=[[HERE], ["10.0.0.1"]])), at(site))
    assert [path for path, _ in site.seen] == ["/"]


@pytest.mark.parametrize("most", [0, 2])
async def test_redirects_end(site: Site, most: int):
    site.answers["/"] = moved("/")
    message = await failed(fetcher(site, max_redirects=most), at(site))
    assert f"more than {most} redirects" in message
    assert len(site.seen) == most + 1


async def test_as_many_redirects_as_allowed_are_followed(site: Site):
    site.answers |= {"/": moved("/1"), "/1": moved("/2"), "/2": answer(b"end")}
    assert await fetcher(site, max_redirects=2).fetch(at(site)) == b"end"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(status="404 Not Found"), "status 404"),
        (answer(b"part", status="206 Partial Content"), "status 206"),
        (answer(status="304 Not Modified"), "status 304"),
        (answer(status="302 Found"), "redirected without a Location"),
        (answer(b"\x1f\x8b", "Content-Encoding: gzip"), "compressed"),
        (answer(b"half", "Content-Length: 8"), "no answer"),
        (answer(b"4\r\nhalf\r\n", "Transfer-Encoding: chunked"), "no answer"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "no answer"),
        ([], "no answer"),
    ],
)
async def test_an_answer_that_is_no_document_says_why(site: Site, reply: list[Piece], says: str):
    site.answers["/"] = reply
    assert says in await failed(fetcher(site), at(site))


async def test_a_closed_port_is_a_failed_fetch(site: Site):
    port, site.port = site.port, 1
    assert "no answer" in await failed(fetcher(site), at(site))
    site.port = port


async def test_too_large_by_its_content_length_is_not_read(site: Site):
    site.answers["/"] = [*answer(b"", "Content-Length: 1025"), 60.0]
    await refusal(fetcher(site, max_mib=KIB), at(site), 413, "document_too_large")


@pytest.mark.parametrize(
    ("header", "piece"),
    [("Connection: close", b"x" * 512), ("Transfer-Encoding: chunked", b"4\r\nhalf\r\n")],
)
async def test_too_large_is_noticed_while_it_comes(site: Site, header: str, piece: bytes):
    endless: list[Piece] = [piece] * 1000
    site.answers["/"] = [*answer(b"", header), *endless, 60.0]
    await refusal(fetcher(site, max_mib=KIB), at(site), 413, "document_too_large")


@pytest.mark.parametrize("headers", [[], ["Content-Length: 1024"]])
async def test_a_document_may_be_as_large_as_the_limit(site: Site, headers: list[str]):
    site.answers["/"] = answer(b"x" * 1024, *headers)
    assert len(await fetcher(site, max_mib=KIB).fetch(at(site))) == 1024


@pytest.mark.parametrize(
    "reply",
    [[60.0], [*answer(b"x"), *[0.02, b"x"] * 500], [0.2, *moved("/")]],
    ids=["silent", "trickling", "redirecting"],
)
async def test_the_time_is_for_all_of_it(site: Site, reply: list[Piece]):
    site.answers["/"] = reply
    slow = fetcher(site, timeout_s=0.3, max_redirects=100)
    started_s = asyncio.get_running_loop().time()
    await refusal(slow, at(site), 504, "fetch_timeout")
    assert asyncio.get_running_loop().time() - started_s < 2


async def test_a_slow_name_server_counts_too():
    class Slow(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            await asyncio.sleep(60)
            return []

    slow = fetcher(None, Slow(), timeout_s=0.1)
    await refusal(slow, "https://docs.example/", 504, "fetch_timeout")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Certificate and key, in one file, of docs.example."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "docs.example")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("docs.example")]), False)
        .sign(key, hashes.SHA256())
    )
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


async def test_tls_is_for_the_name_and_not_for_the_address(certificate: Path):
    tls, site = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), Site()
    tls.load_cert_chain(certificate)
    site.answers["/"] = answer(b"here")
    async with await site.start(tls):
        hosts = tuple(f"{name}.example:{site.port}" for name in ("docs", "other"))
        config, names = FetchConfig(hosts=hosts), Names(docs=[[HERE]], other=[[HERE]])
        trust = ssl.create_default_context(cafile=str(certificate))
        trusting = Fetcher(config, resolver=names, is_allowed=is_here_or_public, tls=trust)
        url = f"https://docs.example.:{site.port}/"
        assert await trusting.fetch(url) == b"here"
        assert site.names == ["docs.example"]
        assert "Certificate" in await failed(trusting, url.replace("docs", "other"))
        wary = Fetcher(config, resolver=names, is_allowed=is_here_or_public)
        assert "Certificate" in await failed(wary, url)
        assert len(site.seen) == 1
        await site.stop()
