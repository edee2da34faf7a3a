"""The results of `benchmarks.gpu` as Markdown."""

from __future__ import annotations

from typing import Any

_BARS = " .:-=+*#%@"


def render(results: dict[str, Any]) -> str:
    """All that was measured, newest last."""
    sections = [_host(results["host"])]
    if "bare" in results:
        sections.append(_speed(results["bare"], results.get("job", [])))
    if "job" in results:
        sections += [_steps(results["job"]), _busy(results)]
    if "startup" in results:
        sections.append(_startup(results["startup"]))
    return "\n\n".join(sections) + "\n"


def _host(host: dict[str, str]) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in host.items() if name != "date")
    return (
        f"# Measured on {host['date']}\n\n{facts}.\n\n"
        "Random weights in the real sizes: the times are those of the real model, the text is"
        " noise. Nobody could run the true weights here, so nothing is said about accuracy."
    )


def _speed(bare: list[dict[str, Any]], jobs: list[dict[str, Any]]) -> str:
    lines = [
        "## The job against bare vLLM",
        "",
        "| what | pages | s | pages/s | tokens/s | to bare | GPU busy | prompt tokens |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    reference = bare[-1]["pages_per_s"]
    for run in (*bare, *jobs):
        name = run.get("name", "bare `vllm.LLM`") + "".join(f" `{f}`" for f in run.get("flags", []))
        busy = "" if run["gpu_busy"] is None else f"{run['gpu_busy']:.0%}"
        lines.append(
            f"| {name} | {run['pages']} | {run['seconds']:.1f} | {run['pages_per_s']:.2f}"
            f" | {run['tokens_per_s']} | {run['pages_per_s'] / reference:.2f} | {busy}"
            f" | {run['prompt_tokens']} |"
        )
    return "\n".join(lines)


def _steps(jobs: list[dict[str, Any]]) -> str:
    names = list(jobs[-1]["ms"])
    lines = [
        "## Where a page's time goes",
        "",
        "Mean ms of a page. `input` is turning it into tensors (threads beside the event loop),"
        " `queue` waiting for a seat, `generate` all of the engine.",
        "",
        f"| run | {' | '.join(names)} | write |",
        f"| --- |{' ---: |' * (len(names) + 1)}",
    ]
    for run in jobs:
        cells = " | ".join(f"{run['ms'][name]:.1f}" for name in names)
        lines.append(f"| {run['name']} | {cells} | {run['write_ms']:.2f} |")
    shares = jobs[-1]["stages_busy"]
    busy = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return "\n".join([*lines, "", f"Busy share of each stage's workers, last run: {busy}."])


def _busy(results: dict[str, Any]) -> str:
    lines = ["## GPU busy over time", "", "A character for 5 s, from ` ` (idle) to `@` (busy)."]
    for run in (*results.get("bare", []), *results["job"]):
        bars = "".join(_bar(share) for share in run["busy"])
        lines.append(f"\n    {run.get('name', 'bare'):12} {bars}")
    return "\n".join(lines)


def _bar(share: float | None) -> str:
    return "?" if share is None else _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]


def _startup(runs: list[dict[str, Any]]) -> str:
    lines = ["## Starting", "", "| case | s |", "| --- | ---: |"]
    lines += [f"| {case} | {seconds} |" for case, seconds in runs[-1]["seconds"].items()]
    size = runs[-1]["cache_mib"]
    note = f"The cache is {size} MiB; `engine.vllm.cache_dir` keeps it."
    return "\n".join([*lines, "", note])
