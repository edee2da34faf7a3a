"""Reads pages by a Rayscribe service, over HTTP."""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pipeline.errors import ConfigError, EngineError, ErrorKind
from pipeline.ocrmypdf_plugin.options import KEY
from pipeline.types import Block, Box, Failure, PageRef, PageResult, Recognition, Source, Status

_BUSY: Final = (429, 503)
"""Statuses after which a page is sent again: the service has no room, or no replica yet."""
_PAUSE_S: Final = 2.0
_MAX_MESSAGE: Final = 500


class ServiceReader:
    """Sends pages to a service. May be used by several threads.

    Args:
        url: Its address, with or without the path `/v1`.
        timeout_s: Seconds for a page, with the time that it waits while the service is busy.

    Raises:
        ConfigError: It is no address of HTTP.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ConfigError(f"--rayscribe-url {url}: write an address such as http://host:8000")
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/ocr"
        self._timeout_s = timeout_s

    def read(self, path: str) -> PageResult:
        """Read the image of a page.

        Raises:
            EngineError: The service does not answer, refuses, or is busy for too long.
        """
        answer = self._answer(_body(path))
        try:
            return _page(answer["pages"][0])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise EngineError(f"{self._url} answers in another form: {error!r}") from None

    def _answer(self, body: bytes) -> Any:
        end = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._post(body, max(end - time.monotonic(), 0.1))
            except urllib.error.HTTPError as error:
                pause_s = _pause_s(error.headers.get("Retry-After", ""))
                if error.code not in _BUSY or time.monotonic() + pause_s > end:
                    raise EngineError(f"{self._url}: {error.code} {_message(error)}") from None
                time.sleep(pause_s)
            except (OSError, HTTPException, ValueError) as error:
                raise EngineError(f"{self._url}: {error}") from None

    def _post(self, body: bytes, timeout_s: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            return json.load(response)


def _body(path: str) -> bytes:
    content = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return json.dumps({"document": f"data:image/png;base64,{content}"}).encode()


def _pause_s(stated: str) -> float:
    return float(stated) if stated.isdecimal() else _PAUSE_S


def _message(error: urllib.error.HTTPError) -> str:
    """What the service says, in one line."""
    text = error.read(_MAX_MESSAGE).decode("utf-8", "replace")
    # Else it is an error of what stands before the service.
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["error"]["message"])
    return " ".join(text.split())


def _page(answer: Any) -> PageResult:
    blocks = tuple(
        Block(str(each["kind"]), str(each["text"]), _box(each["box_px"]), each["score"])
        for each in answer["blocks"]
    )
    failure = None
    if answer["error"]:
        failure = Failure(ErrorKind.ENGINE, str(answer["error"]["message"]))
    return PageResult(
        PageRef("", "", 1, 1, "", 0, 0),
        Recognition(Status(answer["status"]), str(answer["markdown"]), blocks, failure=failure),
        Source(answer["source"]) if answer["source"] else None,
        width_px=int(answer["width_px"]),
        height_px=int(answer["height_px"]),
        warnings=tuple(map(str, answer["warnings"])),
        turned_deg=int(answer["turned_deg"]),
    )


def _box(box: Any) -> Box | None:
    return (box["x0"], box["y0"], box["x1"], box["y1"]) if box else None
