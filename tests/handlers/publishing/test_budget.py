"""Pace: a budget of calls, spent at once or in turn; and the budgets that Slack documents."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.errors import ShuttingDown
from bot.rate_limits import FairBucket, SlidingWindow, TokenBucket
from handlers.publishing.budget import EDITS, FILES, POSTS_BURST, Budget


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


def pace(time: Time, per_second: float = 1.0, burst: int = 1) -> TokenBucket:
    return TokenBucket(per_second, burst, monotonic=time, sleep=time.sleep)


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
    posts = TokenBucket(1.0, monotonic=time, sleep=waited.append)
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


def test_a_process_that_stops_waits_for_no_turn() -> None:
    def stopping(seconds: float) -> None:
        raise ShuttingDown(f"The bot is stopping, not waiting for {seconds:.0f} s.")

    posts = TokenBucket(1.0, monotonic=Time(), sleep=stopping)
    posts.wait("C1")
    with pytest.raises(ShuttingDown):
        posts.wait("C1")


def quota(time: Time, calls: int, seconds: float) -> SlidingWindow:
    return SlidingWindow(calls, seconds, monotonic=time, sleep=time.sleep)


def test_a_quota_may_be_spent_at_once_and_never_more_of_it_in_any_such_time() -> None:
    time = Time()
    edits = quota(time, 50, 60.0)
    made: list[float] = []
    for number in range(200):
        edits.wait("")
        made.append(time())
        time.now += 0.3 * (number % 3)
    assert made[49] - made[0] < 20, "the first go at once"
    assert all(later - earlier >= 60.0 for earlier, later in zip(made, made[50:], strict=False))


def test_of_a_quota_each_key_has_its_own_and_one_can_ask_whether_it_is_spent() -> None:
    time = Time()
    files = quota(time, 2, 60.0)
    assert files.is_free("send")
    files.wait("send")
    files.wait("send")
    assert not files.is_free("send")
    assert files.is_free("share")
    time.now += 60.0
    assert files.is_free("send")
    assert time.slept == []


def test_whoever_comes_to_a_spent_quota_is_spread_over_the_next_ones() -> None:
    time = Time()
    waited: list[float] = []
    files = SlidingWindow(2, 60.0, monotonic=time, sleep=waited.append)
    for _ in range(6):
        files.wait("send")
    assert waited == [60.0, 60.0, 120.0, 120.0]


def test_what_may_be_left_out_leaves_as_many_as_are_owed() -> None:
    edits = quota(Time(), 10, 60.0)
    assert [edits.spare("", 7) for _ in range(5)] == [True] * 3 + [False] * 2


def test_a_pile_of_one_holds_up_nobody_else() -> None:
    all_wait = threading.Barrier(10, action=lambda: go.set())
    go = threading.Event()
    order: list[str] = []

    def sleep(seconds: float) -> None:
        if go.is_set():
            time.sleep(seconds)
        else:
            all_wait.wait()

    posts = FairBucket(20.0, monotonic=lambda: time.monotonic() if go.is_set() else 0.0, sleep=sleep)

    def post(who: str) -> None:
        posts.wait("C1", who)
        order.append(who)

    with ThreadPoolExecutor(11) as people:
        for who in ["alice"] * 10 + ["bob"]:  # the first need not wait
            people.submit(post, who)
    assert sorted(order) == ["alice"] * 10 + ["bob"]
    assert "bob" in order[:5]


def test_whoever_gives_up_waiting_leaves_the_turn_to_others() -> None:
    time = Time()

    def stopping(seconds: float) -> None:
        raise ShuttingDown(f"The bot is stopping, not waiting for {seconds:.0f} s.")

    posts = FairBucket(1.0, monotonic=time, sleep=stopping)
    posts.wait("C1", "alice")
    with pytest.raises(ShuttingDown):
        posts.wait("C1", "alice")
    time.now += 1
    posts.wait("C1", "bob")


def test_bursts_go_at_once_in_every_channel_and_for_every_method() -> None:
    waited: list[float] = []
    budget = Budget.of_slack(waited.append)
    for channel in ("C1", "C2"):
        for _ in range(POSTS_BURST):
            budget.posts.wait(channel)
    for _ in range(EDITS):
        budget.edits.wait("")
    for method in ("files.getUploadURLExternal", "files.completeUploadExternal"):
        for _ in range(FILES):
            budget.files.wait(method)
    assert waited == []
