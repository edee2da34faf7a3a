"""Fetches documents by URL, only from listed hosts and only from public addresses.

The caller controls the URL, and a listed host its redirects and DNS records, so none of them is
trusted. Each name is resolved once, and connections go to the addresses that were checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import aiohttp
from yarl import URL

from pipeline import __version__
from pipeline.documents.sandbox.protocol import shorten
from pipeline.errors import ConfigError
from serving.config import FetchConfig
from serving.errors import ApiError, TransientApiError
from serving.http.pinned_resolver import PinnedResolver
from serving.http.public_address import IPAddress, is_public

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses. Raises OSError where there are none."""
AddressCheck = Callable[[IPAddress], bool]

MAX_URL_CHARS: Final = 8192
_PORTS: Final = {"https": 443, "http": 80}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_BUSY: Final = frozenset({408, 425, 429})
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z_][a-z0-9_-]{0,62}")
"""A host name after IDNA. The last label does not begin with a digit, so the name cannot be another
notation of an IPv4 address, such as 127.1 or 0x7f000001."""
_NOT_IN_HOST: Final = re.compile(r"[\s/?#@\\]")
_VISIBLE: Final = re.compile(r"[!-~]*")
_HEADERS: Final = {"User-Agent": f"rayscribe/{__version__}", "Accept-Encoding": "identity"}
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


