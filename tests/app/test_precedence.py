"""Precedence: runs wait for questions that are being taken, but not for ever."""

from __future__ import annotations

from bot.app.precedence import HOLD_SECONDS, QUIET_SECONDS, Precedence


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_runs_begin_at_once_where_nobody_asks() -> None:
    assert Precedence(Watch()).seconds() == 0


def test_runs_wait_while_a_question_is_taken_and_until_it_is_quiet() -> None:
    watch = Watch()
    precedence = Precedence(watch)
    with precedence:
        assert precedence.seconds() > 0
        watch.seconds += 2 * QUIET_SECONDS
        assert precedence.seconds() > 0
    assert precedence.seconds() > 0
    watch.seconds += 2 * QUIET_SECONDS
    assert precedence.seconds() == 0


def test_runs_begin_though_questions_keep_coming() -> None:
    watch = Watch()
    precedence = Precedence(watch)
    began = watch.seconds
    while precedence.seconds() or watch.seconds == began:
        with precedence:
            watch.seconds += QUIET_SECONDS / 2
    assert HOLD_SECONDS <= watch.seconds - began < HOLD_SECONDS + QUIET_SECONDS


def test_a_later_flood_goes_before_runs_again() -> None:
    watch = Watch()
    precedence = Precedence(watch)
    with precedence:
        watch.seconds += 2 * HOLD_SECONDS
        assert precedence.seconds() == 0
    watch.seconds += 2 * QUIET_SECONDS
    with precedence:
        assert precedence.seconds() > 0
