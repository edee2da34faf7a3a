"""Image archives of one static program each, for a cluster that reaches no registry."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

PAUSE = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
/* The first process of a pod: it keeps the pod's namespaces, and collects those that ended. */
static void end(int signal) { (void)signal; _exit(0); }
static void collect(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGTERM, end); signal(SIGINT, end); signal(SIGCHLD, collect);
  for (;;) pause();
}
"""


def pause(program: Path) -> None:
    """Compile the program of the image that containerd starts for each pod."""
    command = ["gcc", "-static", "-Os", "-s", "-x", "c", "-", "-o", str(program)]
    subprocess.run(command, input=PAUSE, text=True, check=True)


def of_program(program: Path, name: str, user: int, inside: str) -> Path:
    """Write an archive as `docker save` does.

    Args:
        program: A static program; it is all that is in the image.
        name: The image's name with its tag.
        user: The user that it runs as.
        inside: Where the program is in the image.

    Returns:
        The archive, beside the program.
    """
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(program, arcname=inside.lstrip("/"))
    data = layer.getvalue()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [inside], "User": str(user)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(data).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    archive = program.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        for member, content in (
            ("config.json", json.dumps(config).encode()),
            ("manifest.json", json.dumps(manifest).encode()),
            ("layer.tar", data),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive
