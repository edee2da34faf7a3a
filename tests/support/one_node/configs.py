"""The configuration files and command lines of a cluster's programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.support.one_node.layout import (
    API_PORT,
    API_SERVICE,
    DOMAIN,
    FIRST_POD,
    HOST,
    NODE,
    PODS,
    SERVICES,
    Layout,
)

CLIENTS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "node": (f"system:node:{NODE}", "system:nodes"),
}
"""Who speaks to the API server: name of the files, user, group."""
SERVER_HOSTS = ("127.0.0.1", HOST, API_SERVICE, "kubernetes.default.svc", "kubernetes.default")
_ETCD = "http://127.0.0.1:2379"
_PEER = "http://127.0.0.1:2380"


def write(layout: Layout) -> None:
    """Write every configuration file."""
    for name in CLIENTS:
        _yaml(layout.kubeconfig(name), _kubeconfig(layout, name))
    _yaml(layout.run / "kubelet.yaml", _kubelet(layout))
    _yaml(layout.run / "proxy.yaml", _proxy(layout))
    (layout.run / "containerd.toml").write_text(_containerd(layout))
    (layout.run / "Corefile").write_text(_corefile(layout))
    (layout.run / "cni").mkdir(exist_ok=True)
    (layout.run / "cni/pods.conflist").write_text(json.dumps(_network(layout)))
    (layout.run / "resolv.conf").write_text("")


def _yaml(path: Path, value: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(value))


def _kubeconfig(layout: Layout, name: str) -> dict[str, Any]:
    files = layout.certificates
    cluster = {
        "server": f"https://{HOST}:{API_PORT}",
        "certificate-authority": str(files / "ca.crt"),
    }
    user = {
        "client-certificate": str(files / f"{name}.crt"),
        "client-key": str(files / f"{name}.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": name}}],
        "current-context": "one",
    }


def _kubelet(layout: Layout) -> dict[str, Any]:
    files = layout.certificates
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Machines of continuous integration still have the first kind of control groups.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "failSwapOn": False,
        "containerRuntimeEndpoint": f"unix://{layout.socket}",
        "clusterDNS": [HOST],
        "clusterDomain": DOMAIN,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(files / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(files / "kubelet.crt"),
        "tlsPrivateKeyFile": str(files / "kubelet.key"),
        # The machine is not the cluster's own: its free space is no reason to end pods.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "resolvConf": str(layout.run / "resolv.conf"),
        "enforceNodeAllocatable": [],
        "podLogsDir": str(layout.logs / "pods"),
    }


def _proxy(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(layout.kubeconfig("proxy"))},
        "hostnameOverride": NODE,
        "clusterCIDR": PODS,
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0, "min": 0},
    }


def _containerd(layout: Layout) -> str:
    # restrict_oom_score_adj: without the capability for it no pod would start.
    return f"""version = 2
root = "{layout.images}"
state = "{layout.run}/containerd"
[grpc]
address = "{layout.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/pause:1"
restrict_oom_score_adj = true
cni = {{bin_dir = "/usr/lib/cni", conf_dir = "{layout.run}/cni"}}
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def _network(layout: Layout) -> dict[str, Any]:
    addresses = {
        "type": "host-local",
        "dataDir": str(layout.run / "addresses"),
        "ranges": [[{"subnet": PODS, "rangeStart": FIRST_POD, "gateway": HOST}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "pods", "hairpinMode": True, "ipam": addresses}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge, ports]}


def _corefile(layout: Layout) -> str:
    return f""".:53 {{
  bind {HOST}
  errors
  kubernetes {DOMAIN} {{
    kubeconfig {layout.kubeconfig("admin")} one
  }}
  cache 5
}}
"""


def store(layout: Layout) -> list[str]:
    """etcd's command."""
    return [
        layout.program("etcd"),
        f"--data-dir={layout.run}/etcd",
        f"--listen-client-urls={_ETCD}",
        f"--advertise-client-urls={_ETCD}",
        f"--listen-peer-urls={_PEER}",
        f"--initial-advertise-peer-urls={_PEER}",
        f"--initial-cluster=default={_PEER}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(layout: Layout) -> list[str]:
    """kube-apiserver's command."""
    files = layout.certificates
    return [
        layout.program("kube-apiserver"),
        f"--etcd-servers={_ETCD}",
        f"--secure-port={API_PORT}",
        f"--advertise-address={HOST}",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--client-ca-file={files}/ca.crt",
        f"--tls-cert-file={files}/server.crt",
        f"--tls-private-key-file={files}/server.key",
        f"--kubelet-certificate-authority={files}/ca.crt",
        f"--kubelet-client-certificate={files}/admin.crt",
        f"--kubelet-client-key={files}/admin.key",
        # The node has a name that no DNS knows.
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files}/accounts.crt",
        f"--service-account-signing-key-file={files}/accounts.key",
    ]


def rest(layout: Layout) -> dict[str, list[str]]:
    """The commands of all that needs the API server, by name."""
    files = layout.certificates
    return {
        "controllers": [
            layout.program("kube-controller-manager"),
            f"--kubeconfig={layout.kubeconfig('controllers')}",
            f"--service-account-private-key-file={files}/accounts.key",
            f"--root-ca-file={files}/ca.crt",
            "--use-service-account-credentials",
            "--leader-elect=false",
        ],
        "scheduler": [
            layout.program("kube-scheduler"),
            f"--kubeconfig={layout.kubeconfig('scheduler')}",
            "--leader-elect=false",
        ],
        "kubelet": [
            layout.program("kubelet"),
            f"--config={layout.run}/kubelet.yaml",
            f"--kubeconfig={layout.kubeconfig('node')}",
            f"--hostname-override={NODE}",
            f"--node-ip={HOST}",
            f"--root-dir={layout.run}/kubelet",
        ],
        "proxy": [layout.program("kube-proxy"), f"--config={layout.run}/proxy.yaml"],
        "dns": [layout.program("coredns"), "-conf", str(layout.run / "Corefile")],
    }
