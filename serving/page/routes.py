"""The routes of the page and of the documentation. None of them needs a key."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from pipeline import __version__
from serving.config import LimitConfig
from serving.ocr.uploads import MEDIA_TYPES
from serving.page import files

STATIC: Final = "/static/"
_NOT_FOUND: Final = 404


def add_docs(app: FastAPI) -> None:
    """Add `/docs`, which shows the application's OpenAPI schema, and the files of both pages."""

    async def docs(request: Request) -> Response:
        return files.answer(files.DOCS, request)

    async def static(request: Request, name: str) -> Response:
        if name not in files.NAMES:
            raise HTTPException(_NOT_FOUND)
        return files.answer(name, request)

    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    app.add_api_route(STATIC + "{name}", static, methods=["GET"], include_in_schema=False)


def add_page(app: FastAPI, limits: LimitConfig, model: str, *, has_jobs: bool) -> None:
    """Add the page at `/`, on which documents are read.

    Args:
        app: Gets the routes.
        limits: What the page says of a document's size, and does not send beyond.
        model: The OCR model's name.
        has_jobs: Whether the operator keeps jobs.
    """
    settings = _settings(limits, model) | {"has_jobs": has_jobs}

    async def page(request: Request) -> Response:
        return files.answer(files.PAGE, request)

    async def for_page() -> Response:
        return JSONResponse(settings, headers=files.HEADERS)

    app.add_api_route("/", page, methods=["GET"], include_in_schema=False)
    app.add_api_route("/page.json", for_page, methods=["GET"], include_in_schema=False)


def _settings(limits: LimitConfig, model: str) -> dict[str, Any]:
    return {
        "version": __version__,
        "model": model,
        "body_mib": limits.body_mib,
        "pages": limits.pages,
        "has_images": limits.page_image_px > 0,
        "media_types": sorted(MEDIA_TYPES),
    }
