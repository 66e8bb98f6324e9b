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

from bot.event_schema import ROLE, VERSIONS
from bot.question import blanks
from bot.question.filters import FILTERS, STAR, Match, is_pattern, spelled
from bot.question.owners import UNOWNED, Owner, merged
from bot.question.question import Policy
from bot.question.views import conjuncts, forget_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from datetime import date

    from bot.clients.endpoint import Limit
    from bot.question.filters import Filter
    from bot.question.owners import Owners, Rule
    from bot.question.question import KeyExchange, Question
    from bot.question.views import View


STORE: Final = "$EDS_ID"
"""What a SELECT is from when its question names no store; else it is from the store's alias."""


def build(question: Question, *, cap: int) -> exp.Select:
    """The SELECT that answers `question` with at most `cap` rows.

    It reads from `STORE`, or from the store the question names.
    With `top`, the rows with the most of what the view counts come first; otherwise its own order holds.
    """
    view = question.view
    select: exp.Select = view.select.copy()
    if question.store is not None:
        select.set("from_", exp.From(this=exp.Table(this=exp.to_identifier(question.store, quoted=True))))
    _fill(select, question)
    narrow(select, *(_predicate(filter_) for filter_ in question.filters))
    if question.owner is not None:
        narrow(select, _owned(question.owners, question.owner))
    if question.top is not None and view.top:
        most_first = exp.Ordered(this=exp.column(view.top), desc=True)
        order = select.args.get("order")
        rest = [item for item in order.expressions if item.name != view.top] if order else []
        select.set("order", exp.Order(expressions=[most_first, *rest]))
    select.set("limit", exp.Limit(expression=exp.Literal.number(min(question.top or cap, cap))))
    return select


def shape(question: Question) -> Hashable:
    """Equal for questions whose SELECTs are the same tree, but for the window, the limit, and letters and
    digits within literals: what an engine cannot say of one, it cannot say of the other."""
    filters = tuple(
        (each.word, each.negated, each.values if _is_spelled(each) else tuple(map(_pattern, each.values)))
        for each in question.filters
    )
    ordered = question.top is not None and bool(question.view.top)
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
    view = _of_counts(views["coverage-clients" if by_clients else "coverage"])
    return replace(question, view=view, policy=None, filters=filters, top=None)


@cache
def _of_counts(view: View) -> View:
    """`view` without the texts that it finds among the events of a row. Whoever asks for it by name is shown
    them; an answer is judged by counts, and its question has the room in a statement that they would take."""
    counted = [
        (projection.copy(), column)
        for projection, column in zip(view.select.expressions, view.columns, strict=True)
        if column.type != "TEXT" or not isinstance(projection.unalias(), exp.AggFunc)
    ]
    select = view.select.copy()
    select.set("expressions", [projection for projection, _ in counted])
    return replace(view, select=select, columns=tuple(column for _, column in counted))


def endpoints(question: Question, views: Mapping[str, View]) -> Question | None:
    """Which calls of `question` are outdated because their endpoint offers no more; None where no endpoint is
    known to limit its policy, or where its rows are not all of the calls."""
    if question.view.narrows or not limits(question.policy):
        return None
    return replace(question, view=views["endpoints"], top=None)


def handshakes(question: Question, views: Mapping[str, View]) -> dict[str, Question]:
    """What everybody negotiated with hosts of the services, accounts and Regions of `question`, whatever its
    policy (`others`), and what the calls did that it asks for (`handshakes`), where that cannot be told from
    the versions of the former. Nothing where its rows name no clients, or it asks for no versions."""
    view, policy = question.view, question.policy
    names_clients = bool(view.measure) and any(column.name == "userAgent" for column in view.columns)
    if policy is None or view.narrows or not names_clients or _is_of_sdks(policy):
        return {}
    asked = replace(question, view=views["handshakes"], top=None)
    places = tuple(each for each in question.filters if each.word in _PLACES)
    others = replace(asked, filters=places, policy=Policy(min_tls=None), owner=None)
    if policy.min_tls in _FLOORS and replace(others, policy=Policy(min_tls=policy.min_tls)) == asked:
        return {"others": others}
    return {"others": others, "handshakes": asked}


_FLOORS: Final = frozenset({"1.2", "1.3"})
"""The versions that cards tell apart."""
_PLACES: Final = frozenset({"service", "account", "region", "host"})
"""The filters by where a call went, and not by who made it or how."""


def _is_of_sdks(policy: Policy) -> bool:
    return policy.sdk is not None and policy.min_tls is None and not policy.weak_cipher


