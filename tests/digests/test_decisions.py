"""What was decided about a finding, as digests tell it from then on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

import pytest

from bot.digests.changes import Comparison, Period, Seen, compare
from bot.digests.decisions import Assignment, Decision
from bot.digests.finding import Change, Finding, Snooze, from_builtins, to_builtins

MONDAY: Final = date(2026, 11, 9)


def day(number: int) -> date:
    return MONDAY + timedelta(days=number)


def on(number: int) -> Period:
    return Period(day(number), day(number + 1), trusted=True)


def row(number: int, calls: int = 10) -> Seen:
    return Seen("s3", "alice", "boto", calls, day(number), day(number))


KNOWN: Final = Finding("s3", "alice", "boto", day(0), day(0), day(0), 10, 1)
ACCEPTED: Final = Decision("accepted", "alice", "vendor patches", day(1), day(5))
DISMISSED: Final = Decision("not applicable", "alice", "a honeypot", day(1))


def only(compared: Comparison) -> tuple[Change, str]:
    (entry,) = compared.entries
    return entry.change, entry.note


@pytest.mark.parametrize("decision", [ACCEPTED, DISMISSED], ids=lambda each: each.kind)
def test_what_was_decided_has_a_state_of_its_own_however_many_calls_it_has(decision: Decision) -> None:
    compared = compare([replace(KNOWN, decision=decision)], [row(2, calls=9_000)], period=on(2))

    change, note = only(compared)
    assert change == decision.kind
    assert note.startswith(f"{decision.kind}")
    assert f"(alice, 10 Nov: {decision.why})" in note
    assert compared.findings[0].decision == decision


def test_what_is_accepted_is_open_again_on_its_date_and_what_is_not_applicable_never() -> None:
    for decision, last_day, after in ((ACCEPTED, 3, "open"), (DISMISSED, 3, "not applicable")):
        held = compare([replace(KNOWN, decision=decision)], [row(last_day)], period=on(last_day))
        assert only(held)[0] == decision.kind
        lapsed = compare(held.findings, [row(last_day + 1)], period=on(last_day + 1))
        assert only(lapsed)[0] == after
    accepted = compare([replace(KNOWN, decision=ACCEPTED)], [row(4)], period=on(4))
    assert only(accepted) == ("open", "was accepted until 14 Nov (alice, 10 Nov: vendor patches)")
    assert accepted.findings[0].decision is None


@pytest.mark.parametrize("decision", [ACCEPTED, DISMISSED], ids=lambda each: each.kind)
def test_what_was_decided_is_resolved_by_silence_and_holds_where_it_is_back(decision: Decision) -> None:
    still = replace(KNOWN, decision=replace(decision, until=decision.until and day(30)))
    silent = compare([still], [], period=on(3), trusted=[day(1), day(2)])
    assert only(silent)[0] == "resolved"

    back = compare(silent.findings, [row(6)], period=on(6))
    assert only(back)[0] == decision.kind
    assert back.findings[0].spells == 2


def test_what_was_accepted_until_before_it_is_back_is_told_as_back() -> None:
    silent = compare([replace(KNOWN, decision=ACCEPTED)], [], period=on(3), trusted=[day(1), day(2)])
    back = compare(silent.findings, [row(8)], period=on(8))

    assert only(back) == (
        "back",
        "was resolved on 13 Nov; was accepted until 14 Nov (alice, 10 Nov: vendor patches)",
    )
    assert back.findings[0].decision is None
    quiet = compare(silent.findings, [], period=on(8))
    assert quiet.findings[0].decision is None, "what no longer holds is not kept for ever"


def test_an_assignment_hides_nothing_and_stays() -> None:
    assigned = replace(KNOWN, assignment=Assignment("payments", "alice", day(1)))
    compared = compare([assigned], [row(2)], period=on(2))

    assert only(compared) == ("open", "")
    assert compared.findings[0].assignment == assigned.assignment


def test_they_are_kept_in_json_and_what_had_none_is_written_as_before() -> None:
    for each in (KNOWN, replace(KNOWN, decision=ACCEPTED), replace(KNOWN, decision=DISMISSED)):
        assert from_builtins(json.loads(json.dumps(to_builtins(each)))) == each
    assigned = replace(KNOWN, assignment=Assignment("payments", "alice", day(1)))
    assert from_builtins(json.loads(json.dumps(to_builtins(assigned)))) == assigned
    snooze = replace(KNOWN, snooze=Snooze("alice", "why", day(5), 3))
    for each in (KNOWN, snooze):
        assert not {"decision", "assignment"} & to_builtins(each).keys()
