"""What a budget learns from refusals: how deep bursts may be, and what others take of the rate."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rate_limits import HALF_FORGOTTEN_SECONDS, FairBucket, SlidingWindow, TokenBucket
from bot.sandbox.rates import Bucket, Window

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS, MINUTE = 50, 60.0
TICK = 0.125


class Time:
    """A clock that moves when someone sleeps on it, or says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Replica:
    """Who has calls to make, and a budget of its own for them."""

    budget: TokenBucket
    to_do: int
    at_once: bool = True
    refusals: int = 0

    def look(self, server: Bucket | Window, now: float) -> None:
        """Make a call if it is its turn."""
        if not self.to_do:
            return
        if not self.budget.take("key"):
            self.at_once = False
            return
        if seconds := math.ceil(server.wait(now)):
            self.refusals += 1
            self.budget.refused("key", seconds, at_once=self.at_once)
        else:
            self.to_do -= 1
        self.at_once = True


@dataclass
class Office:
    """Replicas that share what one server allows; the time that all their calls took."""

    server: Bucket | Window
    time: Time = field(default_factory=Time)

    def work(self, replicas: list[Replica]) -> float:
        began = self.time.now
        while any(each.to_do for each in replicas):
            for each in replicas:
                each.look(self.server, self.time.now)
            self.time.now += TICK
        return self.time.now - began


def window(time: Time) -> SlidingWindow:
    return SlidingWindow(CALLS, MINUTE + 2, monotonic=time, sleep=time.sleep)


@given(depth=st.floats(1, CALLS), calls=st.integers(1, 200))
def test_how_deep_bursts_are_is_learned_from_a_few_refusals_and_costs_little_time(
    depth: float, calls: int
) -> None:
    office = Office(Bucket(CALLS / MINUTE, depth))
    one = Replica(window(office.time), calls)

    seconds = office.work([one])

    by_bucket = max(0.0, calls - depth) / CALLS * MINUTE
    by_window = (math.ceil(calls / CALLS) - 1) * (MINUTE + 2)
    assert one.refusals <= 5
    assert seconds <= max(by_bucket, by_window) * 1.2 + 10


@given(replicas=st.integers(2, 4), deep=st.floats(0.3, 1), calls=st.integers(20, 100))
def test_replicas_come_to_share_the_rate_of_which_none_of_them_knows_the_others_part(
    replicas: int, deep: float, calls: int
) -> None:
    office = Office(Bucket(CALLS / MINUTE, CALLS * deep))
    them = [Replica(window(office.time), calls) for _ in range(replicas)]

    seconds = office.work(them)

    assert all(each.refusals <= 20 for each in them)
    assert seconds <= max(0.0, calls * replicas - CALLS * deep) / CALLS * MINUTE * 1.7 + 60


@given(calls=st.integers(1, 300))
def test_where_the_documented_limit_is_the_limit_nothing_is_refused(calls: int) -> None:
    office = Office(Window(CALLS))
    one = Replica(window(office.time), calls)
    office.work([one])
    assert one.refusals == 0


@pytest.mark.parametrize("budget", [TokenBucket, FairBucket])
@given(at=st.integers(1, 20), burst=st.integers(1, 20), rest=st.floats(0, HALF_FORGOTTEN_SECONDS))
def test_after_a_refusal_no_more_go_at_once_than_went_before_it(
    budget: Callable[..., TokenBucket], at: int, burst: int, rest: float
) -> None:
    time = Time()
    calls = budget(0.001, burst, monotonic=time, sleep=time.sleep)
    made = 0
    while made < at and calls.take("key"):
        made += 1
    calls.refused("key", 1.0, at_once=True)
    assert not calls.take("key")

    time.now += rest
    again = 0
    while calls.take("another key"):
        again += 1

    # half of what came off is given back within the hour
    assert again <= max(1, made - 1 + math.ceil((burst - made + 1) / 2))
    if not rest:
        assert again == max(1, made - 1)


def test_what_was_refused_once_is_forgotten_within_a_day() -> None:
    time = Time()
    calls = SlidingWindow(10, 60.0, monotonic=time, sleep=time.sleep)
    calls.wait("key")
    calls.refused("key", 1.0, at_once=True)
    calls.refused("key", 1.0, at_once=True)
    time.now += 24 * HALF_FORGOTTEN_SECONDS
    began = time.now
    for _ in range(10):
        calls.wait("key")
    assert time.now == pytest.approx(began, abs=0.001)


def test_refusals_of_calls_that_were_under_way_together_are_one_lesson() -> None:
    time = Time()
    calls = TokenBucket(1.0, 10, monotonic=time, sleep=time.sleep)
    for _ in range(6):
        assert calls.take("key")
    for _ in range(3):
        calls.refused("key", 2.0, at_once=True)
    at_once = 0
    while calls.take("another key"):
        at_once += 1
    assert at_once == 5


@pytest.mark.parametrize(
    "budget", [lambda *of: SlidingWindow(2, 20.0, **of[0]), lambda *of: TokenBucket(0.1, **of[0])]
)
def test_whoever_had_a_turn_already_waits_out_a_refusal_too(budget: Callable[..., TokenBucket]) -> None:
    time = Time()
    began = time.now

    def sleep(seconds: float) -> None:
        time.now += seconds
        if time.now == pytest.approx(began + seconds):  # while it waits for its turn, another call is refused
            calls.refused("key", 30.0, at_once=False)

    calls = budget({"monotonic": time, "sleep": sleep})
    while calls.is_free("key"):
        calls.wait("key")
    calls.wait("key")
    assert time.now - began >= 30


def test_a_budget_that_learned_gives_its_turns_one_by_one() -> None:
    time = Time()
    calls = window(time)
    for _ in range(17):
        calls.wait("key")
    calls.refused("key", 2.0, at_once=True)
    moments = []
    for _ in range(6):
        calls.wait("key")
        moments.append(time.now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps == [pytest.approx((MINUTE + 2) / CALLS, rel=0.01)] * 5
