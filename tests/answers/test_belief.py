"""What an answer may claim: a zero that is believed and should not be is the worst that the bot can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.answers.belief import Belief, judge
from bot.answers.coverage import Coverage
from bot.engines import Sources
from bot.event_schema import AGENT, CIPHER_SUITE, HOST, KEY_EXCHANGE
from tests.conftest import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.answers.belief import Verdict
    from bot.question.question import Question

DAY = timedelta(days=1)
COVERED = Coverage(100, 2, ("tax",), NOW - 7 * DAY, NOW)
WHOLE = Sources(oldest=NOW - 30 * DAY, newest=NOW)


@pytest.fixture
def judged(ask: Callable[..., Question]) -> Callable[..., Verdict]:
    def judge_it(
        text: str,
        rows: int = 0,
        *,
        partial: bool = False,
        sources: Sources | None = WHOLE,
        **covered: Any,
    ) -> Verdict:
        coverage = replace(COVERED, **covered)
        return judge(ask(text), rows=rows, partial=partial, coverage=coverage, sources=sources)

    return judge_it


def test_a_zero_against_which_nothing_speaks_is_believed(judged: Callable[..., Verdict]) -> None:
    for words in ("last 7d", "last 7d kx=classical cipher=weak", "last 7d account=111122223333 host=x"):
        believed = judged(words)
        assert (believed.belief, believed.belief.sign, believed.caveat) == (Belief.BELIEVED, "✅", "")
    assert judged("last 7d", sources=None).belief is Belief.BELIEVED, "an engine may not know"
    assert judged("last 7d sdk=eol", without_tls=100).belief is Belief.BELIEVED, "SDKs alone need no TLS"


@pytest.mark.parametrize(
    ("words", "covered", "doubt"),
    [
        ("", {"without_tls": 100}, "None of these events says its TLS version."),
        ("", {"without_tls": 99}, "99 of 100 events do not say their TLS version."),
        ("kx=classical", {"without": {KEY_EXCHANGE: 99}}, "99 of 100 events do not say their key exchange."),
        ("cipher=weak", {"without": {CIPHER_SUITE: 100}}, "None of these events says its cipher suite."),
        (
            "cipher=RC4-MD5",
            {"without": {CIPHER_SUITE: 51}},
            "51 of 100 events do not say their cipher suite.",
        ),
        ("host=x", {"without": {HOST: 100}}, "None of these events says its host."),
        ("sdk=eol", {"without": {AGENT: 99}}, "99 of 100 events do not say their client."),
        ("kx=below-cnsa", {"without": {KEY_EXCHANGE: 100}}, "None of these events says its key exchange."),
        ("", {"events": 0}, "No event at all was read for this window and these filters."),
        (
            "",
            {"newest": NOW - 6 * DAY},
            "The newest event is of 17 Nov 2026, 5 days before the window ends.",
        ),
    ],
)
def test_a_zero_over_events_that_do_not_say_what_was_asked_or_that_end_early_proves_nothing(
    words: str, covered: dict[str, Any], doubt: str, judged: Callable[..., Verdict]
) -> None:
    zero = judged(f"last 7d {words}", **covered)

    assert (zero.belief, zero.belief.sign) == (Belief.DOUBTED, "⚠️")
    assert doubt in zero.words
    assert zero.caveat == ", but this proves nothing"


@pytest.mark.parametrize(
    ("sources", "doubt"),
    [
        (
            {"left_out": {"refused": 1, "denied": 1}},
            "2 files of this window could not be read: `tls-audit doctor` names them.",
        ),
        (
            {"left_out": {"archived": 1}, "records": 3},
            "1 file and 3 records of this window could not be read: `tls-audit doctor` names them.",
        ),
        ({"lost": 2}, "2 files of the archive cannot be asked: `tls-audit doctor` names them."),
        (
            {"empty_days": (date(2026, 11, 20), date(2026, 11, 21))},
            "There is no event at all of 20 Nov 2026, 21 Nov 2026.",
        ),
        (
            {"kept_since": date(2026, 11, 20)},
            "What happened before 20 Nov 2026 is not kept any more.",
        ),
        (
            {"unlooked": ("s3://trail",)},
            "The logs of some days of this window were never looked at:"
            f" `tls-audit ingest --since {(NOW - 7 * DAY).date()}` reads them.",
        ),
    ],
)
def test_what_was_not_read_is_said_of_a_zero_and_beside_findings(
    sources: dict[str, Any], doubt: str, judged: Callable[..., Verdict]
) -> None:
    zero = judged("last 7d", sources=replace(WHOLE, **sources))
    findings = judged("last 7d", 3, sources=replace(WHOLE, **sources))

    assert (zero.belief, zero.words) == (Belief.DOUBTED, (doubt,))
    assert zero.caveat == ", but not all was read"
    assert (findings.belief, findings.belief.sign, findings.words) == (Belief.FINDINGS, "🔴", (doubt,))


def test_silence_is_said_beside_findings_too(judged: Callable[..., Verdict]) -> None:
    found = judged("last 7d kx=classical", 1, without={KEY_EXCHANGE: 99})

    assert found.belief is Belief.FINDINGS
    assert found.words == ("99 of 100 events do not say their key exchange.",)


def test_who_asks_before_any_log_was_read_is_told_that_and_what_says_why(
    judged: Callable[..., Verdict],
) -> None:
    why = "Nothing was read of any log yet: `tls-audit doctor` says whether they can be."
    of_nothing = judged("last 7d", events=0, sources=Sources())
    assert why in [doubt.words for doubt in of_nothing.doubts]
    elsewhere = judged("last 7d service=lambda", events=0)
    assert why not in [doubt.words for doubt in elsewhere.doubts]


def test_a_window_that_begins_before_the_oldest_event_is_not_believed(judged: Callable[..., Verdict]) -> None:
    zero = judged("last 30d")

    assert (zero.belief, zero.words) == (Belief.DOUBTED, ("The oldest event read is of 16 Nov 2026.",))


def test_a_client_that_rests_is_no_trail_that_has_stopped(judged: Callable[..., Verdict]) -> None:
    rests = {"newest": NOW - 3 * DAY}

    assert judged("last 7d principal=alice", **rests).belief is Belief.BELIEVED
    assert judged("last 7d account=111122223333", **rests).belief is Belief.DOUBTED
    stopped = replace(WHOLE, newest=NOW - 3 * DAY)
    assert judged("last 7d principal=alice", sources=stopped, **rests).belief is Belief.DOUBTED


def test_an_hour_has_no_day_off(judged: Callable[..., Verdict]) -> None:
    moment = datetime(2026, 11, 23, 7, 20, tzinfo=UTC)

    assert judged("last 1h", oldest=moment, newest=NOW).belief is Belief.BELIEVED
    stopped = replace(WHOLE, newest=moment)
    assert judged("last 1h", oldest=moment, newest=moment, sources=stopped).belief is Belief.DOUBTED


def test_a_quiet_evening_of_a_trail_that_goes_on_is_no_early_end(judged: Callable[..., Verdict]) -> None:
    morning = datetime(2026, 11, 20, 7, tzinfo=UTC)

    assert judged("2026-11-20", oldest=morning, newest=morning).belief is Belief.BELIEVED
    assert judged("2026-11-20", oldest=morning, newest=morning, sources=None).belief is Belief.DOUBTED


def test_a_view_without_a_policy_finds_nothing_and_clears_nobody(judged: Callable[..., Verdict]) -> None:
    shown = judged("last 7d by=versions", 3, sources=replace(WHOLE, left_out={"denied": 1}))

    assert (shown.belief, shown.belief.sign) == (Belief.SHOWN, "")
    assert shown.words == ("1 file of this window could not be read: `tls-audit doctor` names it.",)
    assert judged("last 7d by=versions").belief is Belief.SHOWN


def test_findings_of_which_there_are_more_are_partial_and_a_stopped_zero_proves_nothing(
    judged: Callable[..., Verdict],
) -> None:
    more, none = judged("last 7d", 9, partial=True), judged("last 7d", partial=True)

    assert (more.belief, more.belief.sign) == (Belief.PARTIAL, "🔴")
    assert (none.belief, none.caveat) == (Belief.DOUBTED, ", but this proves nothing")


def test_every_belief_with_a_sign_has_a_word() -> None:
    assert {each.value: each.sign for each in Belief} == {
        "findings": "🔴",
        "partial": "🔴",
        "believed zero": "✅",
        "doubtful zero": "⚠️",
        "shown": "",
    }
