"""Selects the passwords to try on a document."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Self

from pipeline.config import ExportOptions, OcrOptions
from pipeline.errors import ConfigError

_COLUMNS = {"uri", "password"}


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """Passwords for encrypted documents.

    Attributes:
        named: Pairs of a pattern for URIs or file names and a password.
        common: Passwords for all documents.
    """

    named: tuple[tuple[str, str], ...] = ()
    common: tuple[str, ...] = ()

    @classmethod
    def read(cls, options: OcrOptions | ExportOptions) -> Self:
        """Read the password files given in the options.

        Raises:
            ConfigError: A file cannot be read, or the CSV has other columns.
        """
        given = [options.password]
        if file := _file(options.password):
            given = _text(file, f"--password @{file}").splitlines()
        named = tuple(_rows(_text(options.passwords, f"--passwords {options.passwords}")))
        return cls(named, tuple(dict.fromkeys(filter(None, given))))

    def of(self, uri: str, outer: str = "") -> tuple[str, ...]:
        """The passwords to try on a document, in order; those named for it come first.

        Args:
            uri: The document.
            outer: The PDF that it is embedded in, whose passwords are tried too; "" for none.
        """
        sources = (uri, outer) if outer else (uri,)
        own = [
            password
            for one in sources
            for pattern, password in self.named
            if _matches(one, pattern)
        ]
        return tuple(dict.fromkeys((*own, *self.common)))


def absolute_files(options: OcrOptions | ExportOptions) -> dict[str, str]:
    """`password` and `passwords` with absolute paths: workers run in folders of their own."""
    changed = {}
    if file := _file(options.password):
        changed["password"] = f"@{os.path.abspath(file)}"
    if options.passwords:
        changed["passwords"] = os.path.abspath(options.passwords)
    return changed


def _file(password: str) -> str:
    """The file that `--password @FILE` names; empty for a password."""
    return password[1:] if password.startswith("@") else ""


def _matches(uri: str, pattern: str) -> bool:
    """Whether a pattern equals or matches a document's URI or its file name."""
    names = (uri, PurePath(uri).name)
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)


def _text(path: str, argument: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{argument} cannot be read: {error}") from None


def _rows(text: str) -> Iterator[tuple[str, str]]:
    table = csv.DictReader(text.splitlines())
    if text and set(table.fieldnames or ()) != _COLUMNS:
        raise ConfigError("--passwords needs a CSV whose first line is: uri,password")
    yield from ((row["uri"], row["password"] or "") for row in table)
