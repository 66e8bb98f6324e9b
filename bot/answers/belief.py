"""Belief: what an answer may claim, decided here for every surface, digests, history and metrics.

A zero is believed only where next to nothing speaks against it. What does is a `Doubt`, in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from bot.event_schema import AGENT, CIPHER_SUITE, HOST, KEY_EXCHANGE, TLS_VERSION
from bot.question.filters import FILTERS
from bot.wording import counted, first_of, month_day, number, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.answers.coverage import Coverage
    from bot.engines import Sources
    from bot.question.question import Policy, Question

SAYING: Final = 0.5
"""Of the events read, the share that has to say what was asked for a zero to be believed. Events of many
services carry no TLS details at all, so it cannot be nearly all of them."""

QUIET: Final = timedelta(days=1)
"""How long a window may begin or end without events: on a day off nothing may have been called."""

QUIET_SHARE: Final = 2
"""But of a shorter window, at most this part: a half."""

DAYS_NAMED: Final = 3
"""Empty days that are named; more are not read."""

OF_THE_TRAIL: Final = frozenset({"account", "region"})
"""Filters under which events still show how a trail goes on; a service or a client may well rest for days."""


class Belief(StrEnum):
    """What an answer is, in a word."""

    FINDINGS = "findings"
    PARTIAL = "partial"
    """Findings of which there are more."""
    BELIEVED = "believed zero"
    DOUBTED = "doubtful zero"
    SHOWN = "shown"
    """The answer of a view without a policy, which finds nothing and clears nobody."""

    @property
    def sign(self) -> str:
        """The sign that stands before its words, or nothing."""
        return SIGNS.get(self, "")


SIGNS: Final = {
    Belief.FINDINGS: "🔴",
    Belief.PARTIAL: "🔴",
    Belief.BELIEVED: "✅",
    Belief.DOUBTED: "⚠️",
}
"""None of them stands without its word."""


class Told(Protocol):
    """What a digest read. `mute` is that of the function, None where only TLS was asked yet."""

    @property
    def events(self) -> int: ...
    @property
    def without_tls(self) -> int: ...
    @property
    def mute(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Doubt:
    """A sentence about what was not read, or does not say what was asked. One that is not `small` leaves
    nothing of a zero."""

    words: str
    small: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer may claim, and why no more than that."""

    belief: Belief
    doubts: tuple[Doubt, ...] = ()

    @property
    def caveat(self) -> str:
        """What a headline says of its zero: ", but this proves nothing"; empty where it is believed."""
        if self.belief is not Belief.DOUBTED:
            return ""
        something = self.doubts and all(each.small for each in self.doubts)
        return ", but not all was read" if something else ", but this proves nothing"

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(each.words for each in self.doubts)


def judge(
    question: Question, *, rows: int, partial: bool, coverage: Coverage | None, sources: Sources | None
) -> Verdict:
    """What an answer of so many `rows` may claim. `partial`: there are more. `coverage` is None where it was
    not asked, and `sources` where the engine does not know."""
    found = tuple(doubts(question, coverage, sources))
    if rows:
        findings = Belief.PARTIAL if partial else Belief.FINDINGS
        return Verdict(Belief.SHOWN if question.policy is None else findings, found)
    if partial:
        found = (Doubt("The engine was stopped before it had read everything.", small=False), *found)
    if found or coverage is None:
        return Verdict(Belief.DOUBTED, found)
    return Verdict(Belief.SHOWN if question.policy is None else Belief.BELIEVED)


def doubts(
    question: Question, coverage: Coverage | None, sources: Sources | None, *, ends: bool = True
) -> Iterator[Doubt]:
    """Why an answer is not the whole truth, the gravest first. `ends` says an early end too, which digests,
    that have a limit of their own for it, say themselves."""
    if coverage is not None:
        if coverage.events == 0:
            yield Doubt("No event at all was read for this window and these filters.", small=False)
            if sources is not None and sources.oldest is None:
                # whoever asks in Slack learns in no other way that the logs cannot be read
                yield Doubt("Nothing was read of any log yet: `tls-audit doctor` says whether they can be.")
        else:
            yield from _silence(question, coverage)
    yield from _ends(question, coverage, sources, early=ends)
    if sources is not None:
        yield from _unlooked(question, sources)
        yield from _left_out(sources)