async def resolve(host: str, port: int) -> list[str]:
    """Resolve a host with this machine's resolver.

    Raises:
        OSError: It has no address.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Fetcher:
    """Fetches documents by URL, without cookies, proxies or credentials of this machine.

    Args:
        config: Allowed hosts, and limits.
        resolver: Finds the addresses of a host; called once for each connection.
        is_allowed: Whether an address may be connected to.
        tls: TLS settings; None for this machine's certificate authorities.

    Raises:
        ConfigError: An entry of `fetch.hosts` is not a host name.
    """

    def __init__(
        self,
        config: FetchConfig,
        *,
        resolver: Resolver = resolve,
        is_allowed: AddressCheck = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._config = config
        self._max_bytes = int(config.max_mib * (1 << 20))
        self._hosts = frozenset(map(_listed, config.hosts))
        self._resolver = resolver
        self._is_allowed = is_allowed
        self._tls: ssl.SSLContext | bool = True if tls is None else tls

    async def fetch(self, url: str, param: str | None = None) -> bytes:
        """Fetch a document.

        Args:
            url: Its address.
            param: The field of the request that has the URL, for errors.

        Raises:
            ApiError: 400 the URL is not allowed, 413 the document is too large, 422 the server did
                not send it, 504 it took too long; transient where another attempt may succeed.
        """
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await self._follow(url)
        except TimeoutError:
            message = f"the document did not arrive in {self._config.timeout_s:g} s"
            raise TransientApiError(504, "fetch_timeout", message, param=param) from None
        except ApiError as error:
            error.param = param
            raise

    def check(self, url: str, param: str | None = None) -> None:
        """Refuse a URL that would not be fetched, without fetching it.

        Raises:
            ApiError: 400: it is not allowed.
        """
        try:
            self._allowed(url)
        except ApiError as error:
            error.param = param
            raise

    def _allowed(self, text: str) -> URL:
        if not self._hosts:
            raise _refused("this service fetches no documents (fetch.hosts is empty)")
        return self._checked(_parse(text))

    async def _follow(self, text: str) -> bytes:
        url = self._allowed(text)
        for _ in range(self._config.max_redirects + 1):
            answer = await self._get(url)
            if isinstance(answer, bytes):
                return answer
            url = self._checked(answer)
        raise _failed(f"more than {self._config.max_redirects} redirects")

    def _checked(self, url: URL) -> URL:
        """The URL with its host in the notation of `fetch.hosts`.

        Raises:
            ApiError: 400: it is not allowed.
        """
        if url.scheme != "https" and not (url.scheme == "http" and self._config.allow_http):
            raise _refused("only https is fetched" + " or http" * self._config.allow_http)
        if "@" in url.raw_authority:
            raise _refused("URLs with a user or a password are not fetched")
        host, port = _host(url), url.port or 0
        is_default = port == _PORTS[url.scheme]
        if (host, port) not in self._hosts and not (is_default and (host, None) in self._hosts):
            named = host if is_default else f"{host}, port {port},"
            raise _refused(f"{shorten(named)} is not listed in fetch.hosts")
        return url.with_host(host)

    async def _get(self, url: URL) -> bytes | URL:
        """The document, or the target of a redirect."""
        try:
            async with (
                self._session(url) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            # Only its type: the message may have internal addresses.
            raise _missed(f"{url.host} gave no answer ({type(error).__name__})") from None

    @asynccontextmanager
    async def connect(self, url: str) -> AsyncIterator[tuple[URL, aiohttp.ClientSession]]:
        """A session for one request to a URL that is allowed; follow no redirects.

        Raises:
            ApiError: 400: it is not allowed, 422: its host has no address.
        """
        allowed = self._allowed(url)
        async with self._session(allowed) as session:
            yield allowed, session

    @asynccontextmanager
    async def _session(self, url: URL) -> AsyncIterator[aiohttp.ClientSession]:
        # A connector for this request only: no connection and no DNS answer is used again.
        connector = aiohttp.TCPConnector(
            resolver=PinnedResolver(await self._addresses(url)),
            use_dns_cache=False,
            force_close=True,
            ssl=self._tls,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            timeout=_NO_TIMEOUT,
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield session

    async def _addresses(self, url: URL) -> list[IPAddress]:
        host, port = url.raw_host or "", url.port or 0
        literal = _literal(host)
        found = [literal] if literal else await self._resolve(host, port)
        # All must be allowed: the HTTP client may connect to any of them.
        if not all(map(self._is_allowed, found)):
            raise _refused(f"{host} has an address that is not public")
        return found

    async def _resolve(self, host: str, port: int) -> list[IPAddress]:
        try:
            found = [ipaddress.ip_address(answer) for answer in await self._resolver(host, port)]
        except (OSError, ValueError):  # ValueError: not a valid name
            found = []
        if not found:
            raise _missed(f"{host} has no address")
        return found

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | URL:
        if response.status in _REDIRECTS:
            return _location(response)
        if response.status != _OK:
            error = _missed if response.status in _BUSY or response.status >= 500 else _failed
            raise error(f"{response.url.host} answered with status {response.status}")
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise _failed(f"{response.url.host} compressed its answer, which was not requested")
        if (response.content_length or 0) > self._max_bytes:
            raise self._too_large()
        return await self._body(response.content)

    async def _body(self, content: aiohttp.StreamReader) -> bytes:
        received = bytearray()
        async for piece in content.iter_any():
            received += piece
            if len(received) > self._max_bytes:
                raise self._too_large()
        return bytes(received)

    def _too_large(self) -> ApiError:
        message = f"the document has more than {self._config.max_mib:g} MiB"
        return ApiError(413, "document_too_large", message)


def _parse(text: str) -> URL:
    if len(text) > MAX_URL_CHARS:
        raise _refused(f"the URL has more than {MAX_URL_CHARS} characters")
    try:
        url = URL(text)
    except ValueError:
        raise _refused("this is not a URL") from None
    # Sent as written if possible: a signed URL may be valid in one quoting only.
    return URL(text, encoded=True) if _VISIBLE.fullmatch(text) else url


def _location(response: aiohttp.ClientResponse) -> URL:
    location = response.headers.get("Location", "")
    if not location:
        raise _failed(f"{response.url.host} redirected without a Location")
    return response.url.join(_parse(location))


def _host(url: URL) -> str:
    """The host in normal form, for comparison; yarl has applied IDNA."""
    host = (url.raw_host or "").lower().removesuffix(".")
    literal = _literal(host)
    return str(literal) if literal else host


def _literal(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _listed(entry: str) -> tuple[str, int | None]:
    """Host and port of an entry of `fetch.hosts`; None for the scheme's default port."""
    literal = _literal(entry)
    authority = f"[{entry}]" if literal and literal.version == 6 else entry
    try:
        url = URL(f"fetch://{authority}")
    except ValueError:
        raise _bad_entry(entry) from None
    host = _host(url)
    if _NOT_IN_HOST.search(entry) or not (_literal(host) or _NAME.fullmatch(host)):
        raise _bad_entry(entry)
    return host, url.explicit_port


def _bad_entry(entry: str) -> ConfigError:
    return ConfigError(
        f"fetch.hosts: {entry!r} is not a host; write one such as docs.example.org, or "
        "docs.example.org:8443, without https:// and without a *"
    )


def _refused(why: str) -> ApiError:
    message = f"{why}; send the document itself, as a data: URI"
    return ApiError(400, "remote_url_refused", message)


def _failed(why: str, error: type[ApiError] = ApiError) -> ApiError:
    return error(422, "fetch_failed", f"the document could not be fetched: {why}")


_missed: Final = partial(_failed, error=TransientApiError)
