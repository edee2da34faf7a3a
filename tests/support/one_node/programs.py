"""The programs that a cluster of one node is made of, and what is said where they are missing."""

from __future__ import annotations

import lzma
import os
import shutil
from pathlib import Path

FOLDER = Path(os.environ.get("RAYSCRIBE_K8S", "../shared/k8s"))
"""Has `bin/` with the programs, each as NAME or NAME.xz, and the operator's manifests."""
OURS = ("etcd", "kube", "coredns", "kuberay-operator", "kwok")
"""`kube` is Kubernetes' programs and kubectl in one, which its name chooses."""
KUBE = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
)
DEBIAN = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "gcc": "gcc libc6-dev",
}
"""Programs of the machine, and Debian's packages of them."""
NETWORK_PLUGINS = Path("/usr/lib/cni")
HOW = """The tests of a live cluster need one. Either name it: KUBECONFIG=... make test-k8s-live
(its nodes need the images, and KubeRay's operator runs there: k8s/README.md). Or let the test start
one on this machine, as root, for which is missing:
"""


def missing() -> str:
    """What has to be got before a cluster can be started here; empty if nothing."""
    lines = []
    absent = [name for name in OURS if not _found(name)]
    if absent:
        lines.append(
            f"- {', '.join(absent)} in {FOLDER / 'bin'} (name another folder in RAYSCRIBE_K8S): "
            "built from the Go modules k8s.io/kubernetes (cmd/...), go.etcd.io/etcd/server/v3, "
            "github.com/coredns/coredns, github.com/ray-project/kuberay/ray-operator, "
            "sigs.k8s.io/kwok/cmd/kwok"
        )
    if not operator_manifest():
        lines.append(
            f"- {FOLDER}/cluster/kuberay-VERSION.yaml.xz: the output of `kubectl kustomize` for "
            "ray-operator/config/default of KubeRay"
        )
    packages = {package for name, package in DEBIAN.items() if not shutil.which(name)}
    if not (NETWORK_PLUGINS / "bridge").exists():
        packages.add("containernetworking-plugins")
    if packages:
        lines.append(f"- apt-get install --no-install-recommends {' '.join(sorted(packages))}")
    if os.geteuid() != 0:
        lines.append("- root: namespaces, mounts and a bridge are made")
    return HOW + "\n".join(lines) if lines else ""


def _found(name: str) -> Path | None:
    files = (FOLDER / "bin" / name, FOLDER / "bin" / f"{name}.xz")
    return next((path for path in files if path.exists()), None)


def operator_manifest() -> Path | None:
    """KubeRay's definitions, rights and deployment; the newest that is there."""
    return max(FOLDER.glob("cluster/kuberay-*.yaml.xz"), default=None)


def unpack(folder: Path) -> None:
    """Put the programs into `folder`, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in OURS:
        source, target = _found(name), folder / name
        if source and not target.exists():
            part = target.with_suffix(".part")
            is_packed = source.suffix == ".xz"
            opened = lzma.open if is_packed else open
            with opened(source, "rb") as packed, part.open("wb") as file:
                shutil.copyfileobj(packed, file)
            part.chmod(0o755)
            part.rename(target)
    for name in KUBE:
        if not (folder / name).exists():
            (folder / name).symlink_to("kube")
