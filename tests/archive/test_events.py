"""An event is found once in whatever stands around it, and no bytes raise anything but a counted reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.archive import content, records
from bot.archive.content import NoLog
from bot.archive.events import Row, Unusable, find, fitted
from bot.archive.records import Tally

EVENT = {
    "eventTime": "2026-11-28T01:00:00Z",
    "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject",
    "eventID": "the one",
    "tlsDetails": {"tlsVersion": "TLSv1"},
}
QUIET = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

NAMES = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ["Records", "detail", "message", "Body", "_raw", "events", "type", "eventName", "resources", "a.b"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def around(draw: st.DrawFn, inner: Any) -> Any:
    """The value with something around it: an object, a list, or a text that holds it."""
    for _ in range(draw(st.integers(0, 6))):
        how = draw(st.sampled_from(["object", "list", "text", "prefix"]))
        if how == "object":
            others = draw(st.dictionaries(NAMES, ANY, max_size=3))
            inner = {**others, draw(NAMES.filter(lambda name: name.lower() not in SHOWN)): inner}
        elif how == "list":
            inner = [*draw(st.lists(ANY, max_size=2)), inner, *draw(st.lists(ANY, max_size=2))]
        else:
            inner = ("2026-11-28 host: " if how == "prefix" else "") + json.dumps(inner)
    return inner


SHOWN = {"eventtime", "eventsource", "eventname"}


def texts(stored: bytes) -> list[Any]:
    return [text if isinstance(text, bytes) else b"".join(text) for text in content.texts(iter([stored]))]


def read(stored: bytes) -> tuple[list[Row], Tally]:
    tally = Tally()
    return [row for text in texts(stored) for row in records.rows(records.split(text), tally)], tally


@QUIET
@given(around(EVENT))
def test_an_event_is_found_once_whatever_stands_around_it(whole: Any) -> None:
    found = find(json.loads(json.dumps(whole)), Counter())
    assert [fitted(each)[:2] for each in found] == [("2026-11-28T01:00:00Z", "the one")]


@QUIET
@given(around(EVENT), st.sampled_from(["", "\n", "\r\n", " "]), st.integers(1, 3))
def test_and_so_it_is_in_a_file(whole: Any, between: str, times: int) -> None:
    stored = (json.dumps(whole) + between) * times
    found, _ = read(stored.encode())
    assert [row[1] for row in found] == ["the one"] * times


@QUIET
@given(st.lists(around(EVENT), min_size=1, max_size=3), st.integers(1, 400))
def test_what_is_scanned_block_by_block_is_found_as_well(wholes: list[Any], size: int) -> None:
    stored = "\n".join(json.dumps(whole) for whole in wholes).encode()
    tally = Tally()
    blocks = (stored[at : at + size] for at in range(0, len(stored), size))
    found = list(records.rows(records.scan(blocks), tally))
    assert [row[1] for row in found] == ["the one"] * len(wholes)


@QUIET
@given(st.binary(max_size=300))
@example(b"\x1f\x8b")
@example(b"PK\x03\x04")
@example(b"PAR1")
@example(b"BZh9")
@example(b"\xfd7zXZ\x00")
@example(b"\x28\xb5\x2f\xfd\0\0")
@example(b"\0" * 257 + b"ustar")
@example(b"\xff\xfe{")
@example(gzip.compress(b""))
def test_any_bytes_give_events_or_a_reason(stored: bytes) -> None:
    found: list[Row] = []
    with suppress(Unusable, NoLog):
        found, _ = read(stored)
    assert found == []


TEXTS = ["eventTime", "eventName", "eventSource", "2026-11-28T01:00:00Z", "a"]
SIGNS = st.lists(
    st.sampled_from([*'{}[]",:\n\\1 ', "null", json.dumps(EVENT), *map(json.dumps, TEXTS)]), max_size=40
).map("".join)


@QUIET
@given(SIGNS, st.integers(1, 50))
def test_any_signs_give_events_or_counted_reasons(text: str, size: int) -> None:
    stored = text.encode()
    found, tally = read(stored) if stored else ([], Tally())
    assert all(row[0] for row in found)
    blocks = (stored[at : at + size] for at in range(0, len(stored), size))
    list(records.rows(records.scan(blocks), tally))
    assert all(why and count for why, count in tally.bad.items())


@QUIET
@given(st.lists(st.sampled_from(["good", "cut", "foreign", "other", "blank"]), max_size=12))
def test_good_lines_stand_whatever_lines_are_between(kinds: list[str]) -> None:
    made = {
        "good": json.dumps(EVENT),
        "cut": json.dumps(EVENT)[:50],
        "foreign": "# a remark",
        "other": '{"msg": "x"}',
        "blank": "",
    }
    found, tally = read("\n".join(made[kind] for kind in kinds).encode() + b"\n")
    count = Counter(kinds)
    assert len(found) == count["good"]
    if count["good"]:
        assert tally.bad.total() == count["cut"] + count["foreign"] + count["other"]


@pytest.mark.parametrize("size", [7, 64, 1_000])
def test_a_file_that_is_cut_anywhere_loses_one_record_at_most(size: int) -> None:
    whole = json.dumps({"Records": [EVENT | {"eventID": str(n)} for n in range(5)]}).encode()
    ends = [at for at in range(len(whole)) if whole[at : at + 1] == b"}" and whole[at - 1 : at] == b"}"]
    for cut in range(20, len(whole), size):
        found, tally = read(whole[:cut])
        assert len(found) == sum(end < cut for end in ends[:5])
        assert tally.bad.total() == 1
