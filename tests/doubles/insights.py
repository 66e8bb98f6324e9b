"""The Logs Insights language, as AWS's user guide has it: read, checked and run over log events.

It knows nothing of who asks. What the guide leaves open is a choice of `Choices`, so that tests can ask with
each: a query whose answer depends on one of them depends on nothing that is written down.
"""

from __future__ import annotations

import functools
import json
import math
import operator
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

STATS: Final = 2
"""The most `stats` of a query (user guide, stats; newer pages speak of more)."""
DISCOVERED: Final = 200
"""The most fields that are discovered in an event (user guide, discovered fields)."""
BRANCHES: Final = 10
"""The most branches of `case` (user guide, general functions)."""

Value = Any
Row = dict[str, Value]


class Malformed(Exception):
    """The query is not one."""


@dataclass
class Choices:
    """What AWS's documentation does not say."""

    missing_compares: bool = False
    """What every comparison with a missing field is."""
    null_is_present: bool = False
    """Whether ispresent() holds for a JSON null."""
    missing_groups: bool = True
    """Whether `stats … by` keeps the groups of a missing field."""
    exact_distinct: int = 0
    """Up to how many values count_distinct is exact."""
    numbers: bool = True
    """Whether texts that look like numbers are compared as numbers."""
    booleans: tuple[str, str] = ("0", "1")
    """How a JSON boolean is written."""


@dataclass(frozen=True)
class Event:
    """A log event: when, by its own timestamp in milliseconds, and its text."""

    timestamp: int
    message: str
    group: str = ""
    discovers: bool = True
    source: str = ""
    parsed: Any = field(default=None, compare=False)
    """The message as JSON, where it is an object."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What expressions made of it: the same events are asked many questions."""


@dataclass(frozen=True)
class Answer:
    """Names and rows of text, in order; where rows are log events, the events they are."""

    rows: list[list[tuple[str, str]]]
    matched: int


@dataclass(frozen=True)
class Source:
    """What the first command says of where to look."""

    prefixes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ("STANDARD",)


