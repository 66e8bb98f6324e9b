"""Views: the questions that can be asked, one `.sql` file each, in CloudTrail Lake's dialect.

A file opens with a header of `-- key: value` lines and holds one SELECT from `$EDS_ID`:

    -- title: Calls per service over outdated TLS
    -- about: How many calls each service received.
    -- source: where the query comes from
    -- by: service                                   (optional: what one row is, in a word)
    -- chart: bar eventSource numOutdatedTlsCalls    (optional: bar, line or pie; x; one or more series)
    -- top: numHeldBack                              (optional: what `top=` goes by, else the calls)

Blanks: `:start` and `:end` (always, on eventTime), `:outdated` (the asker's policy), and what an event says,
else NULL: `:version` (in CloudTrail's spelling), `:unread` (a text in place of a version that is none, as
`:unread_suite` and `:unread_exchange` are of those), `:suite`, `:weakness` (why the suite is weak),
`:exchange` (the key exchange), `:classical`, `:pq` and `:cnsa` (whether that is not post-quantum, whether it
is, whether it is ML-KEM-1024), `:host`, `:agent`,
`:unsupported` (whether its client calls itself an SDK that is out of support on the day of the question).
`:limited`, in place of `:outdated`, is whether a call breaks the policy by nothing but what its endpoint
lacks.
`:principal` and `:role` (a role in place of its sessions) are never NULL.

Views keep to what every engine shares: one SELECT without WITH, joins, subqueries or LIMIT, and an
alias for every column that is not simply a name. All this is checked when a view is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.errors import UserError
from bot.question import functions
from bot.question.types import TEXT_BLANKS, find_type, infer_type
from bot.table import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlglot import exp


SHIPPED: Final = Path(__file__).parents[1] / "views"
PLACEHOLDERS: Final = TEXT_BLANKS | {
    *("start", "end", "outdated", "limited", "classical", "pq", "cnsa", "unsupported")
}
CHART_KINDS: Final = frozenset({"bar", "line", "pie"})
RESERVED: Final = frozenset(
    {"cancel", "help", "last", "on", "past", "private", "runs"}
    | {"since", "this", "today", "until", "views", "yesterday"}
)
"""Words that mean something else in a question, so that no view may take them as its name."""


VIEW_NAME_CHARS: Final = 31
"""The longest name of a view."""

_VIEW_NAME = re.compile(r"[a-z][a-z0-9-]*")
_HEADER = re.compile(r"--\s*([a-z]+):\s*(.*?)\s*")
_KEYS = frozenset({"title", "about", "source", "by", "chart", "top"})


@dataclass(frozen=True, slots=True)
class Chart:
    """How to draw a view's table: `x` and each of `series` are names of its columns."""

    kind: str
    x: str
    series: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A question with its blanks, read from `name`.sql. The tree is shared: copy it before a change."""

    name: str
    title: str
    about: str
    source: str
    by: str
    """What one row is, in one word for "by client"; empty where the title says enough."""
    chart: Chart | None
    select: exp.Select
    columns: tuple[Column, ...]
    measure: str
    """The column that counts calls or events; empty where each row is one event."""
    has_policy: bool
    """Whether the SQL says `:outdated`. A view without it refuses policy words."""
    narrows: bool = False
    """Whether the SQL leaves out calls for a reason of its own, so that no rows do not mean no calls."""
    first: str = ""
    """The column that the header names as `top`; empty for the calls."""

    @property
    def top(self) -> str:
        """The column of which the most come first, with `top=` and where not all rows are shown."""
        return self.first or self.measure


def load(own: Path | None = None) -> dict[str, View]:
    """Every shipped view by name, then those of the folder `own`. A broken file raises UserError."""
    views = {path.stem: _shipped(path) for path in sorted(SHIPPED.glob("*.sql"))}
    if own is not None:
        if not own.is_dir():
            raise UserError(f"No folder {own}.", "TLS_AUDIT_VIEWS names a folder of .sql files.")
        for view in map(_read, sorted(own.glob("*.sql"))):
            if view.name in views:
                raise UserError(f"{own / view.name}.sql has the name of a shipped view.", "Rename it.")
            views[view.name] = view
    return views


class Lazily(Mapping[str, View]):
    """The views of `load`, each shipped one read when it is first asked for: a question needs two of them.

    A broken file of one's own raises UserError here; a shipped one is not broken.
    """

    def __init__(self, own: Path | None = None) -> None:
        self._shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.sql"))}
        self._read = {} if own is None else load(own)

    def __getitem__(self, name: str) -> View:
        if name not in self._read:
            self._read[name] = _shipped(self._shipped[name])
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._shipped, **self._read})

    def __len__(self) -> int:
        return len({**self._shipped, **self._read})


def _read(path: Path) -> View:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"View {path}: {error}.") from error
    return parse(path.stem, text, where=str(path))


_shipped: Final = cache(_read)
"""A shipped view, read once: it does not change while this process runs."""


def parse(name: str, text: str, *, where: str) -> View:
    """The view in `text`. UserError says `where`, and on which line, it is broken."""
    broken = _Broken(where)
    if len(name) > VIEW_NAME_CHARS:
        raise broken(f"a view's name has at most {VIEW_NAME_CHARS} characters, and `{name}` has {len(name)}")
    if not _VIEW_NAME.fullmatch(name) or name in RESERVED:
        raise broken("a view is named with a-z, 0-9 and -, and not with a word of the question itself")
    header = _read_header(text, broken)
    select = _parse_select(text, broken)
    _check_shape(select, broken)
    _check_columns(select, broken)
    _check_functions(select, broken)
    columns = tuple(_promised(projection, broken) for projection in select.expressions)
    first = header.get("top", "")
    if first and Column(first, "INTEGER") not in columns:
        raise broken("`top:` takes a column of whole numbers")
    placeholders = _placeholders(select)
    forget_lines(select)
    return View(
        name=name,
        title=header["title"],
        about=header["about"],
        source=header.get("source", ""),
        by=header.get("by", ""),
        chart=_read_chart(header.get("chart"), columns, broken),
        select=select,
        columns=columns,
        measure=_measure(select),
        has_policy=bool({"outdated", "limited"} & placeholders),
        narrows=select.args.get("having") is not None or not _said(select) <= {":outdated", *_WINDOW},
        first=first,
    )


class _Broken:
    """Makes the error for one file: its path, the line where it is known, what is wrong."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __call__(self, why: str, line: int | None = None) -> UserError:
        place = self._where if line is None else f"{self._where}:{line}"
        return UserError(f"View {place}: {why}.")


