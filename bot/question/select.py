"""View × Question → one SELECT in Lake's dialect; and what an engine makes of it.

All of it happens on the syntax tree. No string is ever pasted into SQL: values enter as literals,
and what an engine sends is generated from the tree.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Final

from sqlglot import exp, parse_one

from bot.clients.likes import as_regex
from bot.event_schema import ROLE, VERSIONS
from bot.question import blanks
from bot.question.filters import FILTERS, Match, spelled
from bot.question.owners import UNOWNED, Owner, merged
from bot.question.views import conjuncts, forget_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from datetime import date

    from bot.question.filters import Filter
    from bot.question.owners import Owners, Rule
    from bot.question.question import Policy, Question
    from bot.question.views import View


STORE: Final = "$EDS_ID"
"""What a SELECT is from when its question names no store; else it is from the store's alias."""


def build(question: Question, *, cap: int) -> exp.Select:
    """The SELECT that answers `question` with at most `cap` rows.

    It reads from `STORE`, or from the store the question names.
    With `top`, the rows with the most calls come first; otherwise the view's own order holds.
    """
    view = question.view
    select: exp.Select = view.select.copy()
    if question.store is not None:
        select.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(question.store, quoted=True))))
    _fill(select, question)
    narrow(select, *(_predicate(filter_) for filter_ in question.filters))
    if question.owner is not None:
        narrow(select, _owned(question.owners, question.owner))
    if question.top is not None and view.measure:
        by_measure = exp.Ordered(this=exp.column(view.measure), desc=True)
        order = select.args.get("order")
        rest = [item for item in order.expressions if item.name != view.measure] if order else []
        select.set("order", exp.Order(expressions=[by_measure, *rest]))
    select.set("limit", exp.Limit(expression=exp.Literal.number(min(question.top or cap, cap))))
    return select


def shape(question: Question) -> Hashable:
    """Equal for questions whose SELECTs are the same tree, but for the window, the limit, and letters and
    digits within literals: what an engine cannot say of one, it cannot say of the other."""
    filters = tuple(
        (each.word, each.negated, each.values if _is_spelled(each) else tuple(map(_pattern, each.values)))
        for each in question.filters
    )
    ordered = question.top is not None and bool(question.view.measure)
    return question.view, question.policy, question.store, ordered, filters, question.owner


def _is_spelled(filter_: Filter) -> bool:
    """Whether a value stands for other texts than its own."""
    return FILTERS[filter_.word].match in {Match.VERSION, Match.SUITE}


def _pattern(value: str) -> tuple[str, bool, bool]:
    """All of a value that `_matches` goes by, and as long as the value."""
    return value.translate(_ANY_LETTER), value.startswith("arn:"), ":role/" in value


_ANY_LETTER: Final = str.maketrans(dict.fromkeys(ascii_letters, "a") | dict.fromkeys(digits, "0"))


def narrow(select: exp.Select, *conditions: exp.Expr) -> None:
    """Add `conditions` to the WHERE, which is one flat AND from then on."""
    if said := [*conjuncts(select), *conditions]:
        select.set("where", exp.Where(this=exp.and_(*said, copy=False)))


def coverage(question: Question, views: Mapping[str, View]) -> Question:
    """What was read for `question`: the same window and filters, whatever the TLS."""
    filters = tuple(filter_ for filter_ in question.filters if not FILTERS[filter_.word].tls_fact)
    # who has an agent is asked only where that matters: there are many, and Logs Insights answers by each
    by_clients = question.policy is not None and question.policy.sdk is not None
    view = views["coverage-clients" if by_clients else "coverage"]
    return replace(question, view=view, policy=None, filters=filters, top=None)


def _fill(select: exp.Select, question: Question) -> None:
    window = question.window
    asked: dict[str, Callable[[], exp.Expr]] = {
        "start": lambda: exp.Literal.string(f"{window.start:%Y-%m-%d %H:%M:%S}"),
        "end": lambda: exp.Literal.string(f"{window.end:%Y-%m-%d %H:%M:%S}"),
        "outdated": lambda: _outdated(question.policy, question.on),
    }
    for placeholder in list(select.find_all(exp.Placeholder)):
        if placeholder.name in asked:
            placeholder.replace(asked[placeholder.name]())
        else:
            blanks.fill(placeholder)


MANY_LIKES: Final = 8
"""Fewer LIKEs of one text are left as they are."""


def shorten(tree: exp.Expr) -> None:
    """Within `tree`, say many LIKEs of one text as one regular expression, for an engine that takes no long
    statements. DuckDB is better off without: it tries a LIKE once for each text of a column's dictionary.
    """
    for either in list(tree.find_all(exp.Or)):
        if isinstance(either.parent, exp.Or):
            continue
        sides = list(either.flatten())
        patterns = [side.expression.name for side in sides if isinstance(side, exp.Like)]
        subject = sides[0].this
        if (
            len(patterns) == len(sides) >= MANY_LIKES
            and all(side.this == subject for side in sides)
            and not any("_" in pattern or "%" in pattern.strip("%") for pattern in patterns)
        ):
            text = exp.Literal.string(as_regex(patterns))
            either.replace(exp.RegexpLike(this=subject.copy(), expression=text))


def shortened(condition: exp.Expr) -> exp.Expr:
    """A copy of `condition`, in which `shorten` was at work."""
    within = exp.paren(condition)
    shorten(within)
    return within


# --- the policy


