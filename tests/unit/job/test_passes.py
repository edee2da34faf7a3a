from __future__ import annotations

import pytest

from pipeline.job.passes import shared_gpu


@pytest.mark.parametrize(("gpus", "engines"), [(0.5, "2"), (0.3, "3"), (0.2, "5")])
def test_the_job_says_how_many_engines_share_a_gpu(gpus: float, engines: str):
    assert shared_gpu(gpus).startswith(f"{engines} engines share a GPU")


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_engines_with_gpus_of_their_own_need_no_word(gpus: float):
    assert shared_gpu(gpus) == ""
