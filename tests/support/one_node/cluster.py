"""A real Kubernetes of one node on this machine, in namespaces of its own.

    python -m tests.support.one_node.cluster FOLDER

starts one and waits for Ctrl-C or SIGTERM. Nothing listens outside its network namespace: `nsenter`
with the process id in FOLDER/run/first.pid leads inside.
"""

from __future__ import annotations

import lzma
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.one_node import archives, certificates, configs, programs
from tests.support.one_node.layout import Layout

ROOT = Path(__file__).parents[3]
_START_S = 300.0
_END_S = 120.0
_ARCHIVES = "localhost/archive"
"""Images that came from an archive have a second name here, with the name of the archive."""
OPERATOR_IMAGE = "localhost/kuberay-operator:v1.6.0"


class NodeCluster:
    """A cluster that runs.

    Args:
        layout: Its folders.
        process: What holds its namespaces.
    """

    def __init__(self, layout: Layout, process: subprocess.Popen[bytes]) -> None:
        self._layout = layout
        self._process = process

    @property
    def first(self) -> int:
        """The process id, out here, of the first process in the namespaces."""
        [child] = psutil.Process(self._process.pid).children()
        return int(child.pid)

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs a program inside."""
        inside = ["nsenter", f"--target={self.first}", "--net", "--mount", "--pid"]
        return [*inside, f"--wd={Path.cwd()}", "--", *arguments]

    def kubectl(self, *arguments: str) -> list[str]:
        """The command line of kubectl inside."""
        config = f"--kubeconfig={self.admin_config}"
        return self.command(self.program("kubectl"), config, *arguments)

    @property
    def admin_config(self) -> Path:
        """The kubeconfig of a client that may do everything."""
        return self._layout.kubeconfig("admin")

    def program(self, name: str) -> str:
        """The path of one of the cluster's programs."""
        return self._layout.program(name)

    def log(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._layout.logs / f"{name}.log"

    def load(self, archive: Path, name: str, *others: str) -> None:
        """Give the node an image, under further names too. One that it has is not read again.

        Args:
            archive: The image. Its file has another name if its contents are others.
            name: The name in the archive.
            others: Further names.
        """
        mark = f"{_ARCHIVES}/{archive.stem}:1"
        images = self._images()
        if mark in images:
            self._ctr("tag", "--force", mark, name)
        else:
            self._ctr("import", str(archive))
            self._ctr("tag", "--force", name, mark)
            kind = mark.rpartition("-")[0]
            for old in images:
                if kind and old.startswith(f"{kind}-"):
                    self._ctr("remove", old)
        for other in others:
            self._ctr("tag", "--force", name, other)

    def has_image(self, name: str) -> bool:
        """Whether the node has an image of that name from before."""
        return name in self._images()

    def _images(self) -> list[str]:
        return self._ctr("list", "--quiet").split()

    def _ctr(self, *words: str) -> str:
        client = ("ctr", "--address", str(self._layout.socket), "--namespace", "k8s.io", "images")
        return self._run(*client, *words)

    def process_of(self, name: str) -> int:
        """The process id, inside, of a program such as `api-server`."""
        return int((self._layout.run / f"{name}.pid").read_text())

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program such as `api-server`."""
        self._run("kill", f"-{number.name}", str(self.process_of(name)))

    def memory(self) -> int:
        """The resident memory of the cluster's own programs, without pods, in bytes."""
        children = psutil.Process(self.first).children()
        ours = [one for one in children if "shim" not in one.name()]
        return sum(one.memory_info().rss for one in ours)

    def wait(self) -> None:
        """Wait until something ends it."""
        self._process.wait()

    def stop(self) -> None:
        """End it and all that runs in it."""
        self._process.kill()  # the kernel then ends the first process, and with it all others
        self._process.wait(timeout=60)
        _forget_pods()

    def _run(self, *arguments: str) -> str:
        command = self.command(*arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def running(root: Path) -> Iterator[NodeCluster]:
    """Start a cluster with KubeRay's operator, and end it.

    Args:
        root: All that it writes is here; programs and images are kept for the next time.

    Raises:
        TimeoutError: It did not come up; its logs are under `root`.
    """
    layout = _prepared(root)
    command = [
        # However this process ends, the cluster ends with it.
        *("setpriv", "--pdeathsig=KILL"),
        *("unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"),
        *(sys.executable, "-m", "tests.support.one_node.first_process"),
        *(str(layout.root), str(layout.programs)),
    ]
    with (layout.logs / "first.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    cluster = NodeCluster(layout, process)
    try:
        _until((layout.run / "started").exists, "the cluster's programs", layout)
        (layout.run / "first.pid").write_text(str(cluster.first))
        _load_own_images(cluster, layout)
        _install_operator(cluster)
        yield cluster
    finally:
        cluster.stop()


def _prepared(root: Path) -> Layout:
    layout = Layout(root.resolve(), root.resolve() / "programs")
    for folder in (layout.run, layout.logs, layout.certificates):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    programs.unpack(layout.programs)
    authority = certificates.Authority(layout.certificates)
    for name, (user, group) in configs.CLIENTS.items():
        authority.issue(name, user, group)
    authority.issue("server", "kube-apiserver", hosts=configs.SERVER_HOSTS)
    authority.issue("kubelet", "kubelet", hosts=(configs.HOST,))
    authority.issue("accounts", "service-accounts")
    configs.write(layout)
    return layout


def _load_own_images(cluster: NodeCluster, layout: Layout) -> None:
    pause = layout.programs / "pause"
    if not pause.exists():
        archives.pause(pause)
    operator = layout.programs / "kuberay-operator"
    for program, name, user, inside in (
        (pause, "localhost/pause:1", 65535, "/pause"),
        (operator, OPERATOR_IMAGE, 65532, "/manager"),
    ):
        if not cluster.has_image(name):
            cluster.load(archives.of_program(program, name, user, inside), name)


def _install_operator(cluster: NodeCluster) -> None:
    """Apply the operator's manifests; the API server takes them before it runs pods."""
    manifest = programs.operator_manifest()
    assert manifest is not None
    with lzma.open(manifest, "rt") as file:
        text = file.read()
    _kubectl(cluster, "create", "namespace", "kuberay-system")
    _kubectl(cluster, "apply", "--server-side", "-f", "-", text=text)


def _kubectl(cluster: NodeCluster, *arguments: str, text: str = "") -> None:
    subprocess.run(
        cluster.kubectl(*arguments), input=text, text=True, check=True, capture_output=True
    )


def _until(done: Callable[[], bool], what: str, layout: Layout) -> None:
    deadline = time.monotonic() + _START_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start: see {layout.logs}")
        time.sleep(0.2)


def _forget_pods() -> None:
    """Remove the control groups of pods that ended with their cluster, once they are empty."""
    deadline = time.monotonic() + _END_S
    while True:
        try:
            for parent in Path("/sys/fs/cgroup").glob("*/kubepods"):
                folders = [one for one in parent.rglob("*") if one.is_dir()]
                for folder in [*sorted(folders, reverse=True), parent]:
                    folder.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if absent := programs.missing():
        sys.exit(absent)
    with running(Path(sys.argv[1])) as started:
        print(" ".join(started.kubectl()), flush=True)
        started.wait()