class Query:
    """A query, checked when it is made. Malformed."""

    def __init__(self, text: str, choices: Choices) -> None:
        self._choices = choices
        self._tokens = _Tokens(_without_comments(text))
        self.source: Source | None = None
        self.facets: dict[str, tuple[str, ...]] = {}
        """What filterIndex asks for."""
        self._made: dict[str, tuple[str, Callable[[Row], Value]]] = {}
        """While rows are events: what `fields` has made so far, by its key and when it is first looked at."""
        self._commands: list[tuple[str, Any]] = []
        self._read()
        self._check()

    # --- reading

    def _read(self) -> None:
        while True:
            name = self._tokens.word().lower()
            if name == "source":
                if self._commands or self.source is not None:
                    raise Malformed("SOURCE must be the first command")
                self.source = self._read_source()
            elif name == "filterindex":
                facet = self._tokens.word()
                self._tokens.expect("in")
                self.facets[facet] = tuple(map(str, self._read_literals()))
            else:
                reader = getattr(self, f"_read_{name}", None)
                if reader is None:
                    raise Malformed(f"unknown command {name}")
                self._commands.append((name, reader()))
            if self._tokens.at_end():
                return
            self._tokens.expect("|")

    def _read_source(self) -> Source:
        self._tokens.expect("logGroups")
        self._tokens.expect("(")
        given: dict[str, tuple[str, ...]] = {}
        while not self._tokens.take(")"):
            key = self._tokens.word()
            self._tokens.expect(":")
            given[key] = tuple(map(str, self._read_literals()))
            self._tokens.take(",")
        if len(given.get("namePrefix", ())) > 5:
            raise Malformed("at most five prefixes")
        return Source(given.get("namePrefix", ()), given.get("class", ("STANDARD",)))

    def _read_literals(self) -> list[Value]:
        self._tokens.expect("[")
        values = []
        while not self._tokens.take("]"):
            values.append(self._tokens.literal())
            self._tokens.take(",")
        return values

    def _read_named(self) -> list[tuple[str, Node]]:
        """`expression as name, …`."""
        said = []
        while True:
            start = self._tokens.position()
            node = self._expression()
            text = self._tokens.since(start)
            name = self._tokens.name() if self._tokens.take("as") else text
            said.append((name, node))
            if not self._tokens.take(","):
                return said

    def _read_fields(self) -> list[tuple[str, Node]]:
        return self._read_named()

    _read_display = _read_fields

    def _read_filter(self) -> Node:
        return self._expression()

    def _read_where(self) -> Node:
        return self._expression()

    def _read_limit(self) -> int:
        return int(self._tokens.literal())

    def _read_dedup(self) -> list[tuple[str, Node]]:
        return self._read_named()

    def _read_sort(self) -> list[tuple[Node, bool]]:
        said = []
        while True:
            node = self._expression()
            descending = self._tokens.take("desc") or not (self._tokens.take("asc") or True)
            said.append((node, descending))
            if not self._tokens.take(","):
                return said

    def _read_parse(self) -> tuple[Node, str, bool, list[str]]:
        node = self._primary()
        is_regex = self._tokens.is_regex()
        pattern = self._tokens.regex() if is_regex else str(self._tokens.literal())
        names = []
        if self._tokens.take("as"):
            names.append(self._tokens.name())
            while self._tokens.take(","):
                names.append(self._tokens.name())
        return node, pattern, is_regex, names

    def _read_stats(self) -> tuple[list[tuple[str, Node]], list[tuple[str, Node]]]:
        made = self._read_named()
        by = self._read_named() if self._tokens.take("by") else []
        return made, by

    # --- expressions

    def _expression(self) -> Node:
        left = self._conjunction()
        while self._tokens.take("or"):
            right = self._conjunction()
            left = Node("or", [left, right])
        return left

    def _conjunction(self) -> Node:
        left = self._negation()
        while self._tokens.take("and"):
            right = self._negation()
            left = Node("and", [left, right])
        return left

    def _negation(self) -> Node:
        if self._tokens.take("not"):
            return Node("not", [self._negation()])
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        negated = self._tokens.take("not")
        if self._tokens.take("like"):
            if self._tokens.is_regex():
                node = Node("matches", [left], self._tokens.regex())
            else:
                node = Node("has", [left], str(self._tokens.literal()))
        elif self._tokens.take("in"):
            node = Node("in", [left], self._read_literals())
        elif negated:
            raise Malformed("`not` before nothing")
        else:
            for sign in ("<=", ">=", "!=", "=~", "=", "<", ">"):
                if self._tokens.take(sign):
                    if sign == "=~":
                        return Node("matches", [left], self._tokens.regex())
                    return Node(sign, [left, self._sum()])
            return left
        return Node("but not", [node.children[0], node]) if negated else node

    def _sum(self) -> Node:
        left = self._product()
        while True:
            sign = next((sign for sign in "+-" if self._tokens.take(sign)), "")
            if not sign:
                return left
            left = Node(sign, [left, self._product()])

    def _product(self) -> Node:
        left = self._primary()
        while True:
            sign = next((sign for sign in ("*", "%") if self._tokens.take(sign)), "")
            if not sign and not self._tokens.is_regex() and self._tokens.take("/"):
                sign = "/"
            if not sign:
                return left
            left = Node(sign, [left, self._primary()])

    def _primary(self) -> Node:
        if self._tokens.take("("):
            inside = self._expression()
            self._tokens.expect(")")
            return inside
        if self._tokens.is_literal():
            return Node("literal", [], self._tokens.literal())
        path = self._tokens.path()
        if self._tokens.take("("):
            return self._call(path[0])
        return Node("field", [], path)

    def _call(self, name: str) -> Node:
        arguments: list[Node] = []
        while not self._tokens.take(")"):
            if self._tokens.take("*"):
                arguments.append(Node("literal", [], 1))
            elif (period := self._tokens.period()) is not None:
                arguments.append(Node("literal", [], period))
            else:
                arguments.append(self._expression())
            self._tokens.take(",")
        lower = name.lower()
        if lower not in _FUNCTIONS and lower not in _AGGREGATES and lower not in _SPECIAL:
            raise Malformed(f"unknown function {name}")
        if lower == "case" and len(arguments) // 2 > BRANCHES:
            raise Malformed(f"case takes at most {BRANCHES} branches")
        return Node("call", arguments, lower)

    # --- what the guide forbids

    def _check(self) -> None:
        names = [name for name, _ in self._commands]
        stats = [at for at, name in enumerate(names) if name == "stats"]
        if len(stats) > STATS:
            raise Malformed(f"a query can have at most {STATS} stats commands")
        if stats and any(name in {"sort", "limit"} for name in names[: stats[-1]]):
            raise Malformed("sort and limit must come after the last stats")
        if "dedup" in names and set(names[names.index("dedup") + 1 :]) - {"limit"}:
            raise Malformed("only limit can be used after dedup")
        visible: set[str] | None = None
        for name, said in self._commands:
            nodes = _nodes(name, said)
            if visible is not None:
                unknown = {path for node in nodes for path in node.fields()} - visible
                if unknown:
                    raise Malformed(f"{min(unknown)} is not defined by the stats before")
            if name == "stats":
                made, by = said
                visible = {each for each, _ in (*made, *by)}
            elif visible is not None and name == "fields":
                visible |= {each for each, _ in said}

    # --- running

    def run(self, events: Iterable[Event], limit: int) -> Answer:
        """Its answer over `events`, of which the first `limit` rows count."""
        rows: list[Row] = [{"": event} for event in events]
        matched = 0
        shown: list[str] = []
        is_stats = False
        self._made = {}
        for name, said in self._commands:
            if name in {"filter", "where"}:
                test = self._compile(said)
                rows = [row for row in rows if _truth(test(row))]
                matched = matched if is_stats else len(rows)
            elif name == "fields":
                rows = self._fields(rows, said, is_stats=is_stats)
                shown += [each for each, _ in said if each not in shown]
            elif name == "display":
                made = [(each, self._compile(node)) for each, node in said]
                rows = [_with(row, made) for row in self._settled(rows)]
                shown = [each for each, _ in said]
            elif name == "stats":
                rows = self._stats(rows, *said)
                self._made = {}
                shown = [*(each for each, _ in said[1]), *(each for each, _ in said[0])]
                is_stats = True
            elif name == "sort":
                for node, descending in reversed(said):
                    key = self._compile(node)
                    rows.sort(key=functools.partial(_by, key), reverse=descending)
            elif name == "limit":
                limit = min(limit, said)
            elif name == "dedup":
                keys = [self._compile(node) for _, node in said]
                once: dict[tuple[str, ...], Row] = {}
                for row in rows:
                    once.setdefault(tuple(repr(key(row)) for key in keys), row)
                rows = list(once.values())
            elif name == "parse":
                rows = [self._parsed(row, said) for row in self._settled(rows)]
                shown += said[3]
        kept = rows[:limit]
        read = [(name, self._reader((name,))) for name in shown or ["@timestamp", "@message"]]
        return Answer([self._written(row, read, is_stats=is_stats) for row in kept], matched or len(kept))

    def _fields(self, rows: list[Row], said: list[tuple[str, Node]], *, is_stats: bool) -> list[Row]:
        """The rows with more fields: those of events are found when they are looked at, and remembered."""
        made = [(name, node, self._compile(node)) for name, node in said]
        if is_stats:
            return [_with(row, [(name, evaluate) for name, _, evaluate in made]) for row in rows]
        self._made |= {
            name: (key := self._key(node), _remembering(key, evaluate)) for name, node, evaluate in made
        }
        return rows

    def _settled(self, rows: list[Row]) -> list[Row]:
        """The rows with what `fields` made, which the next command may write over."""
        made = [(name, read) for name, (_, read) in self._made.items()]
        self._made = {}
        return [_with(row, made) for row in rows]

    def _key(self, node: Node) -> str:
        """What tells an expression over an event from every other, with the names that it stands on."""
        names = sorted({path.partition(".")[0] for path in node.fields()} & set(self._made))
        return sys.intern(f"{self._choices} {node} {[self._made[name][0] for name in names]}")

    def _written(
        self, row: Row, read: Sequence[tuple[str, Callable[[Row], Value]]], *, is_stats: bool
    ) -> list[tuple[str, str]]:
        said = []
        for name, value_of in read:
            value = value_of(row)
            if value is not None and not isinstance(value, (dict, list)):
                said.append((name, self._text(value)))
        if not is_stats:
            event = row[""]
            said.append(("@ptr", f"{abs(hash((event.timestamp, event.message))):x}"))
        return said

    def _parsed(self, row: Row, said: tuple[Node, str, bool, list[str]]) -> Row:
        node, pattern, is_regex, names = said
        value = self._compile(node)(row)
        if is_regex:
            found = re.search(pattern.replace("(?<", "(?P<"), str(value)) if value is not None else None
            return row if found is None else row | found.groupdict()
        glob = "(.*?)".join(re.escape(part) for part in pattern.split("*"))
        found = re.search(glob if not pattern.endswith("*") else glob[:-2] + ")", str(value), re.DOTALL)
        return row if found is None else row | dict(zip(names, found.groups(), strict=True))

    def _stats(
        self, rows: Iterable[Row], made: list[tuple[str, Node]], by: list[tuple[str, Node]]
    ) -> list[Row]:
        keys = [self._compile(node) for _, node in by]
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            values = tuple(key(row) for key in keys)
            if not self._choices.missing_groups and None in values:
                continue
            groups.setdefault(values, []).append(row)
        if not by and not groups:
            groups[()] = []
        aggregates = [(name, self._aggregate(node)) for name, node in made]
        return [
            dict(zip([name for name, _ in by], values, strict=True))
            | {name: aggregate(group) for name, aggregate in aggregates}
            for values, group in groups.items()
        ]

    def _aggregate(self, node: Node) -> Callable[[list[Row]], Value]:
        if node.kind == "call" and node.value in _AGGREGATES:
            arguments = [self._compile(child) for child in node.children]
            function = _AGGREGATES[node.value]
            argument = arguments[0] if arguments else lambda _row: 1
            stamps = node.value in {"earliest", "latest"}
            is_one_of_them = stamps or node.value in {"min", "max", "sortsfirst", "sortslast"}

            def aggregate(group: list[Row]) -> Value:
                if (
                    is_one_of_them
                    and len(group) == 1
                    and not isinstance(only := argument(group[0]), (dict, list))
                ):
                    return only
                if stamps:
                    group = sorted(group, key=lambda row: row[""].timestamp)
                values = [value for row in group if (value := argument(row)) is not None]
                if any(isinstance(value, (dict, list)) for value in values):
                    raise Malformed("maps and lists cannot be used in stats")
                if node.value == "count_distinct":
                    number = len({self._text(value) for value in values})
                    return number if number <= self._choices.exact_distinct else number + 1
                return function(values)

            return aggregate
        if node.kind in "+-*/":
            left, right = (self._aggregate(child) for child in node.children)
            return lambda group: _arithmetic(node.kind, left(group), right(group))
        if node.kind == "literal":
            return lambda _group: node.value
        raise Malformed("stats takes aggregates")

    # --- expressions, as functions of a row

    def _compile(self, node: Node) -> Callable[[Row], Value]:
        kind = node.kind
        if kind == "literal":
            return lambda _row, value=node.value: value  # type: ignore[misc]
        if kind == "field":
            return self._reader(node.value)
        if kind == "call":
            return self._compile_call(node)
        parts = [self._compile(child) for child in node.children]
        if kind == "and":
            return lambda row: _truth(parts[0](row)) and _truth(parts[1](row))
        if kind == "or":
            return lambda row: _truth(parts[0](row)) or _truth(parts[1](row))
        if kind == "not":
            return lambda row: not _truth(parts[0](row))
        if kind == "but not":
            return lambda row: (
                self._choices.missing_compares if parts[0](row) is None else not _truth(parts[1](row))
            )
        if kind in "+-*/%":
            return lambda row: _arithmetic(kind, parts[0](row), parts[1](row))
        return self._compile_comparison(node, parts)

    def _compile_comparison(self, node: Node, parts: list[Callable[[Row], Value]]) -> Callable[[Row], Value]:
        missing, kind = self._choices.missing_compares, node.kind
        if kind == "matches":
            pattern = re.compile(node.value)
            test: Callable[[Value], bool] = lambda value: pattern.search(self._text(value)) is not None  # noqa: E731
        elif kind == "has":
            test = lambda value: node.value in self._text(value)  # noqa: E731
        elif kind == "in":
            among = functools.cache(lambda value: any(self._same(value, each) for each in node.value))
            test = lambda value: among(value) if isinstance(value, str) else among.__wrapped__(value)  # noqa: E731
        else:
            compare = _COMPARISONS[kind]
            return lambda row: self._compared(compare, parts[0](row), parts[1](row))
        return self._remembered(
            node, lambda row: missing if (value := parts[0](row)) is None else test(value)
        )

    def _remembered(self, node: Node, evaluate: Callable[[Row], Value]) -> Callable[[Row], Value]:
        """The same; found once of each event, while rows are events."""
        return _remembering(self._key(node), evaluate) if self._made else evaluate

    def _compared(self, compare: Callable[[Value, Value], bool], left: Value, right: Value) -> bool:
        if left is None or right is None:
            return self._choices.missing_compares
        if isinstance(left, (dict, list)) or isinstance(right, (dict, list)):
            return False
        if isinstance(left, str) and isinstance(right, str) and not _is_like_a_number(left, right):
            return compare(left, right)
        return compare(*(self._numbers(left, right) or (self._text(left), self._text(right))))

    def _same(self, left: Value, right: Value) -> bool:
        numbers = self._numbers(left, right)
        return numbers[0] == numbers[1] if numbers else self._text(left) == self._text(right)

    def _numbers(self, left: Value, right: Value) -> tuple[Any, Any] | None:
        pair = _number(left), _number(right)
        texts = isinstance(left, str) and isinstance(right, str)
        return None if None in pair or (texts and not self._choices.numbers) else pair

    def _compile_call(self, node: Node) -> Callable[[Row], Value]:
        parts = [self._compile(child) for child in node.children]
        name = node.value
        if name == "ispresent":
            if not self._choices.null_is_present:
                return self._remembered(node, lambda row: parts[0](row) is not None)
            is_null = self._null_test(node.children[0])
            return self._remembered(node, lambda row: parts[0](row) is not None or is_null(row))
        if name == "coalesce":
            return lambda row: next((value for part in parts if (value := part(row)) is not None), None)
        if name == "if":
            return lambda row: parts[1](row) if _truth(parts[0](row)) else parts[2](row)
        if name == "case":
            return lambda row: _case(parts, row)
        if name == "bin":
            return lambda row: row[""].timestamp // parts[0](row) * parts[0](row)
        if name in _AGGREGATES:
            raise Malformed(f"{name} belongs to stats")
        function = _FUNCTIONS[name]
        return lambda row: function(*(self._argument(part(row)) for part in parts))

    def _argument(self, value: Value) -> Value:
        return self._choices.booleans[value] if isinstance(value, bool) else value

    def _text(self, value: Value) -> str:
        if isinstance(value, bool):
            return self._choices.booleans[value]
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)

    # --- fields

    def _reader(self, path: tuple[str, ...]) -> Callable[[Row], Value]:
        whole = ".".join(path)
        if whole in self._made:
            return self._made[whole][1]
        if path[0] in self._made:
            outer = self._made[path[0]][1]
            return lambda row: _within(outer(row), path[1:])
        return lambda row: row[whole] if whole in row else self._field(row, path, whole)

    def _field(self, row: Row, path: tuple[str, ...], whole: str) -> Value:
        if path[0] in row:
            return _within(row[path[0]], path[1:])
        event = row.get("")
        if event is None:
            return None
        if whole.startswith("@"):
            return _system(event, whole)
        return _discovered(event).get(whole) if event.discovers else None

    def _null_test(self, node: Node) -> Callable[[Row], bool]:
        """Whether a field is a JSON null."""
        if node.kind != "field" or len(node.value) < 2:
            return lambda _row: False
        outer = self._reader(node.value[:1])

        def is_null(row: Row) -> bool:
            within = _within(outer(row), node.value[1:-1])
            return isinstance(within, dict) and node.value[-1] in within

        return is_null


