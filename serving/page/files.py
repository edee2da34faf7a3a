"""The files that a browser gets, with the headers that keep them to themselves.

What they show comes from documents of strangers: nothing runs but the scripts that are listed here,
nothing is loaded from elsewhere, and nobody may put the pages into a frame.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

PAGE: Final = "index.html"
DOCS: Final = "docs.html"
_OWN: Final = (
    *(PAGE, "icon.svg", "page.css", "document.js", "service.js", "start.js"),
    *(DOCS, "docs.css", "docs.js"),
)
_SHARED: Final = ("base.css", "sheet.js")
"""Files that the viewer has too."""
_SWAGGER: Final = ("swagger-ui-bundle.js", "swagger-ui.css")
NAMES: Final = frozenset((*_OWN, *_SHARED, *_SWAGGER)) - {PAGE, DOCS}
"""Files beside the two pages."""
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: of other places, only pictures that a page has made itself."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file.

    Attributes:
        content: Its bytes.
        media_type: What they are.
        tag: Changes with them, for a browser that has an older one.
    """

    content: bytes
    media_type: str
    tag: str


@cache
def file(name: str) -> File:
    """A file, `PAGE`, `DOCS` or one of `NAMES`."""
    content = _place(name).read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return File(content, _TYPES[PurePosixPath(name).suffix], tag)


def answer(name: str, request: Request) -> Response:
    """The response with a file; 304 where the browser has it."""
    found = file(name)
    headers = HEADERS | {"ETag": found.tag}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _place(name: str) -> Traversable:
    if name in _SWAGGER:
        return files("fastapi_swagger") / "resources" / name
    package = "pipeline.web" if name in _SHARED else "serving.page"
    return files(package) / "assets" / name
