from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.config import AuthConfig
from serving.errors import ApiError
from serving.http.rate_limit import ConcurrencyLimit, RateLimiter, TokenBuckets

START_S = 1_000_000.3  # a machine that has been up for days: where rounding is worst
PER_MINUTE = st.integers(1, 200)


class Clock:
    now_s = START_S

    def __call__(self) -> float:
        return self.now_s


def gate(**limits: int) -> tuple[RateLimiter, Clock]:
    clock = Clock()
    return RateLimiter(AuthConfig.model_validate(limits), clock), clock


def refusal(gate: RateLimiter, name: str) -> ApiError:
    with pytest.raises(ApiError) as caught, gate.admit(name):
        raise AssertionError("was admitted")
    assert caught.value.status == 429
    return caught.value


@given(PER_MINUTE, st.lists(st.floats(0, 30), max_size=120))
def test_no_window_admits_more_than_a_bucket_and_what_flows_in(per_minute: int, gaps: list[float]):
    rate, now_s, admitted = TokenBuckets(per_minute), START_S, []
    for gap_s in gaps:
        now_s += gap_s
        admitted += [now_s for _ in range(3) if rate.take("a", now_s) is None]
    for first, start_s in enumerate(admitted):
        for count, end_s in enumerate(admitted[first:], 1):
            assert count <= per_minute * (1 + (end_s - start_s) / 60) + 1e-3


@given(PER_MINUTE)
def test_a_new_caller_may_burst_to_the_limit_and_no_further(per_minute: int):
    rate = TokenBuckets(per_minute)
    assert [rate.take("a", START_S) for _ in range(per_minute)] == [None] * per_minute
    assert rate.take("a", START_S) == pytest.approx(60 / per_minute, abs=1e-3)
    assert rate.take("b", START_S) is None


@given(PER_MINUTE, st.integers(0, 300), st.floats(0, 100))
def test_the_wait_that_is_told_is_the_wait(per_minute: int, before: int, gap_s: float):
    rate = TokenBuckets(per_minute)
    for _ in range(before):
        rate.take("a", START_S)
    now_s = START_S + gap_s
    wait_s = rate.take("a", now_s)
    if wait_s is not None:
        assert 0 < wait_s <= 60
        assert rate.take("a", now_s + wait_s * 0.99 - 1e-3) is not None
        assert rate.take("a", now_s + wait_s + 1e-6) is None


def test_a_steady_caller_at_the_limit_is_never_turned_away():
    rate = TokenBuckets(7)
    assert all(rate.take("a", START_S + turn * 60 / 7) is None for turn in range(500))


def test_full_buckets_are_forgotten():
    rate = TokenBuckets(10)
    for turn in range(2000):
        rate.take(f"caller {turn}", START_S + turn)
        assert len(rate) <= 120
    assert len(rate) > 0


def test_a_bucket_that_is_not_full_outlives_the_sweep():
    rate = TokenBuckets(2)
    rate.take("other", START_S)
    assert [rate.take("a", START_S + 59) for _ in range(3)][:2] == [None, None]
    assert rate.take("other", START_S + 61) is None
    assert rate.take("a", START_S + 61) == pytest.approx(28)


def test_nothing_is_limited_by_default():
    assert all(TokenBuckets(0).take("a", START_S) is None for _ in range(5))
    free, _ = gate()
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(free.admit("a"))


@given(st.integers(0, 3), st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), max_size=60))
def test_slots_count_each_caller(limit: int, steps: list[tuple[bool, str]]):
    slots, held = ConcurrencyLimit(limit), {"a": 0, "b": 0}
    for takes, name in steps:
        if takes:
            assert slots.acquire(name) == (not limit or held[name] < limit)
            held[name] = min(held[name] + 1, limit or 1000)
        elif held[name]:
            slots.release(name)
            held[name] -= 1
        else:
            with pytest.raises(ValueError, match="no slot"):
                slots.release(name)
        assert len(slots) == sum(count > 0 for count in held.values())


def test_the_rate_is_a_429_that_says_when_to_come_back():
    limited, clock = gate(requests_per_minute=40)
    for _ in range(40):
        with limited.admit("a"):
            pass
    error = refusal(limited, "a")
    assert error.code == "rate_limit_exceeded"
    assert error.headers()["Retry-After"] == "2"
    clock.now_s += 2
    with limited.admit("a"):
        pass


def test_slots_are_a_429_and_cost_no_request():
    limited, _ = gate(concurrent_requests=1, requests_per_minute=2)
    with limited.admit("a"):
        for _ in range(5):
            error = refusal(limited, "a")
            assert error.code == "concurrency_limit_exceeded"
            assert error.retry_after_s == 1
        with limited.admit("b"):
            pass
    with limited.admit("a"):
        pass


def test_a_slot_comes_back_when_a_request_fails_or_is_over_the_rate():
    limited, clock = gate(concurrent_requests=1, requests_per_minute=1)
    with pytest.raises(KeyError), limited.admit("a"):
        raise KeyError
    assert refusal(limited, "a").code == "rate_limit_exceeded"
    clock.now_s += 60
    with limited.admit("a"):
        pass
