"""Parses URIs of documents. Pure: no file, no network.

A URI here is a local path, ``file://`` with %-escapes, ``s3://BUCKET/KEY``, ``gs://BUCKET/KEY``,
``az://CONTAINER/KEY`` or ``http(s)://...``. Keys of object stores are not escaped. A member of an
archive is written after its archive and ``!/``, as in Java's jar URLs, and so is a file embedded in
a PDF: ``mail.pdf!/invoice.pdf``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from pipeline.errors import ConfigError

STORES: Final = ("s3", "gs", "az")
WEB: Final = ("http", "https")
_FILE: Final = "file://"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_MAGIC: Final = re.compile(r"[*?[]")
_ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst")
_MEMBER: Final = "!/"


def scheme(uri: str) -> str:
    """The scheme in lower case, "" for a local path."""
    match = _SCHEME.match(uri)
    return match[1].lower() if match else ""


def normal(uri: str) -> str:
    """A URI with its scheme in lower case, for comparison; a local path as it is."""
    found = scheme(uri)
    return found + uri[len(found) :]


def is_local(uri: str) -> bool:
    """Whether a URI is a local path or ``file://``."""
    return scheme(uri) in ("", "file")


def is_store(uri: str) -> bool:
    """Whether a URI is on an object store."""
    return scheme(uri) in STORES


def is_web(uri: str) -> bool:
    """Whether a URI is ``http(s)://``."""
    return scheme(uri) in WEB


def check(uri: str) -> None:
    """Validate the form of a URI.

    Raises:
        ConfigError: Unknown scheme, or no bucket or host.
    """
    found = scheme(uri)
    if found not in ("", "file", *STORES, *WEB):
        known = ", ".join(f"{name}://" for name in (*STORES, *WEB))
        raise ConfigError(f"{uri}: unknown scheme {found}://; take a path, {known}")
    if found in STORES and not bucket_and_key(uri)[0]:
        raise ConfigError(f"{uri}: no bucket; write {found}://BUCKET/KEY")
    if found in WEB and not urlsplit(uri).hostname:
        raise ConfigError(f"{uri}: no host; write {found}://HOST/PATH")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Bucket and key of a URI on an object store."""
    bucket, _, key = uri.split("://", 1)[1].partition("/")
    return bucket, key


def local_path(uri: str) -> str:
    """The path of a local URI, for `open`."""
    if not uri.startswith(_FILE):
        return uri
    return os.fsdecode(unquote_to_bytes(uri.removeprefix(_FILE)))


def has_magic(uri: str) -> bool:
    """Whether a URI is a glob pattern. Web URIs never are: there ? begins a query."""
    return not is_web(uri) and _MAGIC.search(uri) is not None


def base(pattern: str) -> str:
    """The prefix that all URIs matching a glob pattern share, up to and including a slash."""
    match = _MAGIC.search(pattern)
    plain = pattern[: match.start()] if match else pattern
    return plain[: plain.rfind("/") + 1]


def matcher(pattern: str) -> re.Pattern[str]:
    """A glob pattern as a regex for `fullmatch`: ``**`` spans folders, ``*`` does not.

    It also matches what is inside a matching folder; the group ``rest`` is the path in it.
    """
    return re.compile(f"(?:{_translated(pattern)})(?:/(?P<rest>.+))?", re.DOTALL)


_TOKENS: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?(?:\][^\]/]*|[^\]/!][^\]/]*)\]|.", re.DOTALL)
_TOKEN_REGEX: Final = {"**/": "(?:.+/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _translated(pattern: str) -> str:
    return "".join(_regex(token) for token in _TOKENS.findall(pattern))


def _regex(token: str) -> str:
    if token in _TOKEN_REGEX:
        return _TOKEN_REGEX[token]
    if len(token) < 2:
        return re.escape(token)
    # fnmatch's translation of a character set, without its wrapping (?s:...)\Z
    return f"(?!/){fnmatch.translate(token)[4:-3]}"


def is_archive(uri: str) -> bool:
    """Whether a URI is an archive by its file extension."""
    path = urlsplit(uri).path if is_web(uri) else uri
    return path.lower().endswith(_ARCHIVES)


def split_member(uri: str) -> tuple[str, str] | None:
    """Archive and member of ``archive.zip!/a/b.pdf``; None for other URIs."""
    start = uri.find(_MEMBER)
    while start >= 0:
        if is_archive(uri[:start]):
            return uri[:start], uri[start + len(_MEMBER) :]
        start = uri.find(_MEMBER, start + 1)
    return None


def split_attachment(uri: str) -> tuple[str, str] | None:
    """PDF and attachment of ``mail.pdf!/invoice.pdf``; None for other URIs.

    Names of attachments contain no slash (`pipeline.documents.attachments`).
    """
    outer, _, name = uri.rpartition(_MEMBER)
    path = urlsplit(outer).path if is_web(outer) else outer
    is_one = path.lower().endswith(".pdf") and name and "/" not in name
    return (outer, name) if is_one else None


def member_name(uri: str, outer: str) -> str:
    """The name of a member in its archive, or of an attachment in its PDF."""
    name = uri.removeprefix(f"{outer}{_MEMBER}")
    return unquote(name) if uri.startswith(_FILE) else name


def join_member(archive: str, member: str) -> str:
    """The URI of a member of an archive, or of an attachment of a PDF."""
    if archive.startswith(_FILE):
        member = quote(member)
    return f"{archive}{_MEMBER}{member}"