@dataclass(frozen=True)
class Node:
    """A piece of an expression."""

    kind: str
    children: list[Node]
    value: Any = None

    def fields(self) -> Iterator[str]:
        """The fields that it reads."""
        if self.kind == "field":
            yield ".".join(self.value)
        for child in self.children:
            yield from child.fields()


def _nodes(name: str, said: Any) -> list[Node]:
    if name in {"filter", "where"}:
        return [said]
    if name in {"fields", "display", "dedup"}:
        return [node for _, node in said]
    if name == "stats":
        return [node for part in said for _, node in part]
    if name == "sort":
        return [node for node, _ in said]
    return [said[0]] if name == "parse" else []


# --- values


def _with(row: Row, made: Sequence[tuple[str, Callable[[Row], Value]]]) -> Row:
    return row | {name: evaluate(row) for name, evaluate in made}


def _remembering(key: str, evaluate: Callable[[Row], Value]) -> Callable[[Row], Value]:
    """The same, found once of each event."""

    def read(row: Row) -> Value:
        memo = row[""].memo
        if key not in memo:
            memo[key] = evaluate(row)
        return memo[key]

    return read


def _truth(value: Value) -> bool:
    return value is True or value == 1


_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")
_COMPARISONS: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}


def _is_like_a_number(left: str, right: str) -> bool:
    """Whether both may be: most texts are not, and need no second look."""
    return left[:1] in "-0123456789" and right[:1] in "-0123456789"


