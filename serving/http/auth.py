"""Authentication: API keys, or callers on this machine where there are no keys."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.errors import ConfigError
from serving.config import AuthConfig, HttpConfig
from serving.errors import ApiError
from serving.proxy import knows_clients

VARIABLE: Final = "RAYSCRIBE_API_KEYS"
ANONYMOUS: Final = "anonymous"
LOCAL: Final = "local"
MIN_KEY_CHARS: Final = 16
RELOAD_PERIOD_S: Final = 5.0

_Stamp = tuple[int, int, int]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """An API key. Only its digest is kept.

    Attributes:
        name: The caller's name in limits and logs.
        digest: The SHA-256 of the key.
    """

    name: str
    digest: bytes = field(repr=False)


class _Entry(NamedTuple):
    place: str
    key: Key


def parse_keys(text: str, source: str = "API keys") -> tuple[Key, ...]:
    """Parse keys: one `name:key` a line, or several separated by commas.

    Empty lines are skipped, and so is everything after a `#` in place of an entry.

    Args:
        text: The keys.
        source: Name of the text in error messages.

    Raises:
        ConfigError: An entry is invalid. The message has its line and neither name nor key: the two
            may be written in the wrong order.
    """
    found = _find(text, source)
    _check_distinct(found)
    return tuple(key for _, key in found)


def check_binding(http: HttpConfig, auth: AuthConfig, environment: Mapping[str, str]) -> None:
    """Refuse an address that other machines reach where there are no keys.

    `auth.keys_file` is not read: it may be on another machine.

    Raises:
        ConfigError: The address is not loopback, and there are neither keys nor `auth.disabled`;
            or the keys in the environment cannot be used.
    """
    has_keys = bool(auth.keys_file or parse_keys(environment.get(VARIABLE, ""), VARIABLE))
    if has_keys or auth.disabled or is_bound_to_loopback(http):
        return
    raise ConfigError(
        f"http.host {http.host!r} is open to other machines, and there are no API keys: set "
        f"{VARIABLE} or auth.keys_file, or auth.disabled to answer everybody"
    )


class Keys:
    """The keys of one ingress replica.

    Used from one event loop, so nothing is locked.

    Args:
        config: Where the keys are, and whether to answer without.
        environment: The process's environment.
        clock: A monotonic clock, seconds.

    Raises:
        ConfigError: `auth.keys_file` cannot be read or has no keys, or a key is invalid.
    """

    def __init__(
        self,
        config: AuthConfig,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_disabled = config.disabled
        self._path = Path(config.keys_file) if config.keys_file else None
        self._from_environment = _find(environment.get(VARIABLE, ""), VARIABLE)
        self._knows_clients = knows_clients(environment)
        self._clock = clock
        self._checked_s = clock()
        self._stamp = _stamp(self._path)
        self._keys = self._load()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys; empty where there are none."""
        return tuple(key.name for key in self._keys)

    def caller(self, header: str | None, client_host: str | None, forwarded: bool) -> str:
        """The name of a request's caller.

        Args:
            header: The request's Authorization.
            client_host: The peer address of the connection, None where it has none.
            forwarded: Whether the request has a header of a proxy.

        Raises:
            ApiError: 401: the key is missing or wrong, or there are no keys and the
                request is not from this machine.
        """
        self.reload()
        if not self._keys:
            return self._without_keys(client_host, forwarded)
        presented = _bearer(header)
        if not presented:
            raise ApiError(401, "missing_api_key", "send the header Authorization: Bearer KEY")
        # Every key is compared, so that the time does not depend on which one matches.
        names = [key.name for key in self._keys if hmac.compare_digest(key.digest, presented)]
        if not names:
            raise ApiError(401, "invalid_api_key", "this API key is unknown")
        return names[0]

    def reload(self) -> None:
        """Read `auth.keys_file` again if it has changed; checks once in `RELOAD_PERIOD_S` at most.

        If the new file is invalid, the keys stay as they are and a warning is logged.
        """
        now_s = self._clock()
        if self._path is None or now_s - self._checked_s < RELOAD_PERIOD_S:
            return
        self._checked_s = now_s
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp  # set for an invalid file too: one warning for each change
        try:
            self._keys = self._load()
        except ConfigError as error:
            _log.warning("the API keys stay as they were: %s", error)

    def _load(self) -> tuple[Key, ...]:
        found = [*self._from_environment, *(_read(self._path) if self._path else ())]
        _check_distinct(found)
        return tuple(key for _, key in found)

    def _without_keys(self, client_host: str | None, forwarded: bool) -> str:
        if self._is_disabled:
            return ANONYMOUS
        # Behind a proxy on this machine, the peer of every connection is loopback.
        is_direct = self._knows_clients and not forwarded
        if client_host is not None and _is_loopback(client_host) and is_direct:
            return LOCAL
        raise ApiError(
            401,
            "no_keys_configured",
            "this service has no API keys, so it answers only callers on its own machine, without "
            f"a proxy in between: its operator can set {VARIABLE} or auth.keys_file, or "
            "auth.disabled to answer everybody",
        )


def _find(text: str, source: str) -> list[_Entry]:
    return [
        _Entry(f"{source}, line {line}", _key(entry, f"{source}, line {line}"))
        for line, entry in _entries(text)
    ]


def _entries(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for entry in map(str.strip, line.split(",")):
            if entry.startswith("#"):
                break
            if entry:
                yield number, entry


def _key(entry: str, place: str) -> Key:
    name, _, secret = (part.strip() for part in entry.partition(":"))
    problem = _problem(name, secret)
    if problem:
        raise ConfigError(f"{place}: {problem}")
    return Key(name, hashlib.sha256(secret.encode()).digest())


def _problem(name: str, secret: str) -> str | None:
    if not name or not secret:
        return "write name:key; neither may be empty"
    if not name.isprintable():
        return "the name has characters that cannot be printed; leave them out"
    if any(char.isspace() for char in secret):
        return "the key has white space in it; remove it, and give comments lines of their own"
    if not (secret.isascii() and secret.isprintable()):
        return "the key has characters that are invalid in a header; use visible ASCII"
    if len(secret) < MIN_KEY_CHARS:
        return f"the key is shorter than {MIN_KEY_CHARS} characters; make a longer one"
    return None


def _check_distinct(found: Sequence[_Entry]) -> None:
    names: dict[str, str] = {}
    digests: dict[bytes, str] = {}
    for place, key in found:
        if key.name in names:
            raise ConfigError(f"{place}: the name is that of {names[key.name]}; choose another")
        if key.digest in digests:
            raise ConfigError(f"{place}: the key is that of {digests[key.digest]}; make a new one")
        names[key.name] = digests[key.digest] = place


def _read(path: Path) -> list[_Entry]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError(f"auth.keys_file {path} cannot be read: {why}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"auth.keys_file {path} is not UTF-8 text") from None
    found = _find(text, str(path))
    if not found:
        raise ConfigError(f"auth.keys_file {path} has no keys: write one name:key a line")
    return found


def _stamp(path: Path | None) -> _Stamp | None:
    """Changes when a file is written, or a link to it replaced, as Kubernetes does."""
    if path is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _bearer(header: str | None) -> bytes | None:
    """The digest of the key in an Authorization header; None where it has no bearer token."""
    scheme, _, secret = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        return None
    return hashlib.sha256(secret.strip().encode(errors="surrogatepass")).digest()


def is_bound_to_loopback(http: HttpConfig) -> bool:
    """Whether the service listens on loopback only."""
    return http.host.lower() == "localhost" or _is_loopback(http.host)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
