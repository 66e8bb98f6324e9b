"""Windows: which span of time a question is about, read from words such as `last 7d`.

    last 15m|12h|7d|4w|3mo|1y    counted back from now; `7d`, `past 7 days` and `past week` likewise
    today  yesterday             and this week|month|year, last week|month|year, 2026-11, Nov 2026
    A  on A                      one local day
    friday  november  q3         the latest one; last weekend, this quarter, last quarter
    A..B  A – B  from A to B     from A up to B, which is not in it
    nov 1-5  2026-11-01-05       days of one month, the last one in it; between A and B, A through B likewise
    since A [until B]            without B: up to now

A and B are dates or moments (`2026-11-01`, `1 Nov`, `Nov 1 2026 9am`, `2026-11-01T09:00+02:00`), `now`,
`3d ago`, a day of the week, or a calendar word. Without a zone they are in the asker's. The minute is the
unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from bot.errors import UserError
from bot.question.moments import (
    DAYS,
    LEADING,
    NAMED_MONTH,
    ROLLING,
    UNITS,
    WINDOWS,
    ZONES,
    MomentParser,
    NoWindow,
)
from bot.question.tokens import shown
from bot.wording import MONTHS, WEEKDAYS, weekday_date

DST_SLACK: Final = timedelta(hours=1)
"""A number of days by the calendar may be an hour longer by the clock."""

_ROLLING_ONE = re.compile(r"(?:past|last(?=\s+(?:day|hour|minute)))\s+(?P<unit>[a-z]+)")
NO_WINDOWS_ALONE: Final = frozenset({"may", "mar", "march", "sat", "sun"})
"""Words that mean a month or a day only after another word, as in `since sat` or `in may`."""
_INCLUSIVE = re.compile(
    r"between\s+(?P<first>.+?)\s+and\s+(?P<last>.+)|(?P<start>.+?)\s+(?:through|thru)\s+(?P<end>.+)"
)
_BETWEEN = re.compile(r"\s*(?:\.{2,}|…|–|—)\s*|\s+(?:-|to|until|till)\s+")
_OPEN_START = re.compile(r"(?:until|till|to|-|–|—|…|\.\.+)(?:\s|[0-9])")
_WORDS_OF_WINDOWS = frozenset(
    ["last", "past", "previous", "this", "since", "from", "on", "at", "to", "until", "till"]
    + [
        "in",
        "during",
        "between",
        "and",
        "through",
        "thru",
        "weekend",
        "quarter",
        *(f"q{n}" for n in range(1, 5)),
    ]
    + ["ago", "now", "-", "z", "am", "pm"]
    + [*DAYS, *UNITS, *ZONES.split("|")]
    + [name[:end].lower() for name in MONTHS for end in (3, 4, None)]
    + [name for day in WEEKDAYS for name in (day[:3].lower(), day.lower())]
    + ["tues", "thur", "thurs"]
)
_FRAGMENT = re.compile(rf"[+-]?[0-9].*|(?:utc|gmt).*|{NAMED_MONTH}[0-9.,-].*|.*(?:\.\.|…|–|—).*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to, but without, `end`: both in UTC, on whole minutes."""

    start: datetime
    end: datetime
    label: str = field(compare=False)
    """As typed."""
    clipped: bool = field(compare=False)
    """Its end lay in the future and was moved to now."""

    def words(self, zone: tzinfo, now: datetime) -> str:
        """`Mon 16 Nov 09:14 – Mon 23 Nov 09:14 Berlin (08:14 UTC)`; with years unless both are this year."""
        start, end = self.start.astimezone(zone), self.end.astimezone(zone)
        this_year = now.astimezone(zone).year
        year = not start.year == end.year == this_year
        until = f"{end:%H:%M}" if start.date() == end.date() else _day_words(end, year=year)
        text = f"{_day_words(start, year=year)} – {until} {_zone_name(end)}"
        if _zone_name(end) == "UTC":
            return text
        clocks = dict.fromkeys((f"{self.start:%H:%M}", f"{self.end:%H:%M}"))
        return f"{text} ({' – '.join(clocks)} UTC)"

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%MZ}..{self.end:%Y-%m-%dT%H:%MZ}"


def belongs(word: str) -> bool:
    """Whether `word`, alone, looks like a part of a window."""
    return word.lower() in _WORDS_OF_WINDOWS or _FRAGMENT.fullmatch(word.lower()) is not None


