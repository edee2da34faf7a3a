"""Where a cluster of one node has its files, and its addresses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NODE = "node"
HOST = "10.244.0.1"
"""The bridge: the node, the API server and the cluster's DNS."""
PODS = "10.244.0.0/16"
FIRST_POD = "10.244.1.1"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
API_PORT = 6443
DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Layout:
    """The folders of a cluster.

    Attributes:
        root: All that it writes is below it.
        programs: The programs that it runs.
    """

    root: Path
    programs: Path

    @property
    def certificates(self) -> Path:
        return self.root / "certificates"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def images(self) -> Path:
        """containerd's files; they are kept from one start to the next."""
        return self.root / "images"

    @property
    def socket(self) -> Path:
        return self.run / "containerd.sock"

    def kubeconfig(self, name: str) -> Path:
        return self.run / f"{name}.kubeconfig"

    def program(self, name: str) -> str:
        return str(self.programs / name)
