"""Names of exported files. Pure.

A document at ``s3://bucket/in/2024/a.pdf`` becomes ``2024/a.pdf.md`` where ``s3://bucket/in/`` is
the folder that all documents share. Its own ending stays: ``a.pdf`` and ``a.png`` differ.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Sequence
from typing import Final

_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
"""What some file system refuses in a name."""
_MAX_BYTES: Final = 200
"""Longer names are cut, and get a digest of what was cut: file systems take 255 bytes."""
_DIGEST_CHARS: Final = 8


def common_folder(uris: Sequence[str]) -> str:
    """The folder that all URIs share, with its slash; "" for none."""
    folders = [uri[: uri.rfind("/") + 1] for uri in uris]
    if not folders:
        return ""
    first, last = min(folders), max(folders)
    shared = posixpath.commonprefix([first, last])
    return shared[: shared.rfind("/") + 1]


def file_name(uri: str, folder: str, suffix: str) -> str:
    """The path of a document's file under the target folder, with forward slashes.

    Args:
        uri: The document.
        folder: What `common_folder` gives for all of them.
        suffix: The format's ending, with its dot.
    """
    parts = [part for part in uri.removeprefix(folder).split("/") if part not in ("", ".")]
    safe = [_part(part) for part in parts] or ["document"]
    return "/".join([*safe[:-1], safe[-1] + suffix])


def distinct(name: str, doc_id: str) -> str:
    """Another name for a second document that would have the same one.

    Args:
        name: What `file_name` gives.
        doc_id: The document's SHA-256.
    """
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{doc_id[:_DIGEST_CHARS] or 'unread'}{dot}{suffix}"


def _part(name: str) -> str:
    safe = "_" if name == ".." else _FORBIDDEN.sub("_", name)
    content = safe.encode("utf-8", "replace")
    if len(content) <= _MAX_BYTES:
        return content.decode()
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_DIGEST_CHARS]
    return content[:_MAX_BYTES].decode("utf-8", "ignore") + f"~{digest}"
