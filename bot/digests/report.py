"""What a digest says: the frozen record of one digest, and its words.

Words are for people and name no chat: whoever shows them escapes them and makes strangers' text literal.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.answers import belief
from bot.answers.belief import Belief
from bot.answers.coverage import Coverage
from bot.digests.changes import Period  # noqa: TC001 - msgspec reads Report's types
from bot.digests.finding import (
    Entry,
    from_builtins,
    to_builtins,
)
from bot.digests.jump import Jump  # noqa: TC001 - likewise
from bot.event_schema import AGENT
from bot.wording import WEEKDAYS, counted, first_of, listed, number, short_service, span, weekday_date

if TYPE_CHECKING:
    from datetime import tzinfo

    from bot.digests.finding import Change, Finding


WEEKDAY_ALONE: Final = timedelta(days=6)
"""How long ago a day may be to be called by its weekday alone; the seventh has the name of today."""

FINDINGS, BELIEVED, DOUBTED = (Belief[name].sign for name in ("FINDINGS", "BELIEVED", "DOUBTED"))

NEW_NAMED: Final = 3
"""How many of what is new a headline names: more are in the thread."""

WHO_CHARS: Final = 40
"""The longest name in a headline; the thread has it whole."""

_STILL_OPEN: Final = ("open", "quiet")


@dataclass(frozen=True, slots=True)
class Point:
    """One period in the graph: its dates (end exclusive), its calls, and the findings open at its end."""

    start: date
    end: date
    calls: int
    open: int


@dataclass(frozen=True, slots=True)
class Report:
    """All that one digest tells, so that it can be told again."""

    period: Period
    entries: tuple[Entry, ...]
    calls: int
    calls_before: int | None
    """Of the period before, as now known; None: not known."""
    late: int
    """Calls of the period before that arrived since it was told."""
    events: int
    without_tls: int
    silent: tuple[str, ...]
    """Short names of the services none of whose events carry TLS details."""
    newest: datetime | None
    """The newest event the lake holds at all."""
    stale: timedelta | None
    """How long nothing new has come, where that is longer than the limit."""
    is_baseline: bool
    """Whether it is the first digest of its kind."""
    is_weekly: bool
    complete: bool
    subject: str
    """`Question.subject()`: "calls over TLS older than 1.2 to s3"."""
    history: tuple[Point, ...]
    """The periods to draw, oldest first, this one last."""
    doubts: tuple[str, ...] = ()
    """What was not read, or does not say what was asked, in sentences: with them, nothing is all clear."""
    read: datetime | None = None
    """When the lake was asked; None in reports of version 2."""
    mute: str | None = None
    """What events have to say to be counted, where not one of them says it; nothing where some do. None in
    reports from before SDKs were asked, where only TLS was."""
    limited: int = 0
    """Of the calls, those that are outdated by nothing but what their endpoint lacks."""
    engine: str = ""
    """Which engine was asked; empty in reports that were kept before this was."""
    jump: Jump | None = None
    """How far its calls are from the digest's past, where that is far."""
    is_preview: bool = False
    """Whether it is what the last 24 hours would say, and no digest."""
    has_owners: bool = False
    """Whether it was known who owns what: then its entries say so."""
    urgent: tuple[str, ...] = ()
    """The digest's urgent services, in short, where it tells what is new of them, and is no digest."""
    hours: int = 0
    """How many hours that is about."""
    moved: tuple[str, ...] = ()
    """What another owner's digest tells from now on, in names: a finding that was this one's."""


def to_json(report: Report) -> str:
    """The report as JSON in ASCII; `from_json` reads an equal one back."""
    import msgspec

    fields = msgspec.to_builtins(report)
    for written, entry in zip(fields["entries"], report.entries, strict=True):
        written["finding"] = to_builtins(entry.finding)
    # json writes the halves of surrogate pairs that strangers may send; msgspec.json refuses them
    return json.dumps(fields)


