"""The files of the viewer's site, each made when it is asked for.

Data are scripts that call `rayscribe(name, value)`: a page that is opened from a disk may load
scripts beside it, and nothing else. Of all pages a few short fields are loaded at once, everything
else of a page when it is shown, and texts for a search some hundred pages at a time.

    index.html  *.css  *.js             as they are in `assets` here and in `pipeline.web`
    data/index.js                       documents, counts, how many parts there are
    data/pages-K.js  data/texts-K.js    short fields, and texts to search, of a part of the pages
    pages/ID.js                         one page: blocks, Markdown, attempts, timings
    pictures/ID.webp  thumbs/ID.webp    one page, drawn from the original
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import web
from pipeline.errors import DocumentError, ErrorKind, RayscribeError, RecordedError
from pipeline.imaging.webp import MEDIA_TYPE
from pipeline.output.export.names import common_folder
from pipeline.output.page_pictures import PagePictures
from pipeline.output.row_index import SCRIPT, RowIndex
from pipeline.output.view.page_data import COLUMNS, page_data
from pipeline.storage.paths import AnyPath

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of the site; also in `assets/index.html`."""
MAX_PAGES: Final = 200_000
"""Pages of a site: the browser keeps their short fields in memory."""
_PAGES_PER_PART: Final = 2000
_TEXTS_PER_PART: Final = 200
_ID_CHARS: Final = 16
_ASSETS: Final = {
    **dict.fromkeys(("index.html", "view.css", "page.js", "view.js"), __package__),
    **dict.fromkeys(("base.css", "sheet.js"), web.__name__),
}
"""The package of each file that is as it is."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_PART: Final = re.compile(r"data/(pages|texts)-(\d{1,6})\.js")
_PAGE: Final = re.compile(r"(pages|pictures|thumbs)/([0-9a-f]{16})\.(?:js|webp)")
_SHORT: Final = ("page_id", "status", "source", "text_score", "rung", SCRIPT)


@dataclass(frozen=True, slots=True)
class File:
    """A file of the site.

    Attributes:
        content: Its bytes.
        media_type: What they are.
    """

    content: bytes
    media_type: str


class Site:
    """The viewer's site of an output.

    Args:
        pages: The folder of the output's shards.
        pictures: Draws pages.
        name: What the output is called.
        match: Part of the URIs of the documents that are wanted, "" for all.
        statuses: Statuses of the pages that are wanted, empty for all.

    Raises:
        JobError: The folder is on a store that does not answer.
        DocumentError: A shard cannot be fetched.
    """

    def __init__(
        self,
        pages: AnyPath,
        pictures: PagePictures,
        name: str,
        match: str = "",
        statuses: tuple[str, ...] = (),
    ) -> None:
        self._index, self._pictures, self._name = RowIndex(pages, _SHORT), pictures, name
        table = self._index.table
        numbers = [
            number
            for number, (uri, status) in enumerate(
                zip(table["uri"].to_pylist(), table["status"].to_pylist(), strict=True)
            )
            if match in uri and (not statuses or status in statuses)
        ]
        self.left_out = max(0, len(numbers) - MAX_PAGES)
        self._numbers = numbers[:MAX_PAGES]
        self._rows = table.take(pa.array(self._numbers, pa.int64()))
        names = dict.fromkeys(self._rows["uri"].to_pylist())
        self._documents = {name: place for place, name in enumerate(names)}
        ids = self._rows["page_id"].to_pylist()
        self._by_id = {page_id[:_ID_CHARS]: row for row, page_id in enumerate(ids)}

    def __len__(self) -> int:
        return len(self._numbers)

    def file(self, path: str) -> File | None:
        """A file of the site, None where there is none.

        Args:
            path: Relative to the site, as in this module's description.

        Raises:
            RecordedError: The original is not there, or the page cannot be drawn.
            RayscribeError: The store of the output or of the original does not answer.
        """
        if path in _ASSETS:
            return _asset(path)
        if path == "data/index.js":
            return _script("index", self._overview())
        if found := _PART.fullmatch(path):
            return self._part(found[1], int(found[2]))
        if found := _PAGE.fullmatch(path):
            row = self._by_id.get(found[2])
            return None if row is None else self._page_file(found[1], row)
        return None

    def paths(self) -> Iterator[str]:
        """Yield the path of every file that is no picture."""
        yield from _ASSETS
        yield "data/index.js"
        for kind, size in (("pages", _PAGES_PER_PART), ("texts", _TEXTS_PER_PART)):
            yield from (f"data/{kind}-{part}.js" for part in range(_parts(len(self), size)))
        yield from (f"pages/{page_id}.js" for page_id in self._by_id)

    def page_ids(self) -> Iterator[str]:
        """Yield the names of the pages' pictures, those of a document one after the other."""
        yield from self._by_id

    def _overview(self) -> dict[str, Any]:
        names = list(self._documents)
        folder = common_folder(names)
        return {
            "output": self._name,
            "folder": folder,
            "documents": [name.removeprefix(folder) for name in names],
            "pages": len(self),
            "left_out": self.left_out,
            "page_parts": _parts(len(self), _PAGES_PER_PART),
            "text_parts": _parts(len(self), _TEXTS_PER_PART),
            "texts_per_part": _TEXTS_PER_PART,
            "counts": {
                name: {
                    str(one["values"] or "none"): one["counts"]
                    for one in pc.value_counts(self._rows[name]).to_pylist()
                }
                for name in ("status", "source", SCRIPT, "rung")
            },
        }

    def _part(self, kind: str, part: int) -> File | None:
        size = _PAGES_PER_PART if kind == "pages" else _TEXTS_PER_PART
        if part >= _parts(len(self), size):
            return None
        start = part * size
        value: object = self._short(start, size) if kind == "pages" else self._texts(start, size)
        return _script(f"{kind}-{part}", value)

    def _short(self, start: int, size: int) -> list[list[object]]:
        """Short fields: document, page, id, status, source, script, score, rung."""
        return [
            [
                self._documents[row["uri"]],
                row["page"],
                row["page_id"][:_ID_CHARS],
                row["status"],
                row["source"] or "none",
                row[SCRIPT] or "none",
                None if row["text_score"] is None else round(row["text_score"], 3),
                row["rung"] or "none",
            ]
            for row in self._rows.slice(start, size).to_pylist()
        ]

    def _texts(self, start: int, size: int) -> list[str]:
        rows = self._index.read(self._numbers[start : start + size], ("text",))
        return [row["text"] or "" for row in rows]

    def _page_file(self, kind: str, row: int) -> File:
        number = self._numbers[row]
        if kind == "pages":
            page_id = self._rows["page_id"][row].as_py()[:_ID_CHARS]
            return _script(page_id, page_data(self._index.read([number], COLUMNS)[0]))
        uri, page = self._rows["uri"][row].as_py(), self._rows["page"][row].as_py()
        if not page:
            raise DocumentError(ErrorKind.UNREADABLE, f"{uri} could not be opened by the job")
        (original,) = self._index.read([number], ("doc_id",))
        found = self._pictures.get(uri, original["doc_id"], page)
        content = found.page if kind == "pictures" else found.thumbnail
        return File(content, MEDIA_TYPE)


def why_not(error: RayscribeError) -> str:
    """Why a file of the site is not there, for its place."""
    return str(error) if isinstance(error, RecordedError) else f"it does not answer: {error}"


def _parts(pages: int, size: int) -> int:
    return -(-pages // size)


def _asset(name: str) -> File:
    content = (files(_ASSETS[name]) / "assets" / name).read_bytes()
    return File(content, _TYPES[PurePosixPath(name).suffix])


def _script(name: str, value: object) -> File:
    # Signs that end a script or a line of one are escaped: the file stays data.
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return File(f"rayscribe({json.dumps(name)},{text});\n".encode(), _TYPES[".js"])
