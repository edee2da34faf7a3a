"""Writes what each overlay becomes to ``k8s/rendered/``, to be read and to be compared in reviews.

``python k8s/render.py`` needs `kubectl` and no cluster. The code in a code ConfigMap is left out,
and with it the hash in its name: both follow from the files themselves, and every change of a
module would change them here. Nothing is applied from there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
_CODE = re.compile(r"^data:\n(?:.*\n)*?  pipeline\.__init__\.py: .*\n(?:.*\n)*?(?=^kind:)", re.M)
_HASHED = re.compile(r"^  name: (.+)-[0-9a-z]{10}$", re.M)


def overlays() -> list[str]:
    """The names of the overlays."""
    return sorted(path.parent.name for path in HERE.glob("overlays/*/kustomization.yaml"))


def kustomize(overlay: str) -> str:
    """What `kubectl apply -k` would send, as YAML.

    Raises:
        RuntimeError: kustomize refuses it.
    """
    command = ["kubectl", "kustomize", str(HERE / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"kubectl kustomize {overlay}: {done.stderr}")
    return done.stdout


def shown(manifests: str) -> str:
    """The same without the code that a ConfigMap carries, and without the hash in its name."""
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
    """Where the output of an overlay is kept."""
    return HERE / "rendered" / f"{overlay}.yaml"


def main() -> int:
    """Write the output of every overlay."""
    for overlay in overlays():
        rendered(overlay).write_text(shown(kustomize(overlay)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
