"""From a SELECT in Lake's dialect to the Logs Insights language, and to the SELECT that folds its answer.

    # run:7f3a/answer
    fields jsonParse(@message) as record
    | fields …id, and each field of one copy of an event, spelled so that missing is a value
    | filter …the bounds on eventTime, and what a copy must say
    | stats …the fuller copy's value of each field, by event
    | filter …what holds of the event, where the language says it exactly
    | stats count(*) as calls, … by …the fields that the SELECT looks at

The language has no exact COUNT(DISTINCT), and what it makes of NULL stands nowhere. So it is asked one step
finer than the view: for every combination of the fields that the view looks at, how many events there were,
the first and the last. The view's own SQL, over those rows instead of events, makes the answer: `fold`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlglot import exp

from bot.engines import Statement
from bot.engines.cloudwatch.conditions import MISSING, PRESENT, Conditions, Narrowing, Unsayable
from bot.engines.cloudwatch.fields import EVENT_TIME, RECORD, Field, find
from bot.engines.cloudwatch.statement import TOKEN_CHARS, Layout
from bot.errors import UserError
from bot.question.shorter import shortened
from bot.question.types import find_scale, infer_type
from bot.question.views import conjuncts
from bot.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

STATEMENT_CHARS: Final = 10_000
"""The longest text (API reference, StartQuery)."""


FINER: Final = "finer"
"""What the fold calls the answer of Logs Insights."""

CALLS_COLUMN: Final = Column("calls", "INTEGER")
FIRST: Final = Column("first", "TIME")
LAST: Final = Column("last", "TIME")
"""The columns of `finer` that say how often a combination was there, and from when to when."""

TIME_FIELD: Final = "time"
"""The column of `finer` that says when an event was, as exactly as the view looks at it."""

OCSF: Final = f"{RECORD}.class_uid"
"""What every event in the Open Cybersecurity Schema has, and no record of CloudTrail's."""

_DAY_CHARS: Final = len(f"{PRESENT}2026-11-23")
_HOUR_CHARS: Final = len(f"{PRESENT}2026-11-23T08")
ALL: Final = 0
"""As a number of characters: every one of them."""

_DAYS: Final = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def translate(select: exp.Select, columns: Sequence[Column], source: str) -> Statement:
    """What to ask, and how to fold the answer. `source` is the text's first command, if it needs one.

    UserError where Logs Insights, or the fold, cannot say it.
    """
    room = STATEMENT_CHARS - TOKEN_CHARS
    for narrows, filters in _EVER_LESS:
        made = _Translation(select, source, narrows=narrows, filters=filters).asked(columns)
        if len(made.sql) <= room:
            return made
    raise UserError(
        f"The question makes {len(made.sql):,} characters; CloudWatch takes {room:,}.",
        "Ask for a view with fewer columns.",
    )


_EVER_LESS: Final = ((True, True), (False, True), (False, False))
"""Whether copies are narrowed, and whether events are filtered. What is not said there is compared here, so
that all mean the same."""


