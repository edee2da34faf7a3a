"""Where the time of a running engine goes: kernels on the GPU, functions of its Python."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

_RATE_HZ = 200
_SHOWN = 70


def arguments(folder: Path) -> dict[str, Any]:
    """What vLLM must be started with for `kernels`."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "profiler_config": {
            "profiler": "torch",
            "torch_profiler_dir": str(folder.absolute()),
            "torch_profiler_with_stack": False,
            "ignore_frontend": True,
        }
    }


async def kernels(llm: Any, folder: Path, seconds: float) -> str:
    """The table of kernels by time on the device, over some seconds of work."""
    await llm.start_profile()
    await asyncio.sleep(seconds)
    await llm.stop_profile()
    tables = sorted(folder.glob("profiler_out*.txt"))
    return "\n".join(table.read_text(encoding="utf-8") for table in tables)


async def functions(seconds: float, out: Path) -> list[tuple[str, float]]:
    """Functions of the engine core's main thread by their share of its time, callees included."""
    pid = next(
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "EngineCore" in child.name() or "EngineCore" in " ".join(child.cmdline())
    )
    command = ["py-spy", "record", "-p", str(pid), "-d", str(int(seconds)), "-r", str(_RATE_HZ)]
    command += ["-f", "raw", "-o", str(out), "--nonblocking"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    return shares(out.read_text(encoding="utf-8"))


def shares(stacks: str) -> list[tuple[str, float]]:
    """Shares of functions in py-spy's raw stacks: `outer;inner;… count` on each line."""
    within, total = Counter[str](), 0
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        if "run_busy_loop" not in frames:
            continue
        total += int(count)
        for frame in {part.split(" (")[0] + _file(part) for part in frames.split(";")}:
            within[frame] += int(count)
    return [(name, round(count / total, 4)) for name, count in within.most_common(_SHOWN)]


def _file(frame: str) -> str:
    inside = frame.rpartition("(")[2].partition(":")[0].rstrip(")")
    return f" {inside.rpartition('/')[2]}"