def _fill(select: exp.Select, question: Question) -> None:
    window = question.window
    asked: dict[str, Callable[[], exp.Expr]] = {
        "start": lambda: exp.Literal.string(f"{window.start:%Y-%m-%d %H:%M:%S}"),
        "end": lambda: exp.Literal.string(f"{window.end:%Y-%m-%d %H:%M:%S}"),
        "outdated": lambda: _outdated(question.policy, question.on),
        "unsupported": lambda: _unsupported(question.on),
        "limited": lambda: _limited(question.policy, question.on),
    }
    for placeholder in list(select.find_all(exp.Placeholder)):
        if placeholder.name in asked:
            placeholder.replace(asked[placeholder.name]())
        else:
            blanks.fill(placeholder)


# --- the policy


def _outdated(policy: Policy | None, on: date) -> exp.Expr:
    """True for a call that breaks `policy` as of a day; NULL or false, hence no row, where the event does not
    say.

    A policy without a clause leaves it to the versions that are asked by name: any that is said.
    """
    if policy is None:
        raise ValueError("a view that says :outdated is asked with a policy")
    clauses = _of_the_client(policy, on)
    if policy.kx is not None:
        clauses.append(_key_exchange(policy.kx))
    return _any(clauses) if clauses else blanks.version_in(VERSIONS)


def _of_the_client(policy: Policy, on: date) -> list[exp.Expr]:
    """What a call breaks `policy` by, but for its key exchange."""
    clauses: list[exp.Expr] = []
    if policy.min_tls is not None and (older := _older_than(policy.min_tls)):
        clauses.append(blanks.version_in(older))
    if policy.weak_cipher:
        clauses.append(blanks.weak())
    if policy.sdk is not None:
        clauses.append(_unsupported(on, soon=policy.sdk == "eol-in-90d"))
    return clauses


def limits(policy: Policy | None) -> tuple[Limit, ...]:
    """What endpoints are known to lack of what `policy` asks."""
    if policy is None or (policy.kx is None and policy.min_tls != "1.3"):
        return ()
    from bot.clients import endpoint  # as below

    asked: endpoint.Policy = "min=1.3" if policy.kx is None else "kx=classical"
    return tuple(each for each in endpoint.limits() if each.limits(asked))


def _limited(policy: Policy | None, on: date) -> exp.Expr:
    """True for a call that breaks `policy` by nothing but what its endpoint lacks.

    Where TLS 1.3 is missing, a call over less than 1.2 is its client's; and so it is wherever it breaks the
    policy by a weak suite or by its SDK too. NULL or false where the event does not say its host.
    """
    if policy is None:
        raise ValueError("a view that says :limited is asked with a policy")
    hosts: dict[str, list[exp.Expr]] = {}
    for each in limits(policy):
        hosts.setdefault(each.lacks, []).append(blanks.limited(each))
    sides = []
    for lacks, at in hosts.items():
        is_excused = lacks == "TLS 1.3" and policy.min_tls == "1.3"
        breaks = [blanks.version_in(["TLSv1.2"])] if is_excused else []
        breaks += [_key_exchange(policy.kx)] if policy.kx else []
        floor = "1.2" if is_excused else policy.min_tls
        own = _of_the_client(replace(policy, min_tls=floor, weak_cipher=False, sdk=None), on)
        sides.append(exp.and_(_any(at), _any(breaks), *map(_not_true, own), copy=False))
    if not sides:
        return exp.false()
    own = _of_the_client(replace(policy, min_tls=None), on)
    return exp.paren(exp.and_(_any(sides), *map(_not_true, own), copy=False), copy=False)


def _any(conditions: Sequence[exp.Expr]) -> exp.Expr:
    return exp.paren(exp.or_(*conditions, copy=False), copy=False)


def _not_true(condition: exp.Expr) -> exp.Expr:
    """True where `condition` is false or NULL: what an event does not say, it does not break."""
    return exp.EQ(
        this=exp.Case().when(condition, exp.Literal.number(1)).else_(exp.Literal.number(0)),
        expression=exp.Literal.number(0),
    )


def _key_exchange(kx: KeyExchange) -> exp.Expr:
    return blanks.classical() if kx == "classical" else blanks.below_cnsa()


def _unsupported(on: date, *, soon: bool = False) -> exp.Expr:
    """True for a call of a client that is out of support on that day, or `soon` will be."""
    from bot.clients import support  # its rows are read where they are asked for

    return blanks.agent_is(support.clause(on + support.SOON if soon else on))


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
    exact = [value.replace(STAR, "*") for value in values if not is_pattern(value)]
    if exact:
        yield subject.isin(*exact)
    for value in values:
        if is_pattern(value):
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
    text = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    text = "*".join(part.replace("*", "%") for part in text.split(STAR))
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
