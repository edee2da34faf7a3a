"""What Ray Serve calls in its own processes, by the environment that `serving.proxy` sets."""

from __future__ import annotations

from typing import Final

from starlette.middleware import Middleware

from serving import json_log
from serving.http.ingress_retry import IngressRetry
from serving.http.not_serving import NotServing

ENVIRONMENT: Final = {
    "RAY_SERVE_CONTROLLER_CALLBACK_IMPORT_PATH": f"{__name__}:in_controller",
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": f"{__name__}:in_proxy",
}


def in_controller() -> None:
    """Called when Serve's controller starts."""
    json_log.configure()


def in_proxy() -> list[Middleware]:
    """Called when a proxy starts, and where replicas listen themselves in each of these.

    Returns:
        What is put around it, the innermost first.
    """
    json_log.configure()
    return [Middleware(IngressRetry), Middleware(NotServing)]
