"""What keeps the connection with Ray's tables alive."""

from __future__ import annotations

import threading

import pytest
from ray.exceptions import RpcError
from ray.experimental import internal_kv

from serving.gcs_connection import keep_connected


@pytest.mark.parametrize("error", [RpcError("away"), ConnectionError("away")])
def test_it_asks_again_and_again_also_while_the_tables_are_away(
    monkeypatch: pytest.MonkeyPatch, error: Exception
):
    asked: list[bytes] = []
    was_asked = threading.Semaphore(0)

    def exists(key: bytes) -> bool:
        asked.append(key)
        was_asked.release()
        raise error

    monkeypatch.setattr(internal_kv, "_internal_kv_exists", exists)
    end = keep_connected(period_s=0.001)
    for _ in range(3):
        assert was_asked.acquire(timeout=20)
    end.set()
    assert set(asked) == {b"rayscribe"}


def test_ray_has_the_function(monkeypatch: pytest.MonkeyPatch):
    """A private one; it goes over the connection by which Serve reads classes."""

    class Client:
        def internal_kv_exists(self, key: bytes, namespace: bytes | None) -> bool:
            return False

    monkeypatch.setattr(internal_kv, "global_gcs_client", Client())
    assert internal_kv._internal_kv_exists(b"rayscribe") is False
