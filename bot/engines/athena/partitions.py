"""What a question's window, accounts and Regions say of a table's partitions, whatever their form.

A file is in the partition of the day on which it was delivered, or of the day that whoever wrote it took:
its events may be of the day before. So there is a day of slack, and a value that cannot be read as a day is
read, not left out.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from bot.engines.athena.tables import Metadata, Partition

SLACK: Final = timedelta(days=1)
"""How long after an event its file may come. CloudTrail takes minutes (user guide), and hours at times."""

_DAYS: Final = frozenset({"timestamp", "day", "date", "dt", "ds", "eventday", "event_day", "partition_date"})
_DAYS_MORE: Final = frozenset(
    {"event_date", "eventdate", "log_date", "logdate", "eventtime_date", "datehour"}
)
_YEAR: Final = frozenset({"year", "yyyy", "y"})
_MONTH: Final = frozenset({"month", "mm", "m"})
_DAY: Final = frozenset({"day", "dd", "d"})
_MEANT: Final = {
    "recipientAccountId": frozenset(
        {"account", "accountid", "account_id", "aws_account", "aws_account_id", "awsaccountid"}
        | {"recipientaccountid", "recipient_account_id"}
    ),
    "awsRegion": frozenset({"region", "awsregion", "aws_region"}),
}
"""The partition keys that say an event's own column, by Lake's name of that."""

_NUMBERS: Final = frozenset({"int", "integer", "bigint", "smallint", "tinyint"})
_PATTERN: Final = re.compile(r"'([^']*)'|(y+|M+|d+|H+|m+|s+)")
_FIELDS: Final = {"y": "%Y", "M": "%m", "d": "%d", "H": "%H", "m": "%M", "s": "%S"}
_SHAPE: Final = "^[0-9]{4}[^0-9]?[0-9]{2}[^0-9]?[0-9]{2}"
"""What opens a day in any of the forms that sort as text."""


def conditions(
    metadata: Metadata, first: date, last: date, asked: Mapping[str, Sequence[exp.Expr]]
) -> tuple[list[exp.Expr], bool]:
    """Conditions on partition keys for events from `first` to `last`, and whether any is on their days.

    `asked` are the question's conditions on one column alone, by that column: what they say of accounts and
    Regions holds for partitions too. UserError where a key needs a value that the question does not name.
    """
    if not metadata.is_trail:
        first -= SLACK  # whoever wrote these files may count days in a zone of their own
    last += SLACK
    made: list[exp.Expr] = []
    calendar = _calendar(metadata.partitions)
    dated = [] if calendar else [each for each in metadata.partitions if _is_date(each)]
    if calendar:
        made.append(_in_calendar(calendar, first, last))
    for each in dated:
        made += _between(each, first, last)
    for each in metadata.partitions:
        if each in dated or each in calendar.values():
            continue
        said = [_said_of(each, condition) for condition in _asked_of(each, asked)]
        made += said
        if each.is_injected and not any(isinstance(_plain(one), (exp.EQ, exp.In)) for one in said):
            raise _unnamed(each)
    return made, bool(calendar or dated)


def _unnamed(key: Partition) -> UserError:
    column = next((column for column, names in _MEANT.items() if key.name in names), "")
    word, example = {
        "recipientAccountId": ("account", "account=111122223333"),
        "awsRegion": ("region", "region=us-east-1"),
    }.get(column, ("", ""))
    if not word:
        return UserError(
            f"The table's partition key `{key.name}` is injected, and no question can name it.",
            f"Give it a list of values: projection.{key.name}.type = enum.",
        )
    return UserError(
        f"The table has no list of its partitions by {word}: a question has to name one.",
        f"Add `{example}`; several are separated by commas.",
    )


# --- accounts and Regions


def _asked_of(key: Partition, asked: Mapping[str, Sequence[exp.Expr]]) -> Sequence[exp.Expr]:
    column = next((column for column, names in _MEANT.items() if key.name in names), "")
    # a number has lost its leading zeros
    return asked.get(column, ()) if key.type not in _NUMBERS else ()


def _said_of(key: Partition, condition: exp.Expr) -> exp.Expr:
    return condition.copy().transform(lambda node: _named(key) if isinstance(node, exp.Column) else node)


def _plain(condition: exp.Expr) -> exp.Expr:
    return condition.unnest()


def _named(key: Partition) -> exp.Expr:
    return exp.column(exp.to_identifier(key.name, quoted=True))


# --- days


def _is_date(key: Partition) -> bool:
    kind = key.projection.get("type", "").strip().lower()
    return kind == "date" or key.type in {"date", "timestamp"} or key.name in _DAYS | _DAYS_MORE


def _between(key: Partition, first: date, last: date) -> list[exp.Expr]:
    column = _named(key)
    form = key.projection.get("format", "")
    if key.type in {"date", "timestamp"}:
        low, high = (
            exp.cast(exp.Literal.string(f"{day:%Y-%m-%d}"), key.type) for day in (first, last + SLACK)
        )
        return [column >= low, column.copy() < high]
    if key.type in _NUMBERS:
        return [
            column >= exp.Literal.number(f"{first:%Y%m%d}"),
            column.copy() <= exp.Literal.number(f"{last:%Y%m%d}"),
        ]
    if form and not _sorts(form):
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return [column.isin(*dict.fromkeys(_written(form, day, "00") for day in days))]
    if form:
        return [
            column >= exp.Literal.string(_written(form, first, "00")),
            column.copy() <= exp.Literal.string(_written(form, last, "59")),
        ]
    digits = exp.func(
        "REGEXP_REPLACE", column, exp.Literal.string("[^0-9]"), exp.Literal.string(""), dialect="trino"
    )
    known = exp.RegexpLike(this=column.copy(), expression=exp.Literal.string(_SHAPE))
    within = exp.and_(
        digits >= exp.Literal.string(f"{first:%Y%m%d}"),
        digits.copy() < exp.Literal.string(f"{last + SLACK:%Y%m%d}"),
    )
    return [exp.paren(exp.or_(within, exp.Not(this=known)))]


def _sorts(form: str) -> bool:
    """Whether the text of a date pattern sorts as its dates: the largest unit first, each of full width."""
    fields = [match[2] for match in _PATTERN.finditer(form) if match[2]]
    order = ["yyyy", "MM", "dd", "HH", "mm", "ss"]
    return fields == order[: len(fields)] and bool(fields)


def _written(form: str, day: date, clock: str) -> str:
    """`day` in a Java date pattern, as a projection has it; smaller units are the first or the last."""
    hour = "23" if clock == "59" else "00"

    def field(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[1] or "'"
        unit = match[2][0]
        if unit in "Hms":
            return hour if unit == "H" else clock
        text = day.strftime(_FIELDS[unit])
        return text if len(match[2]) > 1 else text.lstrip("0")

    return _PATTERN.sub(field, form)


def _calendar(keys: Sequence[Partition]) -> dict[str, Partition]:
    """The keys that say a day by its parts, the year among them; none where there is no year."""
    found = {
        unit: key
        for unit, names in (("year", _YEAR), ("month", _MONTH), ("day", _DAY))
        for key in keys
        if key.name in names
    }
    return found if "year" in found else {}


def _in_calendar(keys: Mapping[str, Partition], first: date, last: date) -> exp.Expr:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if "month" not in keys:
        return _any_of(keys["year"], sorted({day.year for day in days}))
    months: dict[tuple[int, int], list[int]] = {}
    for day in days:
        months.setdefault((day.year, day.month), []).append(day.day)
    clauses = []
    for (year, month), numbers in months.items():
        said = [_any_of(keys["year"], [year]), _any_of(keys["month"], [month])]
        if "day" in keys:
            said.append(_any_of(keys["day"], numbers))
        clauses.append(exp.and_(*said))
    return exp.paren(exp.or_(*clauses)) if len(clauses) > 1 else clauses[0]


def _any_of(key: Partition, numbers: Sequence[int]) -> exp.Expr:
    if key.type in _NUMBERS:
        values: list[exp.Expr] = [exp.Literal.number(number) for number in numbers]
    else:
        # `7` and `07` are both written
        texts = dict.fromkeys(text for number in numbers for text in (f"{number:02}", str(number)))
        values = [exp.Literal.string(text) for text in texts]
    return exp.In(this=_named(key), expressions=values)
