"""What a table means, in words: the headline, and what a zero rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from bot.answers import belief, owned
from bot.answers import coverage as coverages
from bot.answers.belief import Belief, Verdict
from bot.event_schema import AGENT
from bot.question.filters import FILTERS, Match
from bot.wording import counted, month_day, number, plural

if TYPE_CHECKING:
    from bot.answers.cards import Cards
    from bot.answers.coverage import Coverage
    from bot.answers.denial import Denial
    from bot.answers.drill import Offered
    from bot.answers.handshakes import Handshakes
    from bot.engines import Sources
    from bot.question.question import Question
    from bot.table import Table

OLDEST_TAKEN: Final = "1.2"
"""AWS's API endpoints take nothing older since 31 December 2023 (docs/facts.md, what AWS still accepts)."""

DISTINCT_CAP: Final = 100_000
"""Distinct values counted exactly; beyond, "over 100,000" says enough and keeps memory flat."""

READINESS: Final = "readiness"
"""The view of which not the calls are the news but how far they are."""

_NOUNS: Final = {
    "arn": "by {} principal",
    "principal": "by {} principal",
    "userAgent": "with {} client",
    "eventSource": "to {} service",
    "recipientAccountId": "in {} account",
    "awsRegion": "in {} Region",
    "sourceIPAddress": "from {} address",
    "cipherSuite": "with {} cipher suite",
}
"""What a column's distinct values are in a headline, by AWS's column names, in the order they are said."""


NOUNS_SAID: Final = 3
"""More than three counts in a sentence are not read."""

_REFUSED: Final = (
    "AWS refuses older handshakes before any event is written, so a client that cannot connect is not in here"
)


WHAT_IF: Final = "what-if"
"""The view of what a TLS floor would break."""