def from_json(text: str) -> Report:
    """The report that `to_json` wrote, or version 2."""
    import msgspec

    fields = json.loads(text)
    for entry in fields["entries"]:
        entry["finding"] = msgspec.to_builtins(from_builtins(entry["finding"]))
    return msgspec.convert(fields, Report)


def is_news(report: Report) -> bool:
    """Whether someone is to be mentioned: something is new, back or no longer known."""
    return not (report.is_baseline or report.is_preview) and any(map(is_newsworthy, report.entries))


def is_newsworthy(entry: Entry) -> bool:
    """Whether it is new or back, which nobody was told yet, or no longer known."""
    return (entry.change in ("new", "back") and entry.told is None) or _snooze_ended(entry)


def _snooze_ended(entry: Entry) -> bool:
    """Whether it lapsed or doubled in this period: of what is open, only then there is a note."""
    return entry.change in _STILL_OPEN and bool(entry.note)


# --- words


def headline(report: Report, today: date, zone: tzinfo) -> str:
    """The digest in one line, for readers in `zone` whose date is `today`. It never claims what it cannot."""
    when, what = f"{_about(report)}, {_when(report, today)}", _counts(report)
    read = counted(report.events, "event")
    if report.calls == 0 and belief.is_mute(report):
        is_of_clients = report.mute == AGENT
        lack = f"none of {read} {'names its client' if is_of_clients else 'carries TLS details'}"
        nothing = lack if report.events else "no event at all was read"
        before = f" From before: {what}." if what else ""
        again = _asked_again(report) if report.events == 0 else ""
        old = "old SDKs" if is_of_clients else "old TLS"
        return f"{DOUBTED} {when}: {nothing}, so this says nothing about {old}.{before}{again}"
    if report.calls or any(entry.change != "resolved" for entry in report.entries):
        return f"{FINDINGS} {when}: {_findings_and_calls(report, what)}"
    no_call = f"no {report.subject.replace('calls', 'call', 1)} in {read}"
    newest = f"newest {_newest(report, report.newest.astimezone(zone), today)}" if report.newest else ""
    if not report.period.trusted:
        resolved = f" From before: {what}." if what else ""
        early = f"they end early ({newest})" if newest else "they end early"
        again = _asked_again(report)
        return f"{DOUBTED} {when}: {no_call}, but {early}, so this is not all clear.{resolved}{again}"
    if report.doubts:
        resolved = f" From before: {what}." if what else ""
        return f"{DOUBTED} {when}: {no_call}, but this is not all clear.{resolved}"
    clear = f"{what}, none left open" if what else "all clear"
    silent = f"{counted(len(report.silent), 'service')} without TLS details" if report.silent else ""
    proof = ", ".join(filter(None, (no_call[:1].upper() + no_call[1:], newest, silent)))
    if report.is_baseline and not report.is_preview:
        return f"{BELIEVED} {when}: the first digest, {clear}. {proof}. From now on it says what is new."
    far = f" That is {report.jump.words()}." if report.jump else ""
    return f"{BELIEVED} {when}: {clear}. {proof}.{far}"


def _asked_again(report: Report) -> str:
    return "" if report.is_preview else f" The next digest asks for {_this(report)} again."


def _findings_and_calls(report: Report, what: str) -> str:
    """What there is to tell where there were calls or findings are open."""
    calls = counted(report.calls, "call") if report.calls else "no calls"
    if not report.complete:
        calls = f"at least {calls}"
    if not report.period.trusted:
        calls += " so far"
    if report.is_baseline:
        number = counted(sum(entry.change != "resolved" for entry in report.entries), "finding")
        if report.is_preview:
            return f"{number} · {calls}. No digest was told yet that could say which are new."
        return f"the first digest, {number} as the baseline · {calls}. From now on it says what is new."
    far = f", {report.jump.words()}" if report.jump else ""
    return (f"{what} · " if what else "") + calls + _trend(report) + far


