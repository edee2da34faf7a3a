"""Serves the viewer's site, on loopback unless told otherwise.

Whoever reaches the address reads the output. On loopback that are programs of this machine, and the
browser must not lend itself to other sites: names other than those of loopback are refused (DNS
rebinding), and so are requests that another site caused.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.errors import RayscribeError, RecordedError
from pipeline.output.view.site import POLICY, Site, why_not

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_HEADERS: Final = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_OWN_SITE: Final = ("same-origin", "none", "")
"""Values of Sec-Fetch-Site of requests from the site itself, or from the address bar."""


def app(site: Site, host: str = LOOPBACK[0]) -> Starlette:
    """The application that serves a site.

    Args:
        site: The site.
        host: The address that is listened on: on loopback only its names are answered to.
    """

    async def answer(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "") not in _OWN_SITE:
            return PlainTextResponse("not for other sites", 403, _HEADERS)
        path = str(request.path_params["path"]) or "index.html"
        return await run_in_threadpool(_answer, site, path)

    allowed = ["127.0.0.1", "localhost", "[::1]"] if host in LOOPBACK else ["*"]
    return Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=allowed)],
    )


def _answer(site: Site, path: str) -> Response:
    try:
        file = site.file(path)
    except RecordedError as error:
        return PlainTextResponse(why_not(error), 404, _HEADERS)
    except RayscribeError as error:
        return PlainTextResponse(why_not(error), 503, _HEADERS)
    if file is None:
        return PlainTextResponse("no such file", 404, _HEADERS)
    return Response(file.content, media_type=file.media_type, headers=_HEADERS)


def serve(site: Site, host: str, port: int, say: Callable[[str], object]) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        site: The site.
        host: Address to listen on.
        port: Its port, 0 for a free one.
        say: Told the address once it answers.

    Raises:
        OSError: The port is taken, or the address is not one of this machine.
    """
    config = uvicorn.Config(app(site, host), host, port, log_level="warning", lifespan="off")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{listening.getsockname()[1]}/")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
