"""Checks and reads an input file before any library opens it."""

from __future__ import annotations

import hashlib
import os
import stat
from io import RawIOBase

from pipeline.errors import DocumentError, ErrorKind

_MIB = 1 << 20
_SNIFFED_BYTES = 1024


def check(path: str, max_file_mib: int) -> os.stat_result:
    """Refuse a directory, an empty file or one that is too large.

    Args:
        path: The file.
        max_file_mib: `input.max_file_mib`.

    Raises:
        DocumentError: NOT_FOUND, UNREADABLE, EMPTY or LIMIT.
    """
    status = _stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise DocumentError(ErrorKind.UNREADABLE, _why_not_listed(path))
    if not stat.S_ISREG(status.st_mode):
        raise DocumentError(ErrorKind.UNREADABLE, "not a file")
    if not status.st_size:
        raise DocumentError(ErrorKind.EMPTY, "the file has no bytes")
    if status.st_size > max_file_mib * _MIB:
        raise DocumentError(ErrorKind.LIMIT, f"over input.max_file_mib ({max_file_mib})")
    return status


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except (OSError, ValueError) as error:
        raise DocumentError(ErrorKind.UNREADABLE, str(error)) from None


def _why_not_listed(folder: str) -> str:
    """Why a folder is named as a document: mostly because it could not be listed."""
    try:
        with os.scandir(folder):
            return "a folder, not a file"
    except OSError as error:
        return f"the folder cannot be listed: {error.strerror}"


def opened(path: str) -> RawIOBase:
    """Open a file for reading, without a buffer.

    Raises:
        DocumentError: NOT_FOUND, or UNREADABLE.
    """
    try:
        return open(path, "rb", buffering=0)
    except FileNotFoundError:
        raise DocumentError(ErrorKind.NOT_FOUND, "no such file") from None
    except OSError as error:
        message = f"cannot be opened: {error.strerror}"
        raise DocumentError(ErrorKind.UNREADABLE, message) from None


def is_pdf(path: str) -> bool:
    """Whether a file begins as a PDF.

    Raises:
        DocumentError: NOT_FOUND, or UNREADABLE.
    """
    with opened(path) as file:
        return b"%PDF-" in (file.read(_SNIFFED_BYTES) or b"")


def sha256(path: str) -> str:
    """SHA-256 (hex) of a file.

    Raises:
        DocumentError: NOT_FOUND, or UNREADABLE.
    """
    with opened(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            raise DocumentError(ErrorKind.UNREADABLE, message) from None
