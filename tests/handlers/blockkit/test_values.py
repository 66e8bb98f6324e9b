"""What buttons and forms carry comes back as it was, and nothing else passes for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from handlers.blockkit.values import (
    AskPlace,
    AsView,
    Confirmed,
    DigestForm,
    OfDigest,
    OfFinding,
    OfRun,
    SnoozeForm,
    Words,
    decode,
    encode,
)

texts = st.text(st.characters(codec=None), max_size=60)
numbers = st.integers(0, 2**31)
threads = st.none() | texts
VALUES = st.one_of(
    st.builds(OfRun, texts),
    st.builds(AsView, texts, texts),
    st.builds(Words, texts),
    st.builds(Confirmed, texts, st.booleans(), threads),
    st.builds(OfDigest, numbers),
    st.builds(OfFinding, numbers, texts),
    st.builds(AskPlace, texts, threads),
    st.builds(DigestForm, st.none() | numbers, texts),
    st.builds(SnoozeForm, numbers, texts, texts, threads),
)


@given(VALUES)
def test_a_value_comes_back_as_it_was_and_slack_has_nothing_to_escape(value: object) -> None:
    text = encode(value)
    assert decode(type(value), text) == value
    assert not set("&<>") & set(text)


@pytest.mark.parametrize(
    ("posted", "value"),
    [
        ("209f509f", OfRun("209f509f")),
        ("4063082c key-exchange", AsView("4063082c", "key-exchange")),
        ("last 7d agent=a&amp;b", Words("last 7d agent=a&b")),
        (" ", Words("")),
        ("usual - last 7d", Confirmed("last 7d", fresh=False, reply_to=None)),
        ("anew 17.5 last 7d host=&lt;x&gt;", Confirmed("last 7d host=<x>", fresh=True, reply_to="17.5")),
        ("12", OfDigest(12)),
        ("5 7211b2017f09f378", OfFinding(5, "7211b2017f09f378")),
        ('{"channel": "C_RANDOM", "reply_to": null}', AskPlace("C_RANDOM")),
        ('{"digest": null, "channel": "C_ONCALL"}', DigestForm(None, "C_ONCALL")),
        (
            '{"digest": 5, "finding": "72", "channel": "C1", "thread": "1.2"}',
            SnoozeForm(5, "72", "C1", "1.2"),
        ),
    ],
)
def test_what_version_2_posted_is_read(posted: str, value: object) -> None:
    assert decode(type(value), posted) == value


def test_words_that_look_like_a_value_were_typed_so_in_version_2() -> None:
    assert decode(Words, '{"txt": 1}') == Words('{"txt": 1}')


@pytest.mark.parametrize(
    ("kind", "forged"),
    [
        (OfDigest, "one"),
        (OfDigest, '{"digest":"1"}'),
        (OfDigest, '{"digest":true}'),
        (OfFinding, "²  7"),
        (Confirmed, "last 7d"),
        (Confirmed, '{"text":"last 7d","fresh":1,"reply_to":null}'),
        (SnoozeForm, "{"),
        (DigestForm, '{"a":' + "[" * 1_900),
    ],
)
def test_what_is_no_value_says_that_the_button_is_too_old(kind: type[Any], forged: str) -> None:
    with pytest.raises(UserError, match=r"That button is too old\. Ask again\."):
        decode(kind, forged)
