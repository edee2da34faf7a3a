"""Whether a cluster of one node can be started on this machine.

    python -m tests.support.one_node.preflight FOLDER

FOLDER is where it would have its files. Prints what is missing, and ends with 1 if something is.
Nothing is left on the machine: what is tried goes with its namespaces.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.support.one_node import programs

_INSIDE = ("unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
_TRIED = {
    "namespaces of network, processes and mounts": "true",
    "mounts that pods see": "mount --make-rshared /",
    "a bridge": "ip link set lo up && ip link add pods type bridge && ip link set pods up",
    "forwarding": "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "rules of iptables": "iptables --table nat --append POSTROUTING --jump MASQUERADE"
    " && iptables --append INPUT --match conntrack --ctstate INVALID --jump DROP",
    "an overlay file system": "cd {folder} && mkdir lower upper work all"
    " && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work all && ls all",
}
"""What the cluster does, and a command that tries it in namespaces of its own."""
_CGROUPS = Path("/sys/fs/cgroup")
_CONTROLLERS = ("cpu", "memory", "pids")
_MEMORY_GIB = 8
_DISK_GIB = 20
"""For the programs, the images and what is unpacked of them, where nothing of it is there yet."""


def problems(folder: Path) -> Iterator[str]:
    """What stands in the way, one line each.

    Args:
        folder: Where the cluster would have its files.
    """
    if absent := programs.missing():
        yield absent
        return
    folder.mkdir(parents=True, exist_ok=True)
    for what, command in _TRIED.items():
        with tempfile.TemporaryDirectory(dir=folder, prefix="preflight-") as place:
            line = command.format(folder=place)
            done = subprocess.run(
                [*_INSIDE, "sh", "-c", line], capture_output=True, text=True, timeout=60
            )
        if done.returncode:
            yield f"{what}: `{line}` says {done.stderr.strip() or done.returncode}"
    yield from _control_groups(_CGROUPS)
    available = psutil.virtual_memory().available / 2**30
    if available < _MEMORY_GIB:
        yield f"memory: {available:.1f} GiB are free, {_MEMORY_GIB} are needed"
    free = psutil.disk_usage(str(folder)).free / 2**30
    if free < _DISK_GIB and not list(folder.glob("rayscribe-*.tar")):
        yield f"disk: {free:.1f} GiB are free in {folder}, {_DISK_GIB} are needed"


def _control_groups(root: Path) -> Iterator[str]:
    """Of the first kind, a folder for each controller, or of the second, one for all."""
    is_second = (root / "cgroup.controllers").exists()
    for parent in [root] if is_second else [root / name for name in _CONTROLLERS]:
        probe = parent / f"preflight-{os.getpid()}"
        try:
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            yield f"control groups: {error}"


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1])))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