def _read_header(text: str, broken: _Broken) -> dict[str, str]:
    header: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--"):
            break
        match = _HEADER.fullmatch(line)
        if match is None or match[1] not in _KEYS or not match[2]:
            raise broken(f"the header takes `-- key: value` with {', '.join(sorted(_KEYS))}", number)
        header[match[1]] = match[2]
    for key in ("title", "about"):
        if key not in header:
            raise broken(f"the header lacks `-- {key}: …`", 1)
    return header


def _parse_select(text: str, broken: _Broken) -> exp.Select:
    import sqlglot
    from sqlglot import exp

    try:
        trees = sqlglot.parse(text, read="trino")
    except sqlglot.errors.ParseError as error:
        first = error.errors[0]
        raise broken(first["description"], first["line"]) from error
    except sqlglot.errors.SqlglotError as error:
        raise broken(str(error)) from error
    statements = [tree for tree in trees if tree is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise broken("a view is one SELECT")
    select = statements[0]
    for node in select.walk():
        node.comments = None  # a comment would be sent along with every query
    return select


def _check_shape(select: exp.Select, broken: _Broken) -> None:
    from sqlglot import exp

    banned: Mapping[type[exp.Expr], str] = {
        exp.With: "WITH is not known to every engine",
        exp.Join: "joins are not known to every engine",
        exp.Subquery: "a subquery is not known to every engine",
        exp.SetOperation: "UNION and its kin are not known to every engine",
        exp.Window: "window functions are not known to every engine",
        exp.Limit: "LIMIT is the asker's: `top=`",
        exp.Star: "name the columns instead of `*`",
    }
    for kind, why in banned.items():
        for node in select.find_all(kind):
            if isinstance(node, exp.Star) and isinstance(node.parent, exp.Count):
                continue
            raise broken(why, _line(node))
    tables = [table.sql() for table in select.find_all(exp.Table)]
    if tables != ["$EDS_ID"]:
        raise broken("a view reads FROM $EDS_ID")
    unknown = _placeholders(select) - PLACEHOLDERS
    if unknown:
        raise broken(f"no blank `:{min(unknown)}`; there are {', '.join(sorted(PLACEHOLDERS))}")
    if not _said(select) >= _WINDOW:
        raise broken("WHERE says `eventTime >= :start AND eventTime < :end`, joined by AND only")


_WINDOW: Final = frozenset({"eventTime >= :start", "eventTime < :end"})


def _said(select: exp.Select) -> set[str]:
    return {condition.sql() for condition in conjuncts(select)}


def conjuncts(select: exp.Select) -> list[exp.Expr]:
    """The conditions of which all hold: what WHERE joins by AND, or the one that it is; none without one."""
    from sqlglot import exp

    where = select.args.get("where")
    waiting = [] if where is None else [where.this]
    found = []
    while waiting:
        condition = waiting.pop(0).unnest()
        if isinstance(condition, exp.And):
            waiting = [condition.left, condition.right, *waiting]
        else:
            found.append(condition)
    return found


def _check_columns(select: exp.Select, broken: _Broken) -> None:
    from sqlglot import exp

    for projection in select.expressions:
        if not projection.alias and not (isinstance(projection, exp.Column) and len(projection.parts) == 1):
            raise broken(
                f"give `{projection.sql()}` an alias, as engines name it differently", _line(projection)
            )
    aliases = {projection.alias.lower() for projection in select.expressions if projection.alias}
    for column in select.find_all(exp.Column):
        parts = [part.name for part in column.parts]
        in_order = column.find_ancestor(exp.Order) is not None
        if in_order and len(parts) == 1 and parts[0].lower() in aliases:
            continue
        if find_type(parts) is None:
            raise broken(f"no column `{'.'.join(parts)}` in CloudTrail Lake", _line(column))


def _check_functions(select: exp.Select, broken: _Broken) -> None:
    for node in select.walk():
        if why := functions.refusal(node):
            raise broken(why, _line(node))


def _promised(projection: exp.Expr, broken: _Broken) -> Column:
    type_ = infer_type(projection.unalias())
    if type_ is None:
        raise broken(f"the type of `{projection.sql()}` is not known: wrap it in CAST", _line(projection))
    return Column(projection.alias_or_name, type_)


def _measure(select: exp.Select) -> str:
    for projection in select.expressions:
        if projection.unalias().sql() == "COUNT(*)":
            return str(projection.alias_or_name)
    return ""


def _read_chart(words: str | None, columns: tuple[Column, ...], broken: _Broken) -> Chart | None:
    if words is None:
        return None
    kind, *names = words.split()
    promised = {column.name for column in columns}
    if kind not in CHART_KINDS or len(names) < 2 or not set(names) <= promised:
        raise broken(
            f"`chart:` takes {', '.join(sorted(CHART_KINDS))}, then the columns for x and its series"
        )
    return Chart(kind, names[0], tuple(names[1:]))


def _placeholders(select: exp.Select) -> set[str]:
    from sqlglot import exp

    return {node.name for node in select.find_all(exp.Placeholder)}


def forget_lines(tree: exp.Expr) -> None:
    """Have no node say where in its text it stood: carried along, that is half of what a copy costs."""
    for node in tree.walk():
        node._meta = None  # noqa: SLF001 - `meta.clear()` would leave a dict to be copied


def _line(node: exp.Expr) -> int | None:
    return next((found.meta["line"] for found in node.walk() if "line" in found.meta), None)
