"""Finds the documents: files, folders, globs and lists of them."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pipeline.config import InputConfig
from pipeline.errors import ConfigError
from pipeline.types import Document

_MAGIC = "*?["
_FILE_SCHEME = "file://"


@dataclass(slots=True)
class Listing:
    """What the inputs name.

    Attributes:
        inputs: Files, folders, globs, or @FILE with one of them a line.
        config: Which files are taken from folders.
        left_out: Files of folders that were not taken, counted by their ending.
    """

    inputs: Sequence[str]
    config: InputConfig
    left_out: Counter[str] = field(default_factory=Counter)

    def check(self) -> None:
        """Look whether every input is there, without listing folders to their end.

        Raises:
            ConfigError: An input is not there or names nothing.
        """
        for text, origin in _expanded(self.inputs):
            if origin is None:
                _check_one(text)

    def documents(self) -> Iterator[Document]:
        """Every file once, in a stable order, however often the inputs name it."""
        seen: set[str] = set()
        for text, _ in _expanded(self.inputs):
            for path in self._files(text):
                uri = _uri(os.path.abspath(path))
                if uri not in seen:
                    seen.add(uri)
                    yield Document(uri, _size_bytes(path))

    def _files(self, text: str) -> Iterator[str]:
        if os.path.isdir(text):
            yield from self._walk(text)
        elif _is_glob(text):
            for match in sorted(glob.iglob(text, recursive=True)):
                yield from self._walk(match) if os.path.isdir(match) else [match]
        else:
            yield text

    def _walk(self, folder: str) -> Iterator[str]:
        for here, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                suffix = Path(name).suffix.lower()
                if suffix in self.config.suffixes and not name.startswith("."):
                    yield os.path.join(here, name)
                else:
                    self.left_out[suffix or name] += 1


def local_path(uri: str) -> str:
    """The path of a document's URI, for `open`."""
    if not uri.startswith(_FILE_SCHEME):
        return uri
    return os.fsdecode(unquote_to_bytes(uri.removeprefix(_FILE_SCHEME)))


def _uri(path: str) -> str:
    """The path itself, or a file URI where its name is no Unicode and no column could hold it."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _FILE_SCHEME + quote_from_bytes(os.fsencode(path))
    return path


def _expanded(inputs: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """The inputs with every @FILE replaced by its lines, each with the list it came from."""
    for text in inputs:
        if not text.startswith("@"):
            yield text, None
            continue
        try:
            lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the list {text[1:]} cannot be read: {error}") from None
        yield from ((line.strip(), text) for line in lines if line.strip())


def _check_one(text: str) -> None:
    if _is_glob(text):
        if next(glob.iglob(text, recursive=True), None) is None:
            raise ConfigError(f"no file matches {text!r}; quote the pattern and check the folder")
    elif not os.path.exists(text):
        raise ConfigError(f"no such file or folder: {text}")


def _is_glob(text: str) -> bool:
    """Whether the text is a pattern; a file that is really named so is taken as itself."""
    return any(sign in text for sign in _MAGIC) and not os.path.lexists(text)


def _size_bytes(path: str) -> int:
    """Size in bytes, 0 where the file is not there: its row will say so."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
