"""Runs commands in an image: as user 1000, without a network, on a root that cannot be written.

By docker or podman; where only buildah is, which runs nothing of that kind, by runc itself.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Done = subprocess.CompletedProcess[str]
_RUN_S = 600.0
_HOME = "HOME=/tmp"
"""The only place that can be written, as an emptyDir of a pod would be."""


@dataclass(frozen=True)
class Container:
    """An image whose commands can be run.

    Attributes:
        command: The command line to which a command is added.
        bundle: The folder of runc's configuration, if it is runc.
    """

    command: tuple[str, ...]
    bundle: Path | None

    def run(self, *words: str, text: str = "") -> Done:
        """Run a command to its end.

        Args:
            words: The command.
            text: Its input.
        """
        if self.bundle:
            path = self.bundle / "config.json"
            config = json.loads(path.read_text())
            config["process"]["args"] = words
            path.write_text(json.dumps(config))
            words = ()
        return _run(*self.command, *words, text=text)


@contextmanager
def of_image(name: str, folder: Path) -> Iterator[Container]:
    """Make a container of an image that was built here.

    Args:
        name: The image.
        folder: For files meanwhile.
    """
    for tool in ("docker", "podman"):
        if _has(tool):
            words = ("--rm", "--interactive", "--read-only", "--network=none", "--user=1000:1000")
            yield Container((tool, "run", *words, "--tmpfs=/tmp", f"--env={_HOME}", name), None)
            return
    container = _said("buildah", "from", "--pull-never", name)
    try:
        image = json.loads(_said("buildah", "inspect", container))["OCIv1"]["config"]
        root = _said("buildah", "mount", container)
        _said("runc", "spec", "--bundle", str(folder))
        path = folder / "config.json"
        path.write_text(json.dumps(_config(json.loads(path.read_text()), root, image)))
        yield Container(("runc", "run", "--bundle", str(folder), container), folder)
    finally:
        _said("buildah", "rm", container)


def _config(config: Any, root: str, image: Any) -> Any:
    """runc's own configuration, for this root and as the image says."""
    config["root"] = {"path": root, "readonly": True}
    config["process"] |= {
        "terminal": False,
        "user": {"uid": 1000, "gid": 1000},
        "cwd": image["WorkingDir"],
        "env": [*image["Env"], _HOME],
        "rlimits": [],
    }
    options = ["nosuid", "nodev", "mode=1777"]
    tmp = {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": options}
    config["mounts"].append(tmp)
    return config


def _has(tool: str) -> bool:
    try:
        return _run(tool, "info").returncode == 0
    except FileNotFoundError:
        return False


def _said(*words: str) -> str:
    done = _run(*words)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def _run(*words: str, text: str = "") -> Done:
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=_RUN_S)