def _outdated(policy: Policy | None, on: date) -> exp.Expr:
    """True for a call that breaks `policy` as of a day; NULL or false, hence no row, where the event does not
    say.

    A policy without a clause leaves it to the versions that are asked by name: any that is said.
    """
    if policy is None:
        raise ValueError("a view that says :outdated is asked with a policy")
    clauses: list[exp.Expr] = []
    if policy.min_tls is not None:
        clauses.append(blanks.version_in(_older_than(policy.min_tls)))
    if policy.weak_cipher:
        clauses.extend(blanks.weaknesses())
    if policy.kx is not None:
        clauses.append(blanks.classical() if policy.kx == "classical" else blanks.below_cnsa())
    if policy.sdk is not None:
        from bot.clients import support  # its rows are read where they are asked for

        clauses.append(blanks.agent_is(support.clause(on if policy.sdk == "eol" else on + support.SOON)))
    return exp.paren(exp.or_(*clauses, copy=False), copy=False) if clauses else blanks.version_in(VERSIONS)


def _older_than(version: str) -> list[str]:
    names = list(VERSIONS)
    return names[: names.index(spelled(version))]


# --- the filters


def _predicate(filter_: Filter) -> exp.Expr:
    word = FILTERS[filter_.word]
    column = _parsed(word.column).copy()
    found = exp.or_(*_matches(column, word.match, filter_.values), copy=False)
    if not filter_.negated:
        return found
    # `x != 'a'` alone would also drop the events that have no x
    return exp.or_(
        exp.Is(this=column.copy(), expression=exp.null()),
        exp.Not(this=exp.paren(found, copy=False)),
        copy=False,
    )


@cache
def _parsed(expression: str) -> exp.Expr:
    """An expression of ours over Lake's columns. It is shared: copy it before a change."""
    parsed: exp.Expr = parse_one(expression, read="trino")
    forget_lines(parsed)
    return parsed


def _matches(column: exp.Expr, match_: Match, values: Sequence[str]) -> Iterable[exp.Expr]:
    """The conditions of which one holds where `column` has any of `values`."""
    match match_:
        case Match.WHOLE:
            return _whole(column, values)
        case Match.WHOLE_ANY_CASE:
            return _whole(exp.Lower(this=column), [value.lower() for value in values])
        case Match.PART:
            lower = exp.Lower(this=column)
            return (_like(lower, f"*{value.lower()}*") for value in values)
        case Match.NAME_IN_PATH:
            return (condition for value in values for condition in _name_in_path(column, value))
        case Match.VERSION:
            return [blanks.version_in(spelled(value) for value in values)]
        case Match.SUITE:
            return _whole(column, [name for value in values for name in blanks.suites_like(value)])


def _whole(subject: exp.Expr, values: Sequence[str]) -> Iterable[exp.Expr]:
    exact = [value for value in values if "*" not in value]
    if exact:
        yield subject.isin(*exact)
    for value in values:
        if "*" in value:
            yield _like(subject, value)


def _name_in_path(column: exp.Expr, value: str) -> Iterable[exp.Expr]:
    if value.startswith("arn:"):
        yield from _whole(column, [value])
        if ":role/" in value:
            # a role stands for its sessions, as in the view `findings`
            yield from _whole(_parsed(_SESSION_ROLE), [value])
        return
    yield from _whole(column, [value, f"{value}/*"])
    for before in (":", "/", "-") if "/" in value else (":", "/"):
        yield _like(column, f"*{before}{value}")
        yield _like(column, f"*{before}{value}/*")


_SESSION_ROLE: Final = f"COALESCE({ROLE}, '')"
"""The role of a session. Never NULL, so that what is excluded by it leaves the events of others in."""


def _like(subject: exp.Expr, pattern: str) -> exp.Expr:
    text = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    like = exp.Like(this=subject.copy(), expression=exp.Literal.string(text))
    return exp.Escape(this=like, expression=exp.Literal.string("\\")) if "\\" in text else like


# --- the owner


_THEIRS, _OTHERS = "theirs", "others"


def _owned(owners: Owners, team: str) -> exp.Expr:
    """True for the calls that are a team's, or nobody's: of the rules, the first that fits decides."""
    case = exp.Case()
    # the rules of others are one to it; what comes after its own last rule decides nothing
    theirs = [at for at, rule in enumerate(owners.rules) if rule.owner.team == team]
    looked_at = owners.rules if team == UNOWNED else owners.rules[: max(theirs, default=-1) + 1]
    named = (replace(rule, owner=Owner(_whose(rule, team))) for rule in looked_at)
    for rule in merged(named):
        case = case.when(_fits(rule), exp.Literal.string(rule.owner.team), copy=False)
    last = exp.Literal.string(_THEIRS if team == UNOWNED else _OTHERS)
    decided = case.else_(last, copy=False) if looked_at else last
    return exp.EQ(this=decided, expression=exp.Literal.string(_THEIRS))


def _whose(rule: Rule, team: str) -> str:
    return _THEIRS if rule.owner.team == team else _OTHERS


def _fits(rule: Rule) -> exp.Expr:
    """When a call fits a rule, as `Rule.fits` says; never NULL."""
    said: list[exp.Expr] = []
    if rule.principals:
        whole = exp.Literal.string(rf"(?s)\A(?:{rule.principals})\z")
        said.append(exp.RegexpLike(this=blanks.role(), expression=whole))
    if rule.apps:
        agent = exp.Coalesce(this=exp.column("userAgent"), expressions=[exp.Literal.string("")])
        apps = (_like(exp.Lower(this=agent), f"*{app}*") for app in rule.apps)
        said.append(exp.paren(exp.or_(*apps, copy=False), copy=False))
    return exp.and_(*said, copy=False) if said else exp.true()
