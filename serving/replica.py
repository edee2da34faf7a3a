"""What every replica does first: its log, and where it listens."""

from __future__ import annotations

import ray
from ray._common.network_utils import is_localhost
from ray.serve._private import replica as serve_replica

from serving import json_log, tracing

_ALL_INTERFACES, _LOOPBACK = "[::]:0", "127.0.0.1:0"


def prepare() -> None:
    """Call it in the constructor of a deployment, before anything else."""
    json_log.configure()
    tracing.configure()
    if is_localhost(ray.util.get_node_ip_address()):
        _listen_on_loopback()


def _listen_on_loopback() -> None:
    """Have Serve open its port for calls of other replicas on loopback.

    The address is fixed in Ray, all interfaces, and the port is opened after the constructor. The
    other processes of a Ray that listens on loopback have switches for it.
    """
    add_port = serve_replica.add_port_to_grpc_server

    def add_local_port(server: object, address: str) -> int:
        return int(add_port(server, address.replace(_ALL_INTERFACES, _LOOPBACK)))

    serve_replica.add_port_to_grpc_server = add_local_port
