"""The first process in a cluster's namespaces: starts its programs, and waits.

    unshare --net --pid --mount --fork --mount-proc --kill-child \\
        python -m tests.support.one_node.first_process FOLDER PROGRAMS

When it ends, all that runs in its namespaces ends with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.one_node import configs
from tests.support.one_node.layout import HOST, Layout

_READY_S = 240.0


def main(root: Path, programs: Path) -> None:
    """Start everything, and collect processes whose parents are gone, as a first process must."""
    layout = Layout(root, programs)
    network()
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    containerd = ["containerd", "--config", str(layout.run / "containerd.toml")]
    start(layout, "containerd", containerd)
    start(layout, "etcd", configs.store(layout))
    start(layout, "api-server", configs.api_server(layout))
    until_ready(layout)
    for name, command in configs.rest(layout).items():
        start(layout, name, command)
    (layout.run / "started").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()


def network() -> None:
    """The bridge that all pods are on; its address is the node's."""
    for command in (
        "link set lo up",
        "link add pods type bridge",
        f"addr add {HOST}/16 dev pods",
        "link set pods up",
        f"route add default via {HOST}",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def start(layout: Layout, name: str, command: list[str]) -> None:
    """Start a program; its output is in the logs' folder."""
    with (layout.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    (layout.run / f"{name}.pid").write_text(str(process.pid))


def until_ready(layout: Layout) -> None:
    """Wait for the API server.

    Raises:
        TimeoutError: It did not come up.
    """
    command = [layout.program("kubectl"), f"--kubeconfig={layout.kubeconfig('admin')}"]
    deadline = time.monotonic() + _READY_S
    while subprocess.run([*command, "get", "--raw=/readyz"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no API server after {_READY_S:.0f} s: {layout.logs}")
        time.sleep(0.3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
