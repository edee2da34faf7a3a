"""Our own errors, found again in Ray's."""

from __future__ import annotations

import traceback

import pytest

from pipeline.errors import ConfigError, EngineError, JobError
from pipeline.job.ray_data.errors import own_error


def as_ray_sends_it(error: Exception) -> RuntimeError:
    try:
        raise RuntimeError("UDF failed to process a data block.") from error
    except RuntimeError as wrapped:
        return RuntimeError(
            "ray::MapWorker.submit()\n" + "".join(traceback.format_exception(wrapped))
        )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigError("set engine.vllm.family"), ConfigError),
        (JobError("the engine died 5 times"), JobError),
        (EngineError("vLLM did not start"), JobError),
    ],
)
def test_the_message_arrives_with_its_reaction(error: Exception, kind: type[Exception]) -> None:
    found = own_error(as_ray_sends_it(error))
    assert type(found) is kind
    assert str(found) == str(error)


def test_other_errors_stay_what_they_are() -> None:
    assert own_error(as_ray_sends_it(KeyError("pipeline.errors"))) is None