def parse(text: str, *, now: datetime, zone: tzinfo, max_days: int) -> Window:
    """The window that `text` names; UserError when it is none, or one that nobody should ask."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    try:
        return _WindowParser(text, minute, zone, max_days).window()
    except NoWindow:
        words = text.split()
        for cut in range(1, min(len(words), 12)):  # no window is longer, and each cut takes time
            first, second = " ".join(words[:cut]), " ".join(words[cut:])
            try:
                _WindowParser(first, minute, zone, max_days).window()
                _WindowParser(second, minute, zone, max_days).window()
            except UserError:
                continue
            raise UserError(f"Two windows: `{shown(first)}` and `{shown(second)}`.", "Keep one.") from None
        raise


@dataclass(frozen=True, slots=True)
class _WindowParser(MomentParser):
    def window(self) -> Window:
        text = " ".join(self.label.lower().split())
        start, end = self._span(text)
        if start > self.now or end > start >= self.now:
            local = self.now.astimezone(self.zone)
            today = f"{_day_words(local, year=True)} {_zone_name(local)}"
            raise UserError(f"`{shown(self.label)}` has not begun: it is {today}.", WINDOWS)
        if end <= start:
            why = "is empty: its end is not in it" if end == start else "ends before it starts"
            raise UserError(f"`{shown(self.label)}` {why}.", WINDOWS)
        # who asks for `today` or `this month` knows that it is not over, and need not be told that it was cut
        clipped = end > self.now and text != "today" and not text.startswith("this ")
        end = min(end, self.now)
        if end - start > timedelta(days=self.max_days) + DST_SLACK:
            raise self.too_long()
        return Window(start, end, self.label, clipped)

    def _span(self, text: str) -> tuple[datetime, datetime]:
        rolling = ROLLING.fullmatch(text)
        if rolling and rolling["unit"] in UNITS:
            if re.search(r"[0-9]\s*M$", self.label):
                raise UserError(f"`{shown(self.label)}`: minutes are `15m`, months `3mo`.", WINDOWS)
            return self.ago(int(rolling["count"]), rolling["unit"]), self.now
        one = _ROLLING_ONE.fullmatch(text)
        if one and one["unit"] in UNITS:
            return self.ago(1, one["unit"]), self.now
        text = LEADING.sub("", text, count=1) if LEADING.match(text) else text
        if (found := self.days_of_month(text)) or (found := self._inclusive(text)):
            return found
        since = text.removeprefix("since ").removeprefix("from ")
        if since == text == " ".join(self.label.lower().split()) and text in NO_WINDOWS_ALONE:
            raise self.no_window()
        if _OPEN_START.match(text):
            raise UserError(f"`{shown(self.label)}` does not say from when.", "Ask `since A until B`.")
        match _BETWEEN.split(since):
            case [first]:
                start, end = self.moment(first.removeprefix("on "))
                if since != text:
                    return start, self.now
                if end is None:
                    raise UserError(
                        f"`{shown(self.label)}` is one moment.",
                        f"Ask `since {shown(text)}`, or `{shown(text)}..now`.",
                    )
                return start, end
            case [first, ""]:
                return self.moment(first)[0], self.now
            case [first, second]:
                start, _ = self.moment(first)
                return start, self.moment(second, after=start)[0]
            case _:
                raise self.no_window()

    def _inclusive(self, text: str) -> tuple[datetime, datetime] | None:
        """`between A and B`, with all of B where that is a day: people mean it so."""
        found = _INCLUSIVE.fullmatch(text)
        if found is None:
            return None
        start, _ = self.moment((found["first"] or found["start"]).removeprefix("from "))
        moment, end = self.moment(found["last"] or found["end"], after=start)
        return start, end or moment


def _day_words(moment: datetime, *, year: bool) -> str:
    return f"{weekday_date(moment, None if year else moment)} {moment:%H:%M}"


def _zone_name(moment: datetime) -> str:
    """The city of a zone that is named for one, else its abbreviation: Berlin, CEST, UTC, +02:00."""
    zone = moment.tzinfo
    if isinstance(zone, ZoneInfo) and "/" in (zone.key or "") and not zone.key.startswith("Etc/"):
        return zone.key.rsplit("/", 1)[1].replace("_", " ")
    return moment.tzname() or f"{moment.isoformat()[-6:]}"