def _counts(report: Report) -> str:
    """ "2 new (export → s3, backup → kms), 5 still open (oldest 12 days), 3 resolved"; empty for no findings.
    It says why it is news."""

    def how_many(*changes: Change) -> int:
        return sum(entry.change in changes for entry in report.entries)

    again = sum(map(_snooze_ended, report.entries))
    ages = [entry.day for entry in report.entries if entry.change in _STILL_OPEN and not _snooze_ended(entry)]
    age = f" ({'oldest ' if len(ages) > 1 else ''}{_age(report, max(ages))})" if ages else ""
    parts = (
        (how_many("new"), f"new{_names(report, 'new')}"),
        (how_many("back"), f"back{_names(report, 'back')}"),
        (again, "no longer known"),
        (len(ages), f"still open{age}"),
        (how_many("known"), "known"),
        (how_many("accepted"), "accepted"),
        (how_many("not applicable"), "not applicable"),
        (how_many("resolved"), "resolved"),
    )
    return ", ".join(f"{number(count)} {words}" for count, words in parts if count)


def _age(report: Report, days: int) -> str:
    """ "12 days"; "at least 12 days" where one that is open so long may have begun before."""
    oldest = (entry for entry in report.entries if entry.change in _STILL_OPEN and entry.day == days)
    at_least = any(entry.finding.began_before for entry in oldest)
    return f"{'at least ' if at_least else ''}{counted(days, 'day')}"


def _names(report: Report, change: Change) -> str:
    """ " (export → s3, backup → kms and 3 more)": who calls what; nothing where nobody does."""
    findings = [entry.finding for entry in report.entries if entry.change == change]
    names = list(dict.fromkeys(map(name, findings)))
    more = f" and {number(len(names) - NEW_NAMED)} more" if len(names) > NEW_NAMED else ""
    return f" ({', '.join(names[:NEW_NAMED])}{more})" if names else ""


def name(finding: Finding) -> str:
    """Who calls what: `nightly-export → s3`."""
    return f"{_who(finding)} → {short_service(finding.service)}"


def _who(finding: Finding) -> str:
    """The last part of an ARN, which tells people and roles apart."""
    name = finding.principal.rsplit(":", 1)[-1].rsplit("/", 1)[-1] or finding.principal or "nobody named"
    return name if len(name) <= WHO_CHARS else f"{name[: WHO_CHARS - 1]}…"


def _trend(report: Report) -> str:
    """ " ▲ 8 %": calls a day against the period before, so that a Monday's three days compare fairly."""
    if not (report.calls and report.calls_before and report.period.trusted and report.complete):
        return ""
    before = _before(report)
    # each is times the days of both, so that they compare per day in whole numbers, which do not overflow
    calls = report.calls * (before.end - before.start).days
    calls_before = report.calls_before * report.period.days
    percent = (200 * abs(calls - calls_before) + calls_before) // (2 * calls_before)
    return f" {'▲' if calls > calls_before else '▼'} {number(percent)} %" if percent else ""