def facts(question: Question) -> tuple[str, ...]:
    """What an event has to say for a question to know whether it is meant, of `coverage.SILENCES`."""
    asked = {fact for each in question.filters if (fact := FILTERS[each.word].tls_fact)}
    if question.policy is not None:
        asked |= set(_of_policy(question.policy))
    return tuple(fact for fact in (TLS_VERSION, CIPHER_SUITE, KEY_EXCHANGE, HOST, AGENT) if fact in asked)


def mute(question: Question, coverage: Coverage) -> str:
    """What events have to say to break the question's policy, where not one of them says anything of it;
    nothing where some do. Who calls with which SDK is said without TLS details too."""
    asked = (_of_policy(question.policy) if question.policy else ()) or (TLS_VERSION,)
    return asked[0] if all(coverage.silent_on(fact) >= coverage.events for fact in asked) else ""


def is_mute(told: Told) -> bool:
    """Whether no event says anything of what was asked."""
    return told.without_tls >= told.events if told.mute is None else bool(told.mute)


def _of_policy(policy: Policy) -> tuple[str, ...]:
    clauses = {
        TLS_VERSION: policy.min_tls is not None,
        CIPHER_SUITE: policy.weak_cipher,
        KEY_EXCHANGE: policy.kx is not None,
        AGENT: policy.sdk is not None,
    }
    return tuple(fact for fact, holds in clauses.items() if holds)


def _silence(question: Question, coverage: Coverage) -> Iterator[Doubt]:
    for fact in facts(question):
        silent = coverage.silent_on(fact)
        if silent <= coverage.events * (1 - SAYING):
            continue
        if silent == coverage.events:
            yield Doubt(f"None of these events says its {fact}.", small=False)
        else:
            share = f"{number(silent)} of {counted(coverage.events, 'event')}"
            yield Doubt(f"{share} do not say their {fact}.", small=False)


def _ends(
    question: Question, coverage: Coverage | None, sources: Sources | None, *, early: bool
) -> Iterator[Doubt]:
    """Whether events begin late, have gaps, or end early within the window."""
    window = question.window
    quiet = min(QUIET, (window.end - window.start) / QUIET_SHARE)
    whole = all(each.word in OF_THE_TRAIL for each in question.filters)
    oldest = newest = None
    if whole and coverage is not None and coverage.events:
        oldest, newest = coverage.oldest, coverage.newest
    elif sources is not None:
        oldest, newest = sources.oldest, sources.newest
    # where a trail is known to go on beyond the window, only a whole day without events is odd
    began_before = sources is not None and sources.oldest is not None and sources.oldest < window.start
    goes_on = sources is not None and sources.newest is not None and sources.newest >= window.end
    if oldest is not None and oldest - window.start >= (QUIET if began_before else quiet):
        yield Doubt(f"The oldest event read is of {month_day(oldest, None)}.")
    if sources is not None and sources.empty_days:
        days = first_of([month_day(day, None) for day in sources.empty_days], DAYS_NAMED)
        yield Doubt(f"There is no event at all of {days}.")
    if early and newest is not None and window.end - newest >= (QUIET if goes_on else quiet):
        before = f"{span(window.end - newest)} before the window ends"
        yield Doubt(f"The newest event is of {month_day(newest, None)}, {before}.", small=False)


def _unlooked(question: Question, sources: Sources) -> Iterator[Doubt]:
    kept = sources.kept_since
    if kept is not None:
        yield Doubt(f"What happened before {month_day(kept, None)} is not kept any more.")
    if sources.unlooked:
        first = question.window.start.date() if kept is None else kept
        mend = f"`tls-audit ingest --since {first.isoformat()}` reads them"
        yield Doubt(f"The logs of some days of this window were never looked at: {mend}.")


def _left_out(sources: Sources) -> Iterator[Doubt]:
    files = sum(sources.left_out.values())
    parts = [counted(count, noun) for count, noun in ((files, "file"), (sources.records, "record")) if count]
    if parts:
        what = " and ".join(parts)
        yield Doubt(f"{what} of this window could not be read: {_named(files + sources.records)}")
    if sources.lost:
        lost = counted(sources.lost, "file")
        yield Doubt(f"{lost} of the archive cannot be asked: {_named(sources.lost)}")


def _named(count: int) -> str:
    return f"`tls-audit doctor` names {'it' if count == 1 else 'them'}."
