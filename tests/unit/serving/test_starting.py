"""What is said while the service starts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from serving import starting


@pytest.mark.parametrize(
    ("states", "message", "said"),
    [
        ({}, "", "Ocr (no replica)"),
        ({"STARTING": 1, "RUNNING": 0}, "", "Ocr (1 starting)"),
        ({"STARTING": 1}, "no GPU\nmore", "Ocr (1 starting; no GPU)"),
    ],
)
def test_a_deployment_that_is_not_ready(states: dict[str, int], message: str, said: str) -> None:
    deployment: Any = SimpleNamespace(replica_states=states, message=message)
    assert starting.describe("Ocr", deployment) == said


def test_each_change_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(["Waiting for Serve.", "Waiting for Serve.", "", "Waiting for Ocr."])
    monkeypatch.setattr(starting, "_POLL_S", 0.01)
    said: list[str] = []

    def state(app: str) -> str:
        return next(lines, "Waiting for Ocr.")

    monkeypatch.setattr(starting, "_waits_for", state)
    with starting.reported("rayscribe", said.append):
        while len(said) < 2:
            pass
    assert said == ["Waiting for Serve.", "Waiting for Ocr."]