class _Translation:
    """One SELECT's way into the language."""

    def __init__(self, select: exp.Select, source: str, *, narrows: bool, filters: bool) -> None:
        self._tree = select.copy()
        self._source = source
        self._words: dict[Field, str] = {}
        self._keys: dict[str, Field] = {}
        self._time_chars: int | None = None
        self._is_grouped = bool(
            select.args.get("group")
            or select.args.get("distinct")
            or any(projection.find(exp.AggFunc) for projection in select.expressions)
        )
        if (odd := select.find(exp.Filter, exp.WithinGroup, exp.Window)) is not None:
            raise UserError(f"CloudWatch cannot be asked for `{odd.sql('trino')}`.", "Use CASE within SUM.")
        self._bounds: list[tuple[str, datetime]] = []
        self._narrowed: list[str] = []
        self._filtered: list[str] = []
        self._word(EVENT_TIME)
        self._split_where(narrows=narrows, filters=filters)
        self._fold = self._folded()

    # --- the conditions

    def _split_where(self, *, narrows: bool, filters: bool) -> None:
        """Each condition goes where it can be said; what is left is the fold's."""
        narrowing = Narrowing(_find_single, self._of_copy)
        of_a_copy = Conditions(_find_single, self._of_copy)
        exactly = Conditions(find, self._of_event)
        left: list[exp.Expr] = []
        for condition in conjuncts(self._tree):
            if (bound := _bound(condition)) is not None:
                self._bounds.append(bound)
                continue
            if narrows and (said := narrowing.of(shortened(condition))):
                self._narrowed.append(said)
                # what every copy says that was let through, the event says
                if said == _tried(of_a_copy, condition):
                    continue
            if filters and (said := _tried(exactly, condition)):
                self._filtered.append(said)
            else:
                left.append(condition)
        self._tree.set("where", exp.Where(this=exp.and_(*left)) if left else None)

    # --- names

    def _word(self, field: Field) -> str:
        """The field's own name in the text, without what tells a copy's from an event's."""
        if field not in self._words:
            taken = set(self._words.values())
            word = f"first_{len(taken)}" if field.parts else field.word
            self._words[field] = word if word not in taken else f"{word}_{len(taken)}"
        for part in field.parts:
            self._word(part)
        return self._words[field]

    def _of_copy(self, field: Field) -> str:
        return f"c_{self._word(field)}"

    def _of_event(self, field: Field) -> str:
        return f"e_{self._word(field)}"

    # --- the fold

    def _folded(self) -> exp.Select:
        tree = self._tree
        tree.set("from_", exp.From(this=exp.to_table(FINER)))
        for projection in list(tree.expressions):
            if not isinstance(projection, exp.Alias):
                projection.replace(exp.alias_(projection.copy(), projection.alias_or_name))
        outputs = {projection.alias.lower() for projection in tree.expressions}
        for item in tree.args["order"].expressions if tree.args.get("order") else ():
            # a name in ORDER BY is the answer's own column before it is an event's
            if not (isinstance(item.this, exp.Column) and item.this.sql().lower() in outputs):
                self._replace_fields(item)
        for part in (*tree.expressions, *(tree.args.get(key) for key in ("where", "group", "having"))):
            if part is not None:
                self._replace_fields(part)
        return tree

    def _replace_fields(self, node: exp.Expr) -> None:
        """Fields within `node` become columns of `finer`, and counting becomes adding."""
        if isinstance(node, exp.AggFunc) and self._is_grouped:
            if isinstance(node, (exp.Min, exp.Max)) and _is_event_time(node.this):
                node.this.replace(_column(FIRST if isinstance(node, exp.Min) else LAST))
                return
            for argument in list(node.iter_expressions()):
                self._replace_fields(argument)
            node.replace(_added(node))
            return
        if _is_event_time(node):
            self._look_at_time(node)
            node.replace(exp.column(TIME_FIELD, quoted=True))
            return
        field = find(node)
        if field is not None:
            self._word(field)
            self._keys[field.name] = field
            node.replace(exp.column(field.name, quoted=True))
            return
        for child in list(node.iter_expressions()):
            self._replace_fields(child)

    def _look_at_time(self, node: exp.Expr) -> None:
        chars = {_time_chars(node), self._time_chars} - {None}
        self._time_chars = ALL if ALL in chars else max(filter(None, chars))

    # --- the text

    def asked(self, columns: Sequence[Column]) -> Statement:
        start, end = self._window()
        names = list(self._names())
        told = " and ".join([*(said for said, _ in self._bounds), *self._narrowed])
        lines = [
            *([self._source] if self._source else []),
            f"fields jsonParse(@message) as {RECORD}",
            # copies without an id are one event where all of them is the same
            f'fields case(ispresent({OCSF}), "OCSF", ispresent({RECORD}.eventID), {RECORD}.eventID, @message)'
            " as id",
            f"fields {_lines(f'{_spelled(field.raw)} as c_{word}' for field, word in self._copied())}",
            f"filter ispresent({OCSF}) or ({told})",
            f"stats {_lines(f'sortsLast(c_{word}) as e_{word}' for _, word in self._copied())} by id",
        ]
        if derived := list(self._derived()):
            lines.append(f"fields {_lines(derived)}")
        if self._filtered:
            lines.append(f'filter e_eventTime = "{MISSING}" or ({" and ".join(self._filtered)})')
        if self._is_grouped:
            by = f" by {', '.join(name for name, _ in names)}" if names else ""
            names += [("calls", CALLS_COLUMN), ("first_call", FIRST), ("last_call", LAST)]
            lines.append(
                "stats count(*) as calls, sortsFirst(e_eventTime) as first_call, "
                f"sortsLast(e_eventTime) as last_call{by}"
            )
        else:
            if "e_eventTime" not in dict(names):
                names.append(("e_eventTime", LAST))
            lines.append(f"display {', '.join(name for name, _ in names)}")
        return Statement(
            "\n| ".join(lines),
            tuple(columns),
            fold=self._fold.sql("trino", pretty=True),
            layout=Layout(tuple(names), start, end).written(),
        )

    def _window(self) -> tuple[datetime, datetime]:
        starts = [when for said, when in self._bounds if ">" in said]
        ends = [when for said, when in self._bounds if "<" in said]
        if not starts or not ends:
            raise UserError("CloudWatch is asked for a window.", "Say both bounds on eventTime.")
        return max(starts), min(ends)

    def _copied(self) -> list[tuple[Field, str]]:
        return [(field, word) for field, word in self._words.items() if not field.parts]

    def _derived(self) -> Iterable[str]:
        for field, word in self._words.items():
            if field.parts:
                branches = [
                    f'e_{self._words[part]} != "{MISSING}", e_{self._words[part]}' for part in field.parts
                ]
                last = MISSING if field.default is None else f"{PRESENT}{field.default}"
                yield f'case({", ".join(branches)}, "{last}") as e_{word}'
        if self._time_chars:
            yield f"substr(e_eventTime, 0, {self._time_chars}) as e_time"

    def _names(self) -> Iterable[tuple[str, Column]]:
        for field in self._keys.values():
            yield f"e_{self._words[field]}", Column(field.name, field.type)
        if self._time_chars is not None:
            yield ("e_time" if self._time_chars else "e_eventTime"), Column(TIME_FIELD, "TIME")


