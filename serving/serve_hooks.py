"""What Ray Serve calls in its own processes, by the environment that `serving.proxy` sets.

On Kubernetes the manifests set it (`in_pod_proxy`).
"""

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


def in_pod_proxy() -> list[Middleware]:
    """The same on Kubernetes, by the environment that the manifests set.

    There a Service names a pod only once its proxy has something to pass requests to. A proxy that
    does not know the replicas yet learns of them in a moment: requests wait, and are not refused.
    """
    from serving.gcs_connection import keep_connected

    keep_connected()
    return [Middleware(IngressRetry)]
