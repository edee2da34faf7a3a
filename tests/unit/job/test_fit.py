from __future__ import annotations

import pytest

from pipeline.config import OcrOptions
from pipeline.errors import ConfigError
from pipeline.job.ray_data import fit


def options(**engine: object) -> OcrOptions:
    return OcrOptions.model_validate({"output": "out", "engine": engine})


def test_a_job_on_one_cpu_has_room_for_its_workers_and_leaves_some_for_tasks():
    one = options(kind="onnx")
    assert fit.check(one, [{"CPU": 1.0}], is_own=True) == ""
    left = 1 - one.stages.render_cpus - 0.7
    assert fit.task_cpus(one, 1) == pytest.approx(left)
    assert fit.task_cpus(one, 8) == one.stages.write_cpus
    assert fit.task_cpus(options(kind="onnx", onnx={"threads": 4}), 2) == 0


def test_an_engine_that_finds_no_room_is_told_before_anything_waits_for_it():
    four = options(kind="onnx", onnx={"threads": 4})
    with pytest.raises(ConfigError, match=r"reserves 2\.8 CPUs .*engine\.onnx\.threads.*ray\.cpus"):
        fit.check(four, [{"CPU": 3.0}], is_own=True)
    assert fit.check(four, [{"CPU": 3.1}], is_own=True) == ""


def test_a_cluster_may_get_a_machine_with_room():
    gpu = options(kind="vllm", vllm={"model": "m", "num_gpus": 2})
    machines = [{"CPU": 64.0}, {"CPU": 8.0, "GPU": 1.0}]
    said = fit.check(gpu, machines, is_own=False)
    assert "0.7 CPUs and 2 GPUs, which no machine of the cluster has" in said
    assert fit.check(gpu, [*machines, {"CPU": 1.0, "GPU": 2.0}], is_own=False) == ""
