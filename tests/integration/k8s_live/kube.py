"""The cluster under test, spoken to by kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from k8s import render
from tests.integration.k8s.manifests import Loader, Manifest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


LABELS = {"cluster": "ray.io/cluster", "node": "ray.io/node-type", "service": "rayscribe/service"}
"""Labels of Ray's pods, by the keywords of `Kube.get`."""


class NotInTimeError(AssertionError):
    """What was waited for did not come."""


@dataclass(frozen=True)
class Kube:
    """A cluster.

    Attributes:
        prefix: The command line of kubectl for it.
        namespace: Where commands look if they name no other one.
    """

    prefix: tuple[str, ...]
    namespace: str = "default"

    def within(self, namespace: str) -> Kube:
        return Kube(self.prefix, namespace)

    def command(self, *arguments: str) -> list[str]:
        return [*self.prefix, f"--namespace={self.namespace}", *arguments]

    def run(self, *arguments: str, text: str | None = None, timeout_s: float = 300) -> str:
        """Run kubectl, which has to succeed, and return what it printed."""
        done = self.tried(*arguments, text=text, timeout_s=timeout_s)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def tried(
        self, *arguments: str, text: str | None = None, timeout_s: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, which may fail."""
        return subprocess.run(
            self.command(*arguments),
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def get(self, kind: str, name: str = "", **labels: str) -> Any:
        """An object, or a list of those with the labels."""
        selector = ",".join(f"{LABELS[key]}={value}" for key, value in labels.items())
        words = ["get", kind, *([name] if name else [f"--selector={selector}"]), "--output=json"]
        found = json.loads(self.run(*words))
        return found if name else found["items"]

    def apply(self, objects: list[Manifest], *flags: str) -> None:
        """Apply as the README does: on the server's side."""
        self._of_objects(objects, "apply", "--server-side", "--force-conflicts", *flags)

    def delete(self, objects: list[Manifest], *flags: str) -> None:
        """Delete, and wait until they are gone, unless a flag says not to; namespaces stay."""
        kept = [one for one in objects if one["kind"] != "Namespace"]
        self._of_objects(kept, "delete", "--ignore-not-found", "--timeout=400s", *flags)

    def _of_objects(self, objects: list[Manifest], *words: str) -> None:
        """Objects that name a namespace keep it, and kubectl refuses another one beside it."""
        says_where = any("namespace" in one["metadata"] for one in objects)
        command = [*self.prefix, *words, "-f", "-"] if says_where else self.command(*words, "-f-")
        text = yaml.safe_dump_all(objects)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=420, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"

    def pods(self, **labels: str) -> list[Manifest]:
        """Pods that are not about to end."""
        found = self.get("pods", **labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def patch(self, kind: str, name: str, change: Manifest) -> None:
        """Change some fields of an object, as `kubectl edit` would."""
        self.run("patch", kind, name, "--type=merge", "--patch", json.dumps(change))

    def events(self, name: str) -> str:
        """What `kubectl describe` says of an object, one event a line."""
        field = f"--field-selector=involvedObject.name={name}"
        return self.run("get", "events", field, "--output=custom-columns=:.reason,:.message")

    def client(self, program: str, *arguments: str, timeout_s: float = 400) -> str:
        """Run a Python program of this folder in the client pod of namespace `default`."""
        source = (HERE / program).read_text(encoding="utf-8")
        words = ("exec", "--stdin", "client", "--", "python", "-", *arguments)
        return self.within("default").run(*words, text=source, timeout_s=timeout_s)

    def client_started(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a program in the client pod and go on; its result is its output."""
        words = ("exec", "client", "--", "python", "-c", (HERE / program).read_text(), *arguments)
        command = self.within("default").command(*words)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(done: Callable[[], Any], what: str, timeout_s: float = 300) -> Any:
    """Poll until `done` returns something true, and return it.

    Raises:
        NotInTimeError: It did not.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := done()):
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.5)
    return found


def overlay(name: str) -> list[Manifest]:
    """The objects of an overlay, as `kubectl apply -k` would send them; a copy to change."""
    return [one for one in yaml.load_all(render.kustomize(name), Loader) if one]


def named_cluster() -> Kube | None:
    """The cluster that KUBECONFIG names, if it does."""
    return Kube((render.kubectl(),)) if os.environ.get("KUBECONFIG") else None