def _number(value: Value) -> float | None:
    if isinstance(value, str):
        return float(value) if value[:1] in "-0123456789" and _NUMBER.fullmatch(value) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _by(key: Callable[[Row], Value], row: Row) -> tuple[int, Any]:
    return _sortable(key(row))


def _sortable(value: Value) -> tuple[int, Any]:
    if value is None:
        return (0, "")
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))


def _arithmetic(sign: str, left: Value, right: Value) -> Value:
    one, two = _number(left), _number(right)
    if one is None or two is None:
        return None
    if sign in "/%" and two == 0:
        return None
    return {"+": one + two, "-": one - two, "*": one * two}.get(sign, one / two if sign == "/" else one % two)


def _case(parts: Sequence[Callable[[Row], Value]], row: Row) -> Value:
    for at in range(0, len(parts) - 1, 2):
        if _truth(parts[at](row)):
            return parts[at + 1](row)
    return parts[-1](row) if len(parts) % 2 else None


def _within(value: Value, path: Sequence[str]) -> Value:
    for key in path:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def _system(event: Event, name: str) -> Value:
    return {
        "@message": event.message,
        "@timestamp": event.timestamp,
        "@log": event.group,
        "@data_source_name": event.source or None,
    }.get(name)


def _discovered(event: Event) -> Mapping[str, Value]:
    found: dict[str, Value] = {}

    def flatten(value: Value, path: str) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                flatten(each, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for at, each in enumerate(value):
                flatten(each, f"{path}.{at}")
        elif value is not None and len(found) < DISCOVERED:
            found[path] = value

    flatten(event.parsed, "")
    return found


def _text_or_none(value: Value) -> str | None:
    return None if value is None or isinstance(value, (dict, list)) else str(value)


def _of_text(function: Callable[..., Value]) -> Callable[..., Value]:
    """A function of texts: of a map, a list or nothing it is nothing."""

    def call(first: Value, *rest: Value) -> Value:
        text = _text_or_none(first)
        return None if text is None else function(text, *rest)

    return call


@functools.cache
def _json_parse(text: Value) -> Value:
    try:
        parsed = json.loads(text)
    except (TypeError, ValueError):
        return None
    return parsed if isinstance(parsed, (dict, list)) else None


def _json_stringify(value: Value) -> Value:
    return (
        json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if isinstance(value, (dict, list))
        else None
    )


def _substr(text: str, start: int, length: int | None = None) -> str:
    return text[start:] if length is None else text[start : start + length]


_FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "jsonparse": _json_parse,
    "jsonstringify": _json_stringify,
    "concat": lambda *parts: None if None in parts else "".join(map(str, parts)),
    "tolower": _of_text(str.lower),
    "toupper": _of_text(str.upper),
    "trim": _of_text(lambda text, letters=None: text.strip(letters)),
    "ltrim": _of_text(lambda text, letters=None: text.lstrip(letters)),
    "rtrim": _of_text(lambda text, letters=None: text.rstrip(letters)),
    "strlen": _of_text(len),
    "substr": _of_text(_substr),
    "replace": _of_text(lambda text, old, new: text.replace(old, new)),
    "strcontains": _of_text(
        lambda text, part, any_case=False: int(part.lower() in text.lower() if any_case else part in text)
    ),
    "startswith": _of_text(lambda text, part: int(text.startswith(part))),
    "endswith": _of_text(lambda text, part: int(text.endswith(part))),
    "isempty": lambda value: int(value is None or value == ""),
    "isblank": lambda value: int(value is None or not str(value).strip()),
    "abs": lambda value: None if _number(value) is None else abs(_number(value) or 0),
    "floor": lambda value: None if _number(value) is None else math.floor(_number(value) or 0),
    "datefloor": lambda stamp, period: stamp // period * period,
    "dateceil": lambda stamp, period: -(-stamp // period) * period,
}
_SPECIAL: Final = frozenset({"ispresent", "coalesce", "if", "case", "bin"})
_AGGREGATES: Final[Mapping[str, Callable[[list[Value]], Value]]] = {
    "count": len,
    "count_distinct": len,
    "min": lambda values: min(values, key=_sortable, default=None),
    "max": lambda values: max(values, key=_sortable, default=None),
    "sum": lambda values: sum(number for value in values if (number := _number(value)) is not None),
    "avg": lambda values: sum(map(float, values)) / len(values) if values else None,
    "sortsfirst": lambda values: min(values, key=_sortable, default=None),
    "sortslast": lambda values: max(values, key=_sortable, default=None),
    "earliest": lambda values: values[0] if values else None,
    "latest": lambda values: values[-1] if values else None,
}


# --- words


def _without_comments(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        quote, kept = "", line
        for at, character in enumerate(line):
            if quote:
                quote = "" if character == quote else quote
            elif character in "\"'`":
                quote = character
            elif character == "#":
                kept = line[:at]
                break
        lines.append(kept)
    return "\n".join(lines)


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"[^"\\]*"|'[^'\\]*')
      | (?P<number>\d+(?:\.\d+)?)(?![A-Za-z])
      | (?P<period>\d+[a-z]+)
      | (?P<word>(?:@{0,2}[A-Za-z_][A-Za-z0-9_]*|`[^`]+`)(?:\.(?:[A-Za-z0-9_]+|`[^`]+`))*)
      | (?P<sign><=|>=|!=|=~|[|()\[\],:=<>+\-*/%])
    )""",
    re.VERBOSE,
)
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class _Tokens:
    """The words of a text, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def _match(self) -> re.Match[str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise Malformed(f"unexpected symbol at {self._text[self._at : self._at + 20]!r}")
        return found

    def at_end(self) -> bool:
        return not self._text[self._at :].strip()

    def position(self) -> int:
        return self._at

    def since(self, start: int) -> str:
        return self._text[start : self._at].strip()

    def take(self, wanted: str) -> bool:
        """Whether the next word is `wanted`, which is then behind."""
        if self.at_end():
            return False
        found = _TOKEN.match(self._text, self._at)
        if found is None or (found["word"] or found["sign"] or "").lower() != wanted.lower():
            return False
        self._at = found.end()
        return True

    def expect(self, wanted: str) -> None:
        if not self.take(wanted):
            raise Malformed(f"expected {wanted} at {self._text[self._at : self._at + 20]!r}")

    def word(self) -> str:
        found = self._match()
        if found["word"] is None:
            raise Malformed(f"expected a word at {found[0]!r}")
        self._at = found.end()
        return found["word"]

    def name(self) -> str:
        return self.word().strip("`")

    def path(self) -> tuple[str, ...]:
        return tuple(each.strip("`") for each in re.findall(r"`[^`]+`|[^.`]+", self.word()))

    def is_literal(self) -> bool:
        found = self._match()
        return (
            found["text"] is not None
            or found["number"] is not None
            or ((found["word"] or "").lower() in {"true", "false"})
        )

    def literal(self) -> Value:
        found = self._match()
        self._at = found.end()
        if found["text"] is not None:
            return found["text"][1:-1]
        if found["number"] is not None:
            return float(found["number"]) if "." in found["number"] else int(found["number"])
        if (found["word"] or "").lower() in {"true", "false"}:
            return found["word"].lower() == "true"
        raise Malformed(f"expected a value at {found[0]!r}")

    def period(self) -> int | None:
        """`5m` in milliseconds."""
        found = self._match()
        if found["period"] is None:
            return None
        self._at = found.end()
        number, unit = re.fullmatch(r"(\d+)([a-z]+)", found["period"]).groups()  # type: ignore[union-attr]
        if unit not in _UNITS:
            raise Malformed(f"unknown period {found['period']}")
        return int(number) * _UNITS[unit]

    def is_regex(self) -> bool:
        return self._text[self._at :].lstrip().startswith("/")

    def regex(self) -> str:
        found = re.compile(r"\s*/((?:[^/\\]|\\.)*)/").match(self._text, self._at)
        if found is None:
            raise Malformed("expected a regular expression")
        self._at = found.end()
        return found[1]
