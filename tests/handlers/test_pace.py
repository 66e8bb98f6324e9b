"""Pace: a budget of calls, spent at once or in turn."""

from __future__ import annotations

from handlers.pace import Pace


class Time:
    """A clock that moves only when someone sleeps on it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pace(time: Time, per_second: float = 1.0, burst: int = 1) -> Pace:
    return Pace(per_second, burst, monotonic=time, sleep=time.sleep)


def test_the_first_calls_go_at_once_and_later_ones_wait_their_turn() -> None:
    time = Time()
    posts = pace(time, 2.0, 3)
    for _ in range(5):
        posts.wait("C1")
    assert time.slept == [0.5, 0.5]


def test_every_key_has_a_budget_of_its_own() -> None:
    time = Time()
    posts = pace(time)
    posts.wait("C1")
    posts.wait("C2")
    assert time.slept == []


def test_a_rest_fills_the_budget_and_never_over_its_brim() -> None:
    time = Time()
    posts = pace(time, 1.0, 2)
    posts.wait("C1")
    posts.wait("C1")
    time.now += 1_000
    for _ in range(3):
        posts.wait("C1")
    assert time.slept == [1.0]


def test_callers_that_come_together_are_spread_out() -> None:
    time = Time()
    waited: list[float] = []
    posts = Pace(1.0, monotonic=time, sleep=waited.append)
    for _ in range(4):
        posts.wait("C1")
    assert waited == [1.0, 2.0, 3.0]


def test_what_may_be_left_out_leaves_a_reserve_for_what_must_be_said() -> None:
    time = Time()
    edits = pace(time, 1.0, 10)
    assert [edits.spare("") for _ in range(8)] == [True] * 6 + [False] * 2
    for _ in range(4):
        edits.wait("")
    assert time.slept == []
