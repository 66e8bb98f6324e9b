"""What one person may do, and what they are told beyond it."""

from __future__ import annotations

import pytest

from bot.app.limits import Limits, TooMuch


def test_what_is_more_than_anyone_needs_is_told_in_words() -> None:
    now = 0.0
    limits = Limits(questions=2, forms=1, characters=100, monotonic=lambda: now)
    limits.take("question", "bob")
    limits.take("question", "bob")
    limits.take("form", "bob")
    with pytest.raises(TooMuch, match=r"That is more than 2 questions a minute\. Try again in a minute\."):
        limits.take("question", "bob")
    with pytest.raises(TooMuch, match=r"That is more than 1 form a minute\."):
        limits.take("form", "bob")
    limits.take("question", "amy")
    with pytest.raises(TooMuch, match=r"That is 101 characters long, and I read 100 at most\."):
        limits.check_length("x" * 101)
    now = 61.0
    limits.take("question", "bob")


def test_without_limits_there_are_none() -> None:
    for _ in range(1_000):
        Limits().take("question", "bob")
    Limits().check_length("x" * 100_000)
