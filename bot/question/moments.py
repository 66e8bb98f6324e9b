"""Moments and periods: what `2026-11-01T09:00+02:00`, `3d ago`, `friday`, `q3` and `nov 1-5` name.

`window` makes spans of time of them. Without a zone they are in the asker's. The minute is the unit.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from bot.errors import Unsure, UserError
from bot.question.tokens import shown
from bot.wording import MONTHS, WEEKDAYS, weekday_date

WINDOWS: Final = "Windows: `last 7d`, `yesterday`, `2026-11-01..2026-11-08`, `since 2026-11-01`."
FIRST_YEAR: Final = 1970
"""The first year that is read: CloudTrail began later, in November 2013 (docs/facts.md)."""
LAST_YEAR: Final = 9998
"""Python's calendar ends a year later, which leaves room for zones and ends of months."""
_SHORT_MONTHS = tuple(name[:3].lower() for name in MONTHS)
DAYS: Final = {"today": 0, "yesterday": -1, "tomorrow": 1}
UNITS: Final = {
    name: unit
    for unit, names in {
        "minutes": "m min mins minute minutes",
        "hours": "h hr hrs hour hours",
        "days": "d day days",
        "weeks": "w wk wks week weeks",
        "months": "mo mon month months",
        "years": "y yr yrs year years",
    }.items()
    for name in names.split()
}

NAMED_MONTH: Final = (
    "(?P<name>" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS).lower() + "|sept)(?![a-z])"
)
_WEEKDAY = rf"(?:(?P<weekday>{'|'.join(day[:3].lower() for day in WEEKDAYS)})[a-z]*,?\s+)?"
_NTH = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>[0-9]{4})"
_DATES = tuple(
    re.compile(pattern + r"(?![0-9:])")
    for pattern in (
        rf"(?P<word>{'|'.join(DAYS)})\b",
        _YEAR + r"(?P<month>[0-9]{2})(?P<day>[0-9]{2})",
        _WEEKDAY + _YEAR + r"(?P<sep>[-/.])(?P<month>[0-9]{1,2})(?P=sep)(?P<day>[0-9]{1,2})",
        _WEEKDAY + _NTH + r"[\s.-]*" + NAMED_MONTH + rf"(?:[\s.,-]*{_YEAR}(?![0-9:]))?",
        _WEEKDAY + NAMED_MONTH + r"[\s.-]*" + _NTH + rf"(?:[\s,-]+{_YEAR}(?![0-9:]))?",
    )
)
_WHOLE_MONTH = tuple(
    re.compile(pattern) for pattern in (_YEAR + r"-(?P<month>[0-9]{2})", NAMED_MONTH + r"[\s.,-]*" + _YEAR)
)
_CLOCK = re.compile(
    r"(?:t(?P<compact>[0-9]{2}(?:[0-9]{2}){0,2})"
    r"|(?:t|\s*at\s|)\s*(?P<clock>[0-9]{1,2}(?::[0-9]{2}){1,2}(?:[.,][0-9]+)?(?:\s*[ap]m)?|[0-9]{1,2}\s*[ap]m))?"
    r"\s*(?P<zone>z|utc|gmt|(?:utc|gmt)?(?P<offset>[+-][0-9]{1,2}(?::?[0-9]{2})?))?"
)
_DAY_FIRST = re.compile(r"\b([0-9]{1,2})[-/.]([0-9]{1,2})[-/.](20[0-9]{2}|[0-9]{2})\b")
ROLLING: Final = re.compile(r"(?:(?:last|past)\s+)?(?P<count>[0-9]+)\s*(?P<unit>[a-z]+)")
_AGO = re.compile(r"(?P<count>[0-9]+)\s*(?P<unit>[a-z]+)(?:\s+ago)?")
_PERIOD = re.compile(r"(?P<which>this|last|previous)\s+(?P<unit>week|month|quarter|year)")
_WEEKEND = re.compile(r"(?:(?P<which>this|last|previous|the|past)\s+)?weekend")
_QUARTER = re.compile(r"q(?P<quarter>[1-4])(?:[\s/-]*(?P<year>[0-9]{4}))?")
_DAY_OF_WEEK = re.compile(
    r"(?:(?P<which>this|last|past|previous)\s+)?"
    rf"(?P<day>{'|'.join(f'{day[:3]}(?:{day[3:]})?' for day in WEEKDAYS).lower()}|tues|thurs?)"
)
_MONTH_ALONE = re.compile(rf"(?:last\s+)?{NAMED_MONTH}")
_DAYS_OF_MONTH = tuple(
    re.compile(pattern)
    for pattern in (
        _YEAR + r"-(?P<month>[0-9]{2})-(?P<first>[0-9]{2})-(?P<last>[0-9]{2})",
        NAMED_MONTH + r"[\s.]*(?P<first>[0-9]{1,2})(?:st|nd|rd|th)?\s*(?:-|–|—|to|through|thru)\s*"
        r"(?P<last>[0-9]{1,2})(?:st|nd|rd|th)?(?:[\s,]+(?P<year>[0-9]{4}))?",
        r"(?P<first>[0-9]{1,2})(?:st|nd|rd|th)?\s*(?:-|–|—|to|through|thru)\s*"
        r"(?P<last>[0-9]{1,2})(?:st|nd|rd|th)?[\s.]*" + NAMED_MONTH + r"(?:[\s,]+(?P<year>[0-9]{4}))?",
    )
)
LEADING: Final = re.compile(
    r"(?:on|in|during|over|for|within|throughout)\s+(?:the\s+)?|the\s+(?=last|past|weekend)"
)
_LONE_OFFSET = re.compile(r"[+-][0-9]{1,2}")
"""After a day without a time, this is no zone: `1-5` means days."""
ZONES: Final = "cet|cest|bst|wet|west|eet|eest|msk|ist|jst|aest|aedt|est|edt|cst|cdt|mst|mdt|pst|pdt"


