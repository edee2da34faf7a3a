"""`.ci/run` with a `make` that only says what it was asked for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKE = """#!/bin/sh
echo "$1" >>"$FOLDER/asked"
echo "output of $1"
case "$PYTEST_ADDOPTS" in *--last-failed*) echo "once more $1"; [ -z "$TWICE" ] && exit 0 ;; esac
case "$1" in $FAILS) echo "reason of $1"; exit 2 ;; esac
"""
TARGETS = {"check", "test", "test-serve", "test-cluster", "test-vllm", "test-vllm-newest"}
AHEAD = {"vllm-environments"}


def run(
    folder: Path, fails: str = "nothing", twice: str = "yes"
) -> subprocess.CompletedProcess[str]:
    """Without KubeRay's CRDs and the programs of a cluster."""
    make = folder / "bin/make"
    make.parent.mkdir()
    make.write_text(MAKE)
    make.chmod(0o755)
    absent = str(folder / "absent")
    variables = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"} | {
        "PATH": f"{make.parent}{os.pathsep}{os.environ['PATH']}",
        "FOLDER": str(folder),
        "FAILS": fails,
        "TWICE": twice,
        "TMPDIR": str(folder),
        "RAYSCRIBE_CRDS": absent,
        "RAYSCRIBE_K8S": absent,
        "RAYSCRIBE_CACHE": str(folder / "cache"),
    }
    command = ["bash", str(ROOT / ".ci/run")]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().split()


def test_everything_is_run_once_and_shown_and_what_cannot_be_run_is_named(tmp_path: Path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(asked(tmp_path)) == sorted(TARGETS | AHEAD)
    for target in TARGETS:
        assert f"output of {target}\n" in done.stdout
    for target in ("test-k8s.", "test-k8s-live.", "test-k8s-live-faults."):
        assert f"NOT RUN: make {target}" in done.stderr
    assert "etcd, kube, coredns, kuberay-operator, kwok" in done.stderr, "and the reason"


@pytest.mark.parametrize("fails", ["test-serve", "test-vllm"])
def test_a_failure_is_the_last_thing_that_is_said_and_the_rest_is_run(tmp_path: Path, fails: str):
    done = run(tmp_path, fails)
    assert done.returncode == 1
    assert sorted(asked(tmp_path)) == sorted([*TARGETS, *AHEAD, fails])
    end = done.stdout.rpartition(f"==== FAILED: {fails};")[2]
    assert f"reason of {fails}\n" in end
    assert done.stderr.endswith(f"FAILED: {fails} \n")


def test_tests_that_fail_are_run_once_more(tmp_path: Path):
    done = run(tmp_path, "test-cluster", twice="")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reason of test-cluster\noutput of test-cluster\nonce more test-cluster\n" in done.stdout
    assert "make test-cluster passed at the second try after" in done.stdout


def test_what_could_not_be_prepared_is_left_to_its_target(tmp_path: Path):
    done = run(tmp_path, "vllm-environments")
    assert done.returncode == 0
    assert "Not prepared" in done.stdout


def test_nothing_is_run_after_a_failed_check(tmp_path: Path):
    assert run(tmp_path, "check").returncode != 0
    assert asked(tmp_path) == ["check"]
