"""Numbers, sizes, dates and lists are said the same everywhere."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bot import wording


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0.0 MB"), (12_000_000, "12.0 MB"), (100_000_000, "0.1 GB"), (1_234_500_000_000, "1,234.5 GB")],
)
def test_a_size_is_in_gigabytes_from_a_tenth_of_one_on(count: int, words: str) -> None:
    assert wording.size(count) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 7, "none"),
        (1, 2_000, "under 0.1 %"),
        (21, 1_000, "2.1 %"),
        (7, 7, "100.0 %"),
        (4_999, 5_000, "over 99.9 %"),
    ],
)
def test_a_share_never_rounds_to_nothing_or_to_all(part: int, whole: int, words: str) -> None:
    assert wording.share(part, whole) == words


def test_a_date_says_its_year_where_that_is_not_this_one() -> None:
    today = date(2026, 11, 23)
    assert wording.month_day(date(2026, 11, 1), today) == "1 Nov"
    assert wording.month_day(date(2025, 12, 31), today) == "31 Dec 2025"
    assert wording.month_day(date(2026, 11, 1), None) == "1 Nov 2026"
    assert wording.weekday_date(date(2026, 11, 22), today) == "Sun 22 Nov"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=59), "0 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_a_span_is_in_the_largest_unit_that_says_enough(length: timedelta, words: str) -> None:
    assert wording.span(length) == words


def test_a_list_ends_in_a_word_and_a_long_one_in_dots() -> None:
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(["a", "b"], "or") == "a or b"
    assert wording.first_of(["a", "b", "c"], 2) == "a, b, …"
    assert wording.first_of(["a", "b"], 2) == "a, b"
