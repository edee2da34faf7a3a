"""The arithmetic of the GPU measurements: loads, medians, partings, the simulation."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from benchmarks import gpu, gpu_job, gpu_lanes, gpu_scale, gpu_table, gpu_ties
from benchmarks.gpu_rows import ROWS, Load, named, row_parser, weights_parser


def test_a_load_is_read_as_it_is_written() -> None:
    load = Load("small", "300", 64, 2)
    assert Load.parse(str(load)) == load
    assert Load.parse("pages") == Load()
    with pytest.raises(ValueError, match="none of"):
        Load.parse("books")


def test_a_program_of_a_row_takes_several_loads() -> None:
    given = ["--out=f", "--name=n", "--load=pages,300,64,1", "--load=small,2000,8,2"]
    loads = [Load("pages", "300", 64, 1), Load("small", "2000", 8, 2)]
    for parser in (row_parser, weights_parser):
        assert parser("Doc.").parse_args(given).load == loads
        assert parser("Doc.").parse_args(given[:2]).load is None


def test_rows_are_chosen_by_name() -> None:
    assert named([]) == list(ROWS)
    assert [row.name for row in named(["bare"])] == ["bare"]
    with pytest.raises(ValueError, match="no rows"):
        named(["bear"])


def run(row: str, speed: float, tokens: str = "1000") -> dict[str, Any]:
    load = {"kind": "pages", "tokens": tokens, "pages": 8}
    rates = {"pages_per_s": speed, "tokens_per_s": 1000 * speed, "gpu_busy": 0.5}
    return {"row": row, "host": {"date": "2026-01-01"}, **load, **rates}


def test_each_part_has_a_row_alone_or_with_what_it_needs_and_one_without_it() -> None:
    names = {row.name for row in ROWS}
    for part in ("ngram", "encoder", "graphs", "compiled", "steps", "outputs"):
        assert f"all parts but {part}" in names
    (without,) = named(["all parts but steps"])
    assert without.settings["plugin_steps"] == "false"
    assert without.settings["plugin_encoder"] == "true"


def test_a_switch_of_the_job_is_a_flag_without_a_value() -> None:
    settings = [f"{name}={value}" for row in ROWS for name, value in row.settings.items()]
    assert "plugin_tiles=true" in settings
    assert gpu_job.flag("engine.vllm.plugin-tiles", "true") == "--engine.vllm.plugin-tiles"
    assert gpu_job.flag("engine.vllm.plugin-steps", "false") == "--no-engine.vllm.plugin-steps"
    assert gpu_job.flag("engine.vllm.max-num-seqs", "512") == "--engine.vllm.max-num-seqs=512"


def test_the_table_has_the_median_and_its_ratio_to_bare() -> None:
    runs = [run("bare", 4.0), *(run("ours", speed) for speed in (20.0, 8.0, 12.0))]
    table = gpu_table.render(runs)
    assert "| ours | pages | 1000 | 8 | 3 | 12.00 | 8.00 to 20.00 | 12000 | 50% | 3.00 |" in table


def test_a_length_is_compared_with_bare_at_that_length() -> None:
    runs = [run("bare", 4.0), run("bare", 2.0, "2000"), run("ours", 12.0, "2000")]
    runs.append(run("ours", 30.0, "300"))
    table = gpu_table.render(runs)
    assert "| ours | pages | 2000 | 8 | 1 | 12.00 | 12.00 to 12.00 | 12000 | 50% | 6.00 |" in table
    assert "| ours | pages | 300 | 8 | 1 | 30.00 | 30.00 to 30.00 | 30000 | 50% |  |" in table


def answer(ids: list[int], tops: list[dict[str, float]]) -> gpu_ties.Answer:
    return {"ids": ids, "tops": tops}


def test_a_parting_is_near_only_within_the_noise_before_it() -> None:
    first = answer([1, 2], [{"1": -1.0}, {"2": -1.0, "3": -1.25}])
    second = answer([1, 3], [{"1": -1.125}, {"3": -1.0, "2": -1.25}])
    found = gpu_ties.compare([first], [second])
    assert (found["near"], found["not near"], found["far"]) == (1, 0, 0)
    second["tops"][0]["1"] = -1.0625
    assert gpu_ties.compare([first], [second])["not near"] == 1
    del first["tops"][1]["3"]
    assert gpu_ties.compare([first], [second])["far"] == 1
    assert gpu_ties.compare([first], [first])["equal to the end"] == 1


def test_each_lane_has_a_gpu_and_an_equal_part_of_the_cores() -> None:
    first, second = gpu_lanes.lanes(2, {0, 1, 2, 5, 6, 7, 9})
    assert (first.gpu, first.cores) == (0, (0, 1, 2))
    assert (second.gpu, second.cores) == (1, (5, 6, 7))
    with pytest.raises(ValueError, match="1 cores are too few for 2 GPUs"):
        gpu_lanes.lanes(2, {0})


def test_a_row_on_a_lane_keeps_to_its_cores() -> None:
    (row,) = named(["job, 512 seats"])
    lane = gpu_lanes.Lane(1, (4, 5))
    command = gpu.command_of(row, "out.jsonl", "work", row.loads, lane)
    assert command[:3] == ["taskset", "--cpu-list", "4,5"]
    assert "--flag=ray.cpus=2" in command
    assert lane.environment() == {"CUDA_VISIBLE_DEVICES": "1"}
    assert "taskset" not in gpu.command_of(row, "out.jsonl", "work", row.loads)


def test_rows_side_by_side_are_never_two_on_one_gpu_and_failures_are_named() -> None:
    found = gpu_lanes.lanes(2, range(4))
    running: set[int] = set()
    order: list[str] = []
    both = threading.Barrier(2, timeout=30)

    def run(name: str, lane: gpu_lanes.Lane) -> bool:
        assert lane.gpu not in running
        running.add(lane.gpu)
        order.append(name)
        if name in ("a", "b"):
            both.wait()  # so both lanes are in use
        running.remove(lane.gpu)
        return name != "c"

    assert gpu_lanes.side_by_side(["a", "b", "c", "d"], found, run) == ["c"]
    assert sorted(order) == ["a", "b", "c", "d"]


def test_enough_cores_feed_every_gpu_and_too_few_do_not() -> None:
    times = gpu_scale.Times(cpu_ms=100, engine_ms=50, host_cores=2)
    assert gpu_scale.simulate(4, 64, times) == pytest.approx(80, rel=0.05)
    assert gpu_scale.simulate(4, 10, times) == pytest.approx(20, rel=0.05)
    assert gpu_scale.simulate(4, 8, times) == 0
