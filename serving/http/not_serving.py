"""Answers for the service while none of its ingress replicas runs.

Serve's proxy listens before the application is there and after it has gone. By itself it answers
404 in plain text then, and holds requests while the first ingress replica starts.
"""

from __future__ import annotations

import os
from typing import Any, Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import ApiError
from serving.http.drain import stopping

STOPPING_MARK: Final = "RAYSCRIBE_STOPPING_MARK"
"""Environment variable with the path of a file that is there once the service stops."""
_RETRY_AFTER_S: Final = 5.0
_OF_SERVE: Final = "/-/"
"""Serve's own paths begin so: health and routes of the proxy."""


def starting() -> ApiError:
    """The error for a request to a service that starts."""
    message = "the service is starting; send this again"
    return ApiError(503, "starting", message, retry_after_s=_RETRY_AFTER_S)


class NotServing:
    """Middleware of Serve's proxy: 503 for every path while no ingress replica runs.

    Args:
        app: Serve's proxy, or a middleware of it. Anything else gets all requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._router = router_of(app)
        self._stopping_mark = os.environ.get(STOPPING_MARK, "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        error = self._refusal(scope)
        if error is None:
            await self._app(scope, receive, send)
            return
        response = JSONResponse(error.body(), error.status, error.headers())
        await response(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        if self._router is None or scope["type"] != "http" or scope["path"].startswith(_OF_SERVE):
            return None
        if self._stopping_mark and os.path.exists(self._stopping_mark):
            return stopping()
        found = self._router.match_route(scope["path"])
        return None if found and found[1].running_replicas_populated() else starting()


def router_of(app: Any) -> Any:
    """The `ray.serve._private.proxy_router.ProxyRouter` of Serve's proxy; None elsewhere."""
    while app is not None and not hasattr(app, "proxy_router"):
        app = getattr(app, "_app", None)
    return app and app.proxy_router