def _find_single(node: exp.Expr) -> Field | None:
    """The field that an expression is, where it is one and not the first of several."""
    field = find(node)
    return None if field is None or field.parts else field


def _tried(conditions: Conditions, node: exp.Expr) -> str:
    """What is said where `node` is TRUE; nothing where that cannot be said."""
    try:
        return conditions.is_true(node)
    except Unsayable:
        return ""


def _spelled(raw: str) -> str:
    # a JSON null may be present, and may make nothing of concat
    return f'if(ispresent({raw}), coalesce(concat("{PRESENT}", {raw}), "{MISSING}"), "{MISSING}")'


def _lines(said: Iterable[str]) -> str:
    return ",\n    ".join(said)


def _column(column: Column) -> exp.Column:
    return exp.column(column.name, quoted=True)


def _is_event_time(node: exp.Expr) -> bool:
    return isinstance(node, exp.Column) and node.sql().lower() == "eventtime"


_SIGNS: Final[dict[type[exp.Expr], str]] = {exp.GTE: ">=", exp.GT: ">", exp.LT: "<", exp.LTE: "<="}


def _bound(node: exp.Expr) -> tuple[str, datetime] | None:
    """A bound on eventTime: as it is said, and its moment."""
    if not isinstance(node, (exp.GTE, exp.GT, exp.LT, exp.LTE)) or not _is_event_time(node.left):
        return None
    sign = _SIGNS[type(node)]
    literal = node.right.this if isinstance(node.right, exp.Cast) else node.right
    try:
        moment = datetime.fromisoformat(literal.name).replace(tzinfo=UTC)
    except ValueError:
        return None
    if not isinstance(literal, exp.Literal) or moment.microsecond:
        return None
    return f'c_eventTime {sign} "{PRESENT}{moment:%Y-%m-%dT%H:%M:%SZ}"', moment


def _time_chars(node: exp.Expr) -> int:
    """How many characters of eventTime, as it is spelled, tell all that is looked at."""
    parent = node.parent
    if isinstance(parent, (exp.TsOrDsToDate, exp.TsOrDsToTimestamp)):
        node, parent = parent, parent.parent
    if isinstance(parent, (exp.Year, exp.Month, exp.Day, exp.DayOfWeekIso)):
        return _DAY_CHARS
    if isinstance(parent, exp.Cast) and parent.is_type("DATE"):
        return _DAY_CHARS
    if isinstance(parent, (exp.TimestampTrunc, exp.DateTrunc)):
        unit = parent.text("unit").upper()
        return _DAY_CHARS if unit in _DAYS else _HOUR_CHARS if unit == "HOUR" else ALL
    return ALL


def _added(node: exp.AggFunc) -> exp.Expr:
    """An aggregate of events, as one of `finer`'s rows, each of which stands for `calls` of them."""
    calls = _column(CALLS_COLUMN)
    argument = node.this
    if isinstance(argument, exp.Distinct) or isinstance(
        node, (exp.Min, exp.Max, exp.AnyValue, exp.ApproxDistinct)
    ):
        return node.copy()
    if isinstance(node, exp.Count):
        if isinstance(argument, exp.Star):
            return _whole(calls)
        counted = exp.Not(this=exp.Is(this=argument.copy(), expression=exp.null()))
        return _whole(_where(counted, calls))
    if isinstance(node, exp.CountIf):
        return _whole(_where(argument.copy(), calls))
    if isinstance(node, exp.Sum):
        times = exp.Mul(this=calls, expression=exp.paren(argument.copy()))
        if infer_type(argument) == "INTEGER":
            return exp.cast(exp.Sum(this=times), "BIGINT")
        return _as_decimal(exp.Sum(this=times), find_scale(argument))
    if isinstance(node, exp.Avg):
        times = exp.Mul(this=calls, expression=exp.paren(exp.cast(argument.copy(), "DOUBLE")))
        counted = exp.Not(this=exp.Is(this=argument.copy(), expression=exp.null()))
        divided = exp.Div(this=exp.Sum(this=times), expression=exp.paren(_whole(_where(counted, calls))))
        # as a whole, so that what it is multiplied with comes after
        return _as_decimal(exp.paren(divided), find_scale(argument))
    raise UserError(
        f"CloudWatch counts, and `{node.sql('trino')}` is more than counting.",
        "Ask another engine: `engine=`.",
    )


def _as_decimal(number: exp.Expr, scale: int | None) -> exp.Expr:
    """A DECIMAL with as many digits after the point as what is added up has; any other number as it is."""
    return number if scale is None else exp.cast(number, f"DECIMAL(38, {scale})")


def _where(condition: exp.Expr, calls: exp.Expr) -> exp.Expr:
    return exp.Case().when(condition, calls.copy()).else_(exp.Literal.number(0))


def _whole(added: exp.Expr) -> exp.Expr:
    """A sum as COUNT has it: a whole number, and 0 of nothing."""
    return exp.cast(
        exp.Coalesce(this=exp.Sum(this=added.copy()), expressions=[exp.Literal.number(0)]), "BIGINT"
    )