SHOWN: Final = Verdict(Belief.SHOWN)
"""Nothing is claimed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """An answer in words, as far as `verdict` goes.

    `proof` says why a zero may be believed, or why not; empty where rows speak.
    """

    headline: str
    proof: str
    coverage: Coverage | None
    notes: tuple[str, ...] = ()
    """What else is to be known of it, in sentences."""
    cost: str = ""
    """What was read for it and what that costs, where it costs anything."""
    verdict: Verdict = SHOWN
    cards: Cards | None = None
    """What to do about its clients; None where its rows name none."""
    denial: Denial | None = None
    """What a TLS floor would deny of its calls, and the policies; None where that was not asked."""
    rows: tuple[Offered, ...] = ()
    """The rows that can be looked into, where they are kept for that."""

    @property
    def signed(self) -> str:
        """The headline behind its sign."""
        return f"{self.verdict.belief.sign} {self.headline}".lstrip()


def summarize(
    question: Question,
    table: Table,
    coverage: Table | None,
    sources: Sources | None = None,
    endpoints: Table | None = None,
    seen: Handshakes | None = None,
    *,
    cap: int,
) -> Summary:
    """What `table` says about `question`; `coverage` is the answer of `select.coverage`, and `sources` what
    the engine says of its own, None where it does not know; `endpoints` that of `select.endpoints`, and
    `seen` what `select.handshakes` found, None where that was not asked."""
    covered = None if coverage is None else coverages.from_table(coverage)
    partial = table.is_partial or (table.row_count == cap and table.row_count != question.top)
    verdict = belief.judge(question, rows=table.row_count, partial=partial, coverage=covered, sources=sources)
    notes = (*table.notes, *_before_the_store(question, table))
    if sources is not None and sources.is_reading:
        notes += ("More log files are being read right now.",)
    if table.row_count:
        totals = _totals(question, table, cap)
        if question.view.name == READINESS and not partial:
            from bot.answers import readiness  # as below

            far = readiness.told(table)
            totals, notes = far.headline, (*notes, *far.notes)
        headline = f"Partial: at least {totals}" if table.is_partial else totals
        is_whole = not partial and question.top is None
        to_do, blamed = _cards(question, table, endpoints, seen, is_whole=is_whole)
        notes += blamed
        said = (*notes, *owned.words(question, table), *verdict.words)
        return Summary(
            headline, "", covered, said, verdict=verdict, cards=to_do, denial=_denial(question, table)
        )
    proof = _proof(question, covered) if verdict.belief is Belief.BELIEVED else " ".join(verdict.words)
    denial = _denial(question, table)
    return Summary(_nothing(question, verdict), proof, covered, notes, verdict=verdict, denial=denial)


def _cards(
    question: Question,
    table: Table,
    endpoints: Table | None,
    seen: Handshakes | None,
    *,
    is_whole: bool,
) -> tuple[Cards | None, tuple[str, ...]]:
    """What to do about its clients, and what is said of calls whose endpoint offers no more."""
    if endpoints is None and not any(column.name == "userAgent" for column in table.columns):
        return None, ()
    from bot.answers import blame, cards  # what clients are is read only where there are any

    limited = blame.from_table(endpoints)
    # of a part of the calls nobody knows whether they are all of a client's
    of_clients = limited if is_whole else blame.NO_BLAME
    return cards.made(question, table, of_clients, seen), limited.words()


def _denial(question: Question, table: Table) -> Denial | None:
    if question.view.name != WHAT_IF:
        return None
    from bot.answers import denial  # asked seldom

    return denial.made(question, table)


def _nothing(question: Question, verdict: Verdict) -> str:
    if question.policy is None:
        return f"Nothing found: {question.words()}{verdict.caveat}"
    if question.view.narrows:
        return f"Nothing found: {question.view.title}{verdict.caveat}"
    none = f"No {question.subject().replace('calls', 'call', 1)}"
    return f"{none} found{verdict.caveat}" if verdict.caveat else none


def _before_the_store(question: Question, table: Table) -> tuple[str, ...]:
    if table.since is None or question.window.start >= table.since:
        return ()
    day = month_day(table.since, None)
    return (f"The store exists since {day}: of the time before, it has only what was copied into it.",)


def _proof(question: Question, coverage: Coverage | None) -> str:
    """What a zero that is believed rests on, and what it cannot show."""
    sentences = []
    # who calls with which SDK is said without TLS details too
    if coverage is not None and coverage.silent and belief.facts(question) != (AGENT,):
        sentences.append(f"{coverage.silent_words()} no TLS details.")
    if _asks_for_refused(question):
        sentences.append(f"{_REFUSED}: ask `min=1.3` for who comes next.")
    return " ".join(sentences)


def _asks_for_refused(question: Question) -> bool:
    """Whether only versions that AWS refuses are asked for, by the policy or by name."""
    if question.policy is None or question.view.narrows:
        return False
    for filter_ in question.filters:
        if filter_.word == "version" and not filter_.negated:
            return all(version < OLDEST_TAKEN for version in filter_.values)
    return question.policy.min_tls is not None and question.policy.min_tls <= OLDEST_TAKEN


def _totals(question: Question, table: Table, cap: int) -> str:
    """ "1,234 calls by 12 principals with 3 clients", as far as the view's columns allow."""
    names = [column.name for column in table.columns]
    # "to 1 service" says nothing after `service=s3`
    asked_for = [FILTERS[filter_.word] for filter_ in question.filters]
    fixed = {word.column for word in asked_for if word.match is Match.WHOLE}
    nouns = [name for name in _NOUNS if name in names and name not in fixed][:NOUNS_SAID]
    places = [names.index(name) for name in nouns]
    measure = names.index(question.view.measure) if question.view.measure else None
    seen: list[set[object]] = [set() for _ in nouns]
    calls = 0
    for row in table.rows():
        calls += 1 if measure is None else cast("int", row[measure])
        for values, place in zip(seen, places, strict=True):
            if row[place] is not None and len(values) <= DISTINCT_CAP:
                values.add(row[place])
    parts = [counted(calls, "event" if question.view.measure == "numEvents" else "call")]
    parts += [_noun(_NOUNS[name], len(values)) for name, values in zip(nouns, seen, strict=True) if values]
    total = " ".join(parts)
    if table.row_count == question.top:
        return f"{total} in the top {number(question.top)}"
    if table.row_count == cap:
        return f"{total} in the first {number(cap)} rows, the most an answer may have"
    return total


def _noun(noun: str, count: int) -> str:
    amount = f"over {number(DISTINCT_CAP)}" if count > DISTINCT_CAP else number(count)
    return plural(noun.format(amount), count)
