"""Takes places apart. Pure: no file, no network.

A place is a local path, ``file://`` with %-escapes, ``s3://BUCKET/KEY``, ``gs://BUCKET/KEY``,
``az://CONTAINER/KEY`` or ``http(s)://...``. Keys stand as they are: no escapes. A member of an
archive stands behind its archive and ``!/``, as Java writes it, and so does a file that is embedded
in a PDF: ``mail.pdf!/invoice.pdf``.
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


def scheme(place: str) -> str:
    """The scheme in small letters, "" for a local path."""
    match = _SCHEME.match(place)
    return match[1].lower() if match else ""


def is_local(place: str) -> bool:
    """Whether a place is on a file system of this machine."""
    return scheme(place) in ("", "file")


def is_store(place: str) -> bool:
    """Whether a place is on an object store."""
    return scheme(place) in STORES


def is_web(place: str) -> bool:
    """Whether a place is on a web server."""
    return scheme(place) in WEB


def check(place: str) -> None:
    """Look whether a place is written as one.

    Raises:
        ConfigError: The scheme is not known, or there is no bucket or host behind it.
    """
    found = scheme(place)
    if found not in ("", "file", *STORES, *WEB):
        known = ", ".join(f"{name}://" for name in (*STORES, *WEB))
        raise ConfigError(f"{place}: unknown scheme {found}://; take a path, {known}")
    if found in STORES and not bucket_and_key(place)[0]:
        raise ConfigError(f"{place}: no bucket; write {found}://BUCKET/KEY")
    if found in WEB and not urlsplit(place).hostname:
        raise ConfigError(f"{place}: no host; write {found}://HOST/PATH")


def bucket_and_key(place: str) -> tuple[str, str]:
    """The two parts of a place on an object store."""
    bucket, _, key = place.split("://", 1)[1].partition("/")
    return bucket, key


def local_path(place: str) -> str:
    """The path of a local place, for `open`."""
    if not place.startswith(_FILE):
        return place
    return os.fsdecode(unquote_to_bytes(place.removeprefix(_FILE)))


def has_magic(place: str) -> bool:
    """Whether a place is written as a pattern. Those of the web never are: ? begins a query."""
    return not is_web(place) and _MAGIC.search(place) is not None


def base(pattern: str) -> str:
    """What all places have in common that match a pattern: its beginning, up to a slash."""
    match = _MAGIC.search(pattern)
    plain = pattern[: match.start()] if match else pattern
    return plain[: plain.rfind("/") + 1]


def matcher(pattern: str) -> re.Pattern[str]:
    """A pattern for `fullmatch`, as `glob` reads it: ``**`` spans folders, ``*`` does not.

    What lies in a folder that matches has the rest of its path in the group ``rest``.
    """
    return re.compile(f"(?:{_translated(pattern)})(?:/(?P<rest>.+))?", re.DOTALL)


_TOKENS: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?(?:\][^\]/]*|[^\]/!][^\]/]*)\]|.", re.DOTALL)
_MEANINGS: Final = {"**/": "(?:.+/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _translated(pattern: str) -> str:
    return "".join(_regex(token) for token in _TOKENS.findall(pattern))


def _regex(token: str) -> str:
    if token in _MEANINGS:
        return _MEANINGS[token]
    if len(token) < 2:
        return re.escape(token)
    # What fnmatch makes of a set, without the brackets that it puts around: (?s:...)\Z
    return f"(?!/){fnmatch.translate(token)[4:-3]}"


def is_archive(place: str) -> bool:
    """Whether a place is an archive by its ending."""
    path = urlsplit(place).path if is_web(place) else place
    return path.lower().endswith(_ARCHIVES)


def split_member(place: str) -> tuple[str, str] | None:
    """Archive and member of ``archive.zip!/a/b.pdf``, None for what names no member."""
    start = place.find(_MEMBER)
    while start >= 0:
        if is_archive(place[:start]):
            return place[:start], place[start + len(_MEMBER) :]
        start = place.find(_MEMBER, start + 1)
    return None


def split_attachment(place: str) -> tuple[str, str] | None:
    """PDF and attachment of ``mail.pdf!/invoice.pdf``, None for what names no attachment.

    Names of attachments have no slash (`pipeline.documents.attachments`).
    """
    outer, _, name = place.rpartition(_MEMBER)
    path = urlsplit(outer).path if is_web(outer) else outer
    is_one = path.lower().endswith(".pdf") and name and "/" not in name
    return (outer, name) if is_one else None


def member_name(place: str, outer: str) -> str:
    """The name of a member or an attachment in the archive or the PDF that it is in."""
    name = place.removeprefix(f"{outer}{_MEMBER}")
    return unquote(name) if place.startswith(_FILE) else name


def join_member(archive: str, member: str) -> str:
    """The place of a member of an archive, or of an attachment of a PDF."""
    if archive.startswith(_FILE):
        member = quote(member)
    return f"{archive}{_MEMBER}{member}"
