"""What a job cost, from its receipt. Pure.

A worker that is busy counts as one CPU, or as the GPUs that an engine reserves. Worker-seconds of a
stage are its busy share times its workers times the time for the pages: start and waiting are not
in them. The cost by the clock is that of all workers for the whole job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_MILLION: Final = 1e6
_ENGINE: Final = "recognise"


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage cost.

    Attributes:
        name: The stage.
        workers: Its workers.
        busy: Share of the time that they were busy, 0 to 1.
        worker_s: Seconds that workers were busy, all together.
        cost_per_million: Of a million pages, in the currency of the prices; None without one.
    """

    name: str
    workers: int
    busy: float
    worker_s: float
    cost_per_million: float | None


@dataclass(frozen=True, slots=True)
class Costs:
    """What the last run of an output cost.

    Attributes:
        pages: Rows that it wrote.
        wall_s: Seconds of the whole job.
        run_s: Seconds for the pages.
        pages_per_s: Rows by `run_s`.
        stages: By stage.
        cost_per_million: Of a million pages, the sum of the stages; None without a price.
        wall_cost_per_million: The same by the wall clock for its GPUs and CPU workers.
    """

    pages: int
    wall_s: float
    run_s: float
    pages_per_s: float
    stages: tuple[StageCost, ...]
    cost_per_million: float | None
    wall_cost_per_million: float | None


def costs(
    receipt: Mapping[str, Any], gpu_hour_price: float = 0.0, cpu_hour_price: float = 0.0
) -> Costs | None:
    """Compute the costs of a run.

    Args:
        receipt: The content of `receipt.json`.
        gpu_hour_price: Of one GPU for an hour, 0 where it is not known.
        cpu_hour_price: Of one CPU for an hour, 0 where it is not known.

    Returns:
        None where the run wrote no rows.
    """
    pages = sum(receipt["rows"].values())
    if not pages:
        return None
    run_s, workers = float(receipt["run_s"]), receipt["workers"]
    gpus = float((receipt["gpu"] or {}).get("gpus") or 0)
    stages, hourly = [], 0.0
    for name, busy in receipt["busy"].items():
        count = int(workers.get(name, 0))
        takes_gpus = name == _ENGINE and gpus > 0
        price = gpu_hour_price * gpus / count if takes_gpus and count else cpu_hour_price
        worker_s = busy * count * run_s
        cost = price * worker_s / 3600 / pages * _MILLION if price else None
        stages.append(StageCost(name, count, busy, worker_s, cost))
        hourly += price * count
    known = [stage.cost_per_million for stage in stages if stage.cost_per_million is not None]
    wall_s = float(receipt["wall_s"])
    wall = hourly * wall_s / 3600 / pages * _MILLION if hourly else None
    pages_per_s = float(receipt["pages_per_s"])
    total = sum(known) if known else None
    return Costs(pages, wall_s, run_s, pages_per_s, tuple(stages), total, wall)