class NoWindow(UserError):
    """Not the shape of any window."""


def to_utc(wall: datetime, zone: tzinfo) -> datetime:
    """The moment, in UTC, at which the clocks of `zone` show `wall`, which is naive.

    A time that a clock change skips is moved on by the change; of two, the first is meant.
    """
    local = wall.replace(tzinfo=zone, fold=0)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        from dateutil.tz import resolve_imaginary  # slow to import, and clocks seldom skip a time

        local = resolve_imaginary(local)
    return local.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class MomentParser:
    """Reads the moments in a window's text, as someone in `zone` means them at `now`, a minute in UTC.

    What it cannot read, and what there is none of, is a UserError about the whole text: `label`.
    """

    label: str
    now: datetime
    zone: tzinfo
    max_days: int

    def moment(self, text: str, after: datetime | None = None) -> tuple[datetime, datetime | None]:
        """The moment, or the start and end of the day, week, month or year, that `text` names.

        What it leaves out is taken from `after`, else from the latest such moment before now.
        """
        ago = _AGO.fullmatch(text)
        if text == "now":
            return self.now, None
        if ago and ago["unit"] in UNITS:
            return self.ago(int(ago["count"]), ago["unit"]), None
        if named := self._named(text, after):
            return named
        found = next((match for pattern in _DATES if (match := pattern.match(text))), None)
        clock = _CLOCK.fullmatch(text[found.end() :] if found else text)
        if clock is None or not (found or clock["clock"]):
            raise self.no_window()
        if not (clock["clock"] or clock["compact"]) and _LONE_OFFSET.fullmatch(clock["zone"] or ""):
            raise self.no_window()
        zone = self._offset(clock["offset"]) if clock["offset"] else UTC if clock["zone"] else self.zone
        around = (after or self.now).astimezone(zone)
        day = self._day(found, around, later=after is not None) if found else around.date()
        if clock["clock"] or clock["compact"]:
            return self._utc(self._at(day, clock), zone), None
        return self._utc(day, zone), self._utc(day + timedelta(days=1), zone)

    def _named(self, text: str, after: datetime | None) -> tuple[datetime, datetime] | None:
        """The span that has a name: a week, a weekend, a month, a quarter, a year, a day of the week."""
        if period := _PERIOD.fullmatch(text):
            return self._period(period["unit"], back=period["which"] != "this")
        if weekend := _WEEKEND.fullmatch(text):
            return self._weekend(weekend["which"] or "")
        if quarter := _QUARTER.fullmatch(text):
            return self._quarter(int(quarter["quarter"]), quarter["year"])
        if weekday := _DAY_OF_WEEK.fullmatch(text):
            return self._day_of_week(weekday["day"], weekday["which"] or "", after)
        if month := _MONTH_ALONE.fullmatch(text):
            return self._month_alone(_month_number(month), after, is_past=text.startswith("last"))
        for pattern in _WHOLE_MONTH:
            if month := pattern.fullmatch(text):
                first = self._date(int(month["year"]), _month_number(month), 1)
                return self._utc(first), self._utc(_next_month(first))
        return None

    def days_of_month(self, text: str) -> tuple[datetime, datetime] | None:
        """From one day of a month to another, both in it, as in `nov 1-5`."""
        text = text.removeprefix("from ")
        found = next((match for pattern in _DAYS_OF_MONTH if (match := pattern.fullmatch(text))), None)
        if found is None:
            return None
        today, month = self._today(), _month_number(found)
        first = self._date(int(found["year"] or today.year), month, int(found["first"]))
        if not found["year"] and first > today:
            first = self._date(first.year - 1, month, first.day)
        last = self._date(first.year, month, int(found["last"]))
        return self._utc(first), self._utc(last + timedelta(days=1))

    def _weekend(self, which: str) -> tuple[datetime, datetime]:
        """Saturday and Sunday: the latest that has begun, or, by `last`, that was before this one."""
        today = self._today()
        saturday = today - timedelta(days=(today.weekday() - 5) % 7)
        if which == "this" and today.weekday() < 5:
            saturday += timedelta(days=7)
        elif which in ("last", "previous") and today.weekday() >= 5:
            saturday -= timedelta(days=7)
        return self._utc(saturday), self._utc(saturday + timedelta(days=2))

    def _quarter(self, quarter: int, year: str | None) -> tuple[datetime, datetime]:
        today = self._today()
        first = self._date(int(year or today.year), 3 * quarter - 2, 1)
        if not year and first > today:
            first = self._date(first.year - 1, first.month, 1)
        return self._utc(first), self._utc(_next_month(first, 3))

    def _day_of_week(self, name: str, which: str, after: datetime | None) -> tuple[datetime, datetime]:
        """The latest day of that name, or the next one `after` the start of a window.

        Unsure where it is today's, and where `last` may or may not pass over one of this week.
        """
        wanted = next(at for at, day in enumerate(WEEKDAYS) if day.lower().startswith(name[:3]))
        if after is not None:
            around = after.astimezone(self.zone).date()
            day = around + timedelta(days=(wanted - around.weekday()) % 7)
            return self._utc(day), self._utc(day + timedelta(days=1))
        today = self._today()
        monday = today - timedelta(days=today.weekday())
        day = today - timedelta(days=(today.weekday() - wanted) % 7)
        if which == "this":
            day = monday + timedelta(days=wanted)
        elif (day == today) or (which and day >= monday):
            raise self._unsure(day, which)
        return self._utc(day), self._utc(day + timedelta(days=1))

    def _unsure(self, day: date, which: str) -> UserError:
        """What to say of a day of the week that may be `day`, or the one a week before."""
        both = day, day - timedelta(days=7)
        asked = f"`{shown(self.label)}`: {' or '.join(weekday_date(each, day) for each in both)}?"
        label = LEADING.sub("", " ".join(self.label.lower().split()), count=1)
        opens = "since " if label.startswith(("since ", "from ")) else ""
        if len(label.split()) > 1 + bool(opens) + bool(which):
            return UserError(asked, f"Say `{both[0]}` or `{both[1]}` instead.")
        return Unsure(asked, tuple(f"{opens}{each}" for each in both))

    def _month_alone(self, month: int, after: datetime | None, *, is_past: bool) -> tuple[datetime, datetime]:
        """The latest month of that name that has begun, or has ended; or the next one `after` a start."""
        around = self._today() if after is None else after.astimezone(self.zone).date()
        first = date(around.year, month, 1)
        if after is None and (first > around or (is_past and month == around.month)):
            first = self._date(around.year - 1, month, 1)
        elif after is not None and first < around.replace(day=1):
            first = self._date(around.year + 1, month, 1)
        return self._utc(first), self._utc(_next_month(first))

    def _today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def _day(self, found: re.Match[str], around: datetime, *, later: bool) -> date:
        parts = found.groupdict()
        if word := parts.get("word"):
            return self.now.astimezone(around.tzinfo).date() + timedelta(days=DAYS[word])
        day = self._date(int(parts["year"] or around.year), _month_number(found), int(parts["day"]))
        if not parts["year"]:
            if later and day < around.date():
                day = self._date(day.year + 1, day.month, day.day)
            elif not later and day > around.date():
                day = self._date(day.year - 1, day.month, day.day)
        weekday = parts.get("weekday")
        if weekday and weekday != WEEKDAYS[day.weekday()][:3].lower():
            true = f"`{shown(self.label)}`: that day is {weekday_date(day, None)}."
            raise UserError(true, "Leave the day of the week out.")
        return day

    def _date(self, year: int, month: int, day: int) -> date:
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise self._no_such_year()
        if not 1 <= month <= len(MONTHS):
            raise UserError(f"`{shown(self.label)}`: there is no month {month}.", WINDOWS)
        last = monthrange(year, month)[1]
        if not 1 <= day <= last:
            raise UserError(f"`{shown(self.label)}`: {MONTHS[month - 1]} {year} has {last} days.", WINDOWS)
        return date(year, month, day)

    def _at(self, day: date, clock: re.Match[str]) -> datetime:
        from dateutil import parser  # most questions need no clock, and it is slow to import

        written = f"T{clock['compact']}" if clock["compact"] else f" {clock['clock']}"
        try:
            return parser.parse(f"{day.isoformat()}{written.upper()}")
        except (ValueError, OverflowError) as error:
            raise UserError(f"`{shown(self.label)}`: there is no such time of day.", WINDOWS) from error

    def _offset(self, written: str) -> tzinfo:
        from dateutil import parser

        try:
            midnight = parser.parse(f"2000-01-01 00:00{written}")
            midnight.utcoffset()
        except (ValueError, OverflowError) as error:
            raise UserError(f"`{shown(self.label)}`: no zone is `{written}` from UTC.", WINDOWS) from error
        return midnight.tzinfo or UTC

    def _period(self, unit: str, *, back: bool) -> tuple[datetime, datetime]:
        today = self.now.astimezone(self.zone).date()
        if unit == "week":
            monday = today - timedelta(days=today.weekday() + 7 * back)
            return self._utc(monday), self._utc(monday + timedelta(days=7))
        if unit == "quarter":
            first = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
            first = _next_month(first, -3) if back else first
            return self._utc(first), self._utc(_next_month(first, 3))
        if unit == "month":
            first = today.replace(day=1)
            first = (first - timedelta(days=1)).replace(day=1) if back else first
            return self._utc(first), self._utc(_next_month(first))
        first = date(today.year - back, 1, 1)
        return self._utc(first), self._utc(date(first.year + 1, 1, 1))

    def ago(self, count: int, unit: str) -> datetime:
        """Minutes and hours go back by the clock; days and more keep the local time of day."""
        local = self.now.astimezone(self.zone).replace(tzinfo=None)
        try:
            match UNITS[unit]:
                case "minutes" | "hours" as exact:
                    return self.now - timedelta(**{exact: count})
                case "days" | "weeks" as even:
                    return self._utc(local - timedelta(**{even: count}))
                case uneven:
                    from dateutil.relativedelta import relativedelta

                    return self._utc(local - relativedelta(**{uneven: count}))  # type: ignore[arg-type]  # months or years
        except (ValueError, OverflowError) as error:
            raise self.too_long() from error

    def _utc(self, wall: date, zone: tzinfo | None = None) -> datetime:
        """The minute in UTC of a local time of day, or of the start of a local day."""
        if not FIRST_YEAR <= wall.year <= LAST_YEAR:
            raise self._no_such_year()
        naive = wall if isinstance(wall, datetime) else datetime.combine(wall, time())
        return to_utc(naive, zone or self.zone).replace(second=0, microsecond=0)

    def too_long(self) -> UserError:
        return UserError(
            f"`{shown(self.label)}` is too long: {self.max_days} days is the most.",
            f"Ask `last {self.max_days}d` or less; `TLS_AUDIT_MAX_WINDOW` sets it.",
        )

    def _no_such_year(self) -> UserError:
        return UserError(
            f"`{shown(self.label)}` is out of range: CloudTrail began in November 2013.", WINDOWS
        )

    def no_window(self) -> UserError:
        if two := _DAY_FIRST.search(self.label):
            first, second, year = int(two[1]), int(two[2]), two[3][-2:]
            dates = dict.fromkeys(
                f"`20{year}-{month:02}-{day:02}`"
                for day, month in ((first, second), (second, first))
                if 1 <= month <= len(MONTHS)
            )
            if dates:
                return UserError(
                    f"`{two[0]}` can be misread.", f"Write the year first: {' or '.join(dates)}."
                )
        if zone := re.search(rf"\b(?:{ZONES})\b", self.label, re.IGNORECASE):
            return NoWindow(
                f"`{zone[0]}` is more than one zone.",
                "Say `+02:00` or `UTC`, as in `2026-11-01T09:00+02:00`.",
            )
        ago = ROLLING.fullmatch(" ".join(self.label.lower().split()))
        if ago and ago["unit"] not in _SHORT_MONTHS:
            return NoWindow(f"`{shown(self.label)}`: units are m, h, d, w, mo and y.", WINDOWS)
        return NoWindow(f"I cannot read `{shown(self.label)}` as a window.", WINDOWS)


def _month_number(found: re.Match[str]) -> int:
    name = found.groupdict().get("name")
    return _SHORT_MONTHS.index(name[:3]) + 1 if name else int(found["month"])


def _next_month(first: date, months: int = 1) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)
