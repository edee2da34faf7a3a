"""Several engines on one GPU."""

from __future__ import annotations

import multiprocessing
import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.vllm_plugin import sharing


def _start(folder: Path, name: str) -> None:
    with sharing.starting(folder):
        (folder / f"{name}-in").touch()
        time.sleep(0.3)
        (folder / f"{name}-out").touch()


def _fork_and_let_go(folder: Path) -> None:
    """An engine that leaves a process behind, forked while it started."""
    with sharing.starting(folder):
        multiprocessing.get_context("fork").Process(
            target=time.sleep, args=(20,), daemon=True
        ).start()
    (folder / "let-go").touch()
    time.sleep(20)


def _wait_for(path: Path, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} never came"
        time.sleep(0.02)


def test_engines_start_one_after_the_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names = ("a", "b", "c")
    processes = [context.Process(target=_start, args=(tmp_path, name)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    spans = sorted(
        ((tmp_path / f"{n}-in").stat().st_mtime, (tmp_path / f"{n}-out").stat().st_mtime)
        for n in names
    )
    for (_, ended), (began, _) in pairwise(spans):
        assert began >= ended


def test_a_forked_engine_holds_nobody_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    first = context.Process(target=_fork_and_let_go, args=(tmp_path,))
    first.start()
    try:
        _wait_for(tmp_path / "let-go")
        second = context.Process(target=_start, args=(tmp_path, "b"))
        second.start()
        _wait_for(tmp_path / "b-out")
        second.join(20)
    finally:
        first.terminate()
        first.join(20)


def test_the_receipt_says_how_engines_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "mps_runs", lambda: True)
    assert sharing.report(2) == {"gpu sharing": "2 engines on a GPU, together, by MPS"}
    monkeypatch.setattr(sharing, "mps_runs", lambda: False)
    assert "in turn: MPS is not running" in sharing.report(3)["gpu sharing"]
    assert sharing.report(1) == {}


def test_without_the_service_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert not sharing.mps_runs()
