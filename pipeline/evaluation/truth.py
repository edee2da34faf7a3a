"""What pages say: text files and Markdown files as truth. `load` finds out which form it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.errors import ConfigError

PAGE_BREAK: Final = "\f"
_PAGE_FILE: Final = re.compile(r"(?P<name>.+)\.p(?P<index>\d{4,})")
_ANCHOR: Final = re.compile(r'^<a id="page-(\d+)"></a>\s*$', re.MULTILINE)
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a page, or a whole document, says.

    Attributes:
        name: The document: its path, or the end of it, with or without its ending.
        page: 1-based number, None for the whole document.
        text: The text, one line a line, in reading order.
        tables: Its tables as HTML; None where the truth says nothing of tables.
    """

    name: str
    page: int | None
    text: str
    tables: tuple[str, ...] | None = None


def text_files(folder: Path) -> Iterator[Truth]:
    """Pages from text files.

    `NAME.pNNNN.txt` is one page, NNNN counted from 0. `NAME.txt` has a form feed after each page,
    as pdftotext and `rayscribe export --format text` write it; one without is the whole document.

    Raises:
        ConfigError: A file is not UTF-8.
    """
    for name, content in _files(folder, ".txt"):
        if found := _PAGE_FILE.fullmatch(name):
            yield Truth(found["name"], int(found["index"]) + 1, content)
        elif PAGE_BREAK in content:
            pages = content.removesuffix(PAGE_BREAK).split(PAGE_BREAK)
            yield from (Truth(name, page, text) for page, text in enumerate(pages, 1))
        else:
            yield Truth(name, None, content)


def markdown_files(folder: Path) -> Iterator[Truth]:
    """Pages from Markdown files, whose tables are truth too.

    `NAME.pNNNN.md` is one page, NNNN counted from 0. `NAME.md` has an anchor `page-N` before each
    page, as `rayscribe export` writes it; one without is the whole document. Front matter is left
    out.

    Raises:
        ConfigError: A file is not UTF-8.
    """
    from pipeline.evaluation.tables import tables_of

    for name, content in _files(folder, ".md"):
        body = _FRONT_MATTER.sub("", content)
        if found := _PAGE_FILE.fullmatch(name):
            yield Truth(found["name"], int(found["index"]) + 1, body, tables_of(body))
            continue
        _, *parts = _ANCHOR.split(body)
        for page, text in zip(map(int, parts[::2]), parts[1::2], strict=True):
            yield Truth(name, page, text.strip("\n"), tables_of(text))
        if not parts:
            yield Truth(name, None, body, tables_of(body))


FILE_FORMS: Final[Mapping[str, Callable[[Path], Iterator[Truth]]]] = {
    "text": text_files,
    "markdown": markdown_files,
}
"""Forms of truth that are files of text, by name."""
FORMS: Final = (*FILE_FORMS, "text-layer", "olmocr-bench", "omnidocbench")


def form_of(place: Path) -> str:
    """The form of the truth at a place, by the endings of its files.

    Raises:
        ConfigError: There is nothing, or files of several forms.
    """
    if not place.exists():
        raise ConfigError(f"--truth {place}: there is no such file or folder")
    files = (
        [place] if place.is_file() else [path for path in place.rglob("[!.]*") if path.is_file()]
    )
    found = sorted({_ENDINGS[path.suffix] for path in files if path.suffix in _ENDINGS})
    if len(found) != 1:
        said = f"files of several forms ({', '.join(found)})" if found else "no truth"
        raise ConfigError(f"--truth {place}: {said}; say which with --form {'|'.join(FORMS)}")
    return found[0]


_ENDINGS: Final = {
    ".txt": "text",
    ".md": "markdown",
    ".pdf": "text-layer",
    ".jsonl": "olmocr-bench",
    ".json": "omnidocbench",
}


def read_text(path: Path) -> str:
    """The content of a file of truth.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--truth {path}: {error}") from None


def _files(folder: Path, suffix: str) -> Iterator[tuple[str, str]]:
    """Names without the suffix, relative to the folder, and contents of its files, sorted."""
    if folder.is_file():
        yield folder.name.removesuffix(suffix), read_text(folder)
        return
    for path in sorted(folder.rglob(f"*{suffix}")):
        yield path.relative_to(folder).as_posix().removesuffix(suffix), read_text(path)