def notes(report: Report, today: date, zone: tzinfo) -> tuple[str, ...]:
    """What else is to be known of it, in sentences, the most alarming first."""
    sentences = []
    if report.is_preview:
        sentences.append("This is a preview that someone asked for: digest and findings stay as they are.")
    if report.urgent:
        are = "is" if len(report.urgent) == 1 else "are"
        sentences.append(
            f"{listed(list(report.urgent))} {are} urgent here: news is told within the hour. "
            "The next digest has it too."
        )
    if told := [entry.finding for entry in report.entries if entry.told is not None]:
        names = first_of(list(dict.fromkeys(map(name, told))), NEW_NAMED)
        was = "was" if len(told) == 1 else "were"
        sentences.append(
            f"{counted(len(told), 'finding')} of these {was} told within the hour already: {names}."
        )
    if report.stale is not None:
        newest = ""
        if report.newest is not None:
            local = report.newest.astimezone(zone)
            newest = f" (newest event {weekday_date(local, today)} {local:%H:%M})"
        sentences.append(
            f"Nothing new for {span(report.stale)}{newest}: the trail or the lake may have stopped; "
            "what is missing is counted when it arrives."
        )
    if not report.period.trusted and report.events:
        sentences.append(f"The events of {_this(report)} end early; nothing counts as resolved.")
    if not report.complete:
        findings = counted(sum(entry.calls > 0 for entry in report.entries), "finding")
        sentences.append(f"Only the {findings} with the most calls are told; nothing counts as resolved.")
    if report.limited:
        group = sum(entry.finding.limited for entry in report.entries if entry.calls)
        alone = f", among them all of {counted(group, 'finding')}" if group else ""
        sentences.append(f"The endpoint offers no more: {counted(report.limited, 'call')}{alone}.")
    if report.late > 0:
        more = counted(report.late, "more call")
        sentences.append(f"{more} for {_before_words(report, today)} arrived since.")
    if report.moved:
        findings = counted(len(report.moved), "finding")
        whose = "is another owner's" if len(report.moved) == 1 else "are other owners'"
        names = first_of(report.moved, NEW_NAMED)
        sentences.append(f"{findings} {whose} now, and told here no more: {names}.")
    return (*sentences, *report.doubts)


def coverage(report: Report) -> str:
    """What was read: "5,912,004 events read, 2.1 % without TLS details. 1 service (tax) carries none." """
    read = Coverage(report.events, report.without_tls, report.silent, None, report.newest)
    return f"{read.read_words()}." + (f" {read.silent_words()} none." if report.silent else "")


def _about(report: Report) -> str:
    """ "TLS older than 1.2 to s3"."""
    about = report.subject.removeprefix("calls ").removeprefix("over ")
    kind = "Preview: " if report.is_preview else "Urgent: " if report.urgent else ""
    return f"{kind}{about[:1].upper()}{about[1:]}"


def _when(report: Report, today: date) -> str:
    start, end = report.period.start, report.period.end
    if report.is_preview:
        return "the last 24 hours"
    if report.urgent:
        return f"the last {counted(report.hours, 'hour')}"
    if report.is_weekly:
        return f"week of {weekday_date(start, today)}"
    days = _days(start, end, today)
    return f"yesterday ({days})" if end == today and report.period.days == 1 else days


def _before(report: Report) -> Point:
    """The period before, as it was told; where none was, the same number of days right before."""
    start = report.period.start
    earlier = [point for point in report.history if point.end <= start]
    return earlier[-1] if earlier else Point(start - timedelta(days=report.period.days), start, 0, 0)


def _before_words(report: Report, today: date) -> str:
    before = _before(report)
    if report.is_weekly:
        return f"the week of {weekday_date(before.start, today)}"
    if before.end - before.start == timedelta(days=1) and today - before.start <= WEEKDAY_ALONE:
        return WEEKDAYS[before.start.weekday()]
    return _days(before.start, before.end, today)


def _this(report: Report) -> str:
    if report.is_preview:
        return "these 24 hours"
    return "this week" if report.is_weekly else "this day" if report.period.days == 1 else "these days"


def _days(start: date, end: date, today: date) -> str:
    """ "Sun 22 Nov", "Fri 20 – Sun 22 Nov", "Mon 30 Nov – Wed 2 Dec"."""
    last = end - timedelta(days=1)
    if last <= start:
        return weekday_date(start, today)
    same = (start.year, start.month) == (last.year, last.month)
    begin = f"{WEEKDAYS[start.weekday()][:3]} {start.day}" if same else weekday_date(start, today)
    return f"{begin} – {weekday_date(last, today)}"


def _newest(report: Report, local: datetime, today: date) -> str:
    """When the newest event was: "23:58" of the one day that is told, else with its day."""
    if report.period.days == 1 and local.date() == report.period.start and not report.is_preview:
        return f"{local:%H:%M}"
    return f"{'today' if local.date() == today else weekday_date(local, today)} {local:%H:%M}"
