"""Asking again, and formats and pages of lists."""

from __future__ import annotations

import pytest

from serving.errors import ApiError
from serving.jobs import listing, patience
from serving.jobs.results import ResultFormat, choose
from serving.jobs.store import Kind, key_at


async def answered(monkeypatch: pytest.MonkeyPatch, *errors: ApiError) -> int:
    """How often it was asked, until it was answered."""
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)
    left, asked = list(errors), 0

    async def attempt() -> int:
        nonlocal asked
        asked += 1
        if left:
            raise left.pop(0)
        return asked

    return await patience.patiently(attempt)


async def test_a_busy_or_starting_model_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, cold = ApiError(429, "queue_full", ""), ApiError(503, "model_cold", "")
    assert await answered(monkeypatch, *[busy, cold] * 20) == 41


async def test_a_wrong_request_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError, match="wrong"):
        await answered(monkeypatch, ApiError(400, "invalid_value", "wrong"))


async def test_a_page_that_ends_replicas_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    died = ApiError(503, "replica_died", "died")
    assert await answered(monkeypatch, died, died) == 3
    with pytest.raises(ApiError, match="died"):
        await answered(monkeypatch, died, died, died)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("*/*", ResultFormat.JSON),
        ("", ResultFormat.JSON),
        ("application/json", ResultFormat.JSON),
        ("text/markdown, */*;q=0.1", ResultFormat.MARKDOWN),
        ("text/html, application/x-ndjson;q=0.9", ResultFormat.NDJSON),
        ("application/vnd.apache.parquet", ResultFormat.PARQUET),
    ],
)
def test_the_format_is_what_accept_names_first(accept: str, wanted: ResultFormat) -> None:
    assert choose(accept) is wanted


def test_a_format_that_there_is_not_is_refused() -> None:
    with pytest.raises(ApiError) as error:
        choose("text/html")
    assert error.value.status == 406


def test_a_list_begins_after_an_id() -> None:
    keys = [key_at("o", Kind.JOB, at, "0" * 16) for at in range(5)]
    assert listing.page(keys, "", 2) == ([keys[4], keys[3]], True)
    assert listing.page(keys, keys[1].id, 2) == ([keys[0]], False)
    assert listing.page(keys, keys[1].id, 3, newest_first=False) == (keys[2:], False)
    with pytest.raises(ApiError, match="nothing with this id"):
        listing.page(keys, "job-x", 2)


class Clock:
    """A clock that goes on by so many seconds whenever it is asked."""

    def __init__(self, step_s: float) -> None:
        self.now_s, self._step_s = 0.0, step_s

    def __call__(self) -> float:
        self.now_s += self._step_s
        return self.now_s


async def test_a_model_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_FIRST_PAUSE_S", 0.0)
    waited, asked = list[float](), 0
    limit = patience.Patience(35.0, 0.0, waited.append, Clock(10.0))

    async def attempt() -> None:
        nonlocal asked
        asked += 1
        raise ApiError(503, "model_cold", "no replica")

    with pytest.raises(patience.ModelUnavailableError, match=r"35 s .*model_wait_s.*no replica"):
        await patience.patiently(attempt, limit)
    assert (asked, waited) == (4, [10.0, 20.0, 30.0, 40.0])


def test_each_page_begins_the_wait_anew_and_a_restart_does_not() -> None:
    error, waited = ApiError(429, "queue_full", ""), list[float]()
    limit = patience.Patience(25.0, 0.0, waited.append, Clock(10.0))
    for _ in range(5):
        limit.check(error)
        limit.begin_anew()
    restarted = patience.Patience(25.0, 20.0, waited.append, Clock(10.0))
    with pytest.raises(patience.ModelUnavailableError):
        restarted.check(error)
