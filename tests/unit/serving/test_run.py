"""How the service stops, without Ray."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.errors import ConfigError
from serving import run
from serving.config import JobConfig, ServeConfig
from serving.jobs.webhook import VARIABLE
from tests.support.job_process import free_port


class Answers:
    """Running answers: they end when they are cut off, or by themselves after a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_cut = threading.Event()

    def drain(self, grace_s: float) -> int:
        if grace_s == 0:
            self.is_cut.set()
            return 2
        self.is_cut.wait(min(grace_s, self.seconds))
        return 0 if self.is_cut.is_set() or self.seconds <= grace_s else 2


def ended(answers: Answers, grace_s: float, cut: threading.Event) -> list[str]:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_drain", answers.drain)
        run.end_answers(grace_s, said.append, cut)
    return said


def test_answers_that_finish_in_time_are_waited_for() -> None:
    [said] = ended(Answers(0.2), 30, threading.Event())
    assert "get 30 s to finish" in said


def test_answers_that_do_not_finish_are_told() -> None:
    _, said = ended(Answers(30), 0.2, threading.Event())
    assert said == "2 answers were not finished and ended with an error."


def test_a_second_signal_ends_them_at_once() -> None:
    cut = threading.Event()
    threading.Timer(0.3, cut.set).start()
    begin = time.monotonic()
    _, said = ended(Answers(30), 30, cut)
    assert time.monotonic() - begin < 10
    assert said == "2 answers were not finished and ended with an error."


def test_a_wrong_secret_of_webhooks_is_said_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "no secret")
    http, metrics = {"port": free_port()}, {"port": 0}
    run.check(ServeConfig.model_validate({"http": http, "metrics": metrics}))
    with pytest.raises(ConfigError, match=f"{VARIABLE}: write whsec_"):
        run.check(ServeConfig(job=JobConfig(folder="jobs")))
