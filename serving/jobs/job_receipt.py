"""The receipt of a job, as the batch job writes it."""

from __future__ import annotations

import resource
import time

from pipeline.config import Recipe
from pipeline.output import receipt
from pipeline.output.receipt import Receipt
from pipeline.output.totals import PlanSummary, Summary


def make(planned: PlanSummary, written: Summary, started_at: float, recipe: Recipe) -> Receipt:
    """The receipt of a job.

    Args:
        planned: What was wanted, and what had a row before.
        written: Sums of the shards that this process wrote.
        started_at: When this process began with it, Unix time in seconds.
        recipe: How pages were read.
    """
    elapsed_s = time.time() - started_at
    return receipt.make(
        plan=planned,
        written=written,
        stages={},
        files_left_out={},
        wall_s=elapsed_s,
        run_s=elapsed_s,
        started_at=started_at,
        driver_peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        gpus_per_engine=0.0,
        gpu_hour_price=0.0,
        recipe_hash=recipe.hash(),
        recipe=recipe.model_dump(mode="json"),
    )
