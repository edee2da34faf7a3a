"""What a job cost, from its receipt."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.output.report.cost import costs

RECEIPT: dict[str, Any] = {
    "rows": {"ok": 900, "failed": 100},
    "run_s": 100.0,
    "wall_s": 200.0,
    "pages_per_s": 10.0,
    "busy": {"render": 0.5, "recognise": 1.0},
    "workers": {"plan": 1, "render": 4, "recognise": 2},
    "gpu": None,
}


def test_without_prices_there_are_worker_seconds_alone() -> None:
    found = costs(RECEIPT)
    assert found is not None
    assert [(stage.name, stage.worker_s) for stage in found.stages] == [
        ("render", 200),
        ("recognise", 200),
    ]
    assert found.cost_per_million is None
    assert found.wall_cost_per_million is None


def test_a_busy_worker_costs_a_cpu() -> None:
    found = costs(RECEIPT, cpu_hour_price=0.36)
    assert found is not None
    # 200 worker-seconds for 1,000 pages, at 0.0001 a second
    assert [stage.cost_per_million for stage in found.stages] == [pytest.approx(20)] * 2
    assert found.cost_per_million == pytest.approx(40)
    # 6 workers for 200 s
    assert found.wall_cost_per_million == pytest.approx(120)


def test_engines_with_gpus_cost_their_gpus() -> None:
    found = costs(RECEIPT | {"gpu": {"gpus": 4.0}}, gpu_hour_price=3.6)
    assert found is not None
    # 2 engines with 2 GPUs each: 400 GPU-seconds at 0.001
    assert found.stages[1].cost_per_million == pytest.approx(400)
    assert found.stages[0].cost_per_million is None
    assert found.wall_cost_per_million == pytest.approx(800)


def test_a_run_without_rows_has_no_costs() -> None:
    assert costs(RECEIPT | {"rows": {}}) is None
