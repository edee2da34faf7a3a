"""The results of `benchmarks.gpu` as Markdown: medians, spread, ratio to bare vLLM."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

_BARS = " .:-=+*#%@"
_REFERENCE = "bare"

Key = tuple[str, str, str, int]
"""Row, kind, tokens, pages."""


def render(results: Sequence[dict[str, Any]]) -> str:
    """All that was measured, in its order."""
    sections = [_host(results[-1]["host"]), _speed(_grouped(results))]
    jobs = [run for run in results if "ms" in run]
    if jobs:
        sections += [_steps(jobs), _busy(jobs)]
    return "\n\n".join(sections) + "\n"


def _grouped(results: Sequence[dict[str, Any]]) -> dict[Key, list[dict[str, Any]]]:
    groups: dict[Key, list[dict[str, Any]]] = {}
    for run in results:
        groups.setdefault((run["row"], run["kind"], run["tokens"], run["pages"]), []).append(run)
    return groups


def _host(host: dict[str, str]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in host.items() if name != "date")
    return f"# Measured on {host['date']}\n\n{facts}."


def _speed(groups: dict[Key, list[dict[str, Any]]]) -> str:
    lines = [
        "| row | load | tokens | pages | runs | pages/s, median | least to most | tokens/s"
        " | GPU busy | to bare |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    bare = {key[1:3]: _median(runs) for key, runs in groups.items() if key[0] == _REFERENCE}
    for (row, kind, tokens, pages), runs in groups.items():
        speeds = [run["pages_per_s"] for run in runs]
        same = bare.get((kind, tokens))
        ratio = f"{_median(runs) / same:.2f}" if same else ""
        lines.append(
            f"| {row} | {kind} | {'1' if kind == 'prefill' else tokens} | {pages} | {len(runs)}"
            f" | {_median(runs):.2f} | {min(speeds):.2f} to {max(speeds):.2f}"
            f" | {_median(runs, 'tokens_per_s'):.0f} | {_share(runs)} | {ratio} |"
        )
    return "\n".join(lines)


def _median(runs: Sequence[dict[str, Any]], name: str = "pages_per_s") -> float:
    return statistics.median(run[name] for run in runs)


def _share(runs: Sequence[dict[str, Any]]) -> str:
    shares = [run["gpu_busy"] for run in runs if run["gpu_busy"] is not None]
    return f"{statistics.median(shares):.0%}" if shares else ""


def _steps(jobs: Sequence[dict[str, Any]]) -> str:
    names = list(jobs[-1]["ms"])
    lines = [
        "## Where a page's time goes in the job",
        "",
        "Mean ms of a page. `input` is turning it into tensors (threads beside the event loop),"
        " `queue` waiting for a seat, `generate` all of the engine.",
        "",
        f"| run | {' | '.join(names)} | write |",
        f"| --- |{' ---: |' * (len(names) + 1)}",
    ]
    for run in jobs:
        cells = " | ".join(f"{run['ms'][name]:.1f}" for name in names)
        lines.append(f"| {run['row']}, {run['repeat']} | {cells} | {run['write_ms']:.2f} |")
    shares = jobs[-1]["stages_busy"]
    busy = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return "\n".join([*lines, "", f"Busy share of each stage's workers, last run: {busy}."])


def _busy(jobs: Sequence[dict[str, Any]]) -> str:
    lines = ["GPU busy over time, a character for 5 s, from ` ` (idle) to `@` (busy):"]
    for run in jobs:
        bars = "".join(_bar(share) for share in run["busy"])
        lines.append(f"\n    {run['row']}, {run['repeat']}  {bars}")
    return "\n".join(lines)


def _bar(share: float | None) -> str:
    return "?" if share is None else _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]
