"""The archive's own columns, asked in place of what a SELECT says in Lake's."""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from bot.archive.said import UNSAID
from bot.event_schema import VERSIONS
from bot.question import blanks
from bot.question.views import conjuncts


def narrow_days(tree: exp.Select) -> None:
    """Say the window in `day`, the archive's folders, so that no other folder is opened.

    A bound at midnight is said by that alone: a folder has the events of its day in UTC and no others.
    """
    kept: list[exp.Expr] = []
    days: list[exp.Expr] = []
    for node in conjuncts(tree):
        if (
            isinstance(node, (exp.GTE, exp.LT))
            and isinstance(node.right, exp.Literal)
            and node.left.name.lower() == "eventtime"
        ):
            date, _, clock = node.right.name.partition(" ")
            day = exp.Cast(this=exp.Literal.string(date), to=exp.DataType(this=exp.DType.DATE))
            upto = exp.LT if clock == "00:00:00" else exp.LTE
            kind = exp.GTE if isinstance(node, exp.GTE) else upto
            days.append(kind(this=exp.column("day"), expression=day))
            if clock == "00:00:00":
                continue
        kept.append(node)
    if days:
        tree.args["where"].set("this", exp.and_(*kept, *days, copy=False))


def ask_said(tree: exp.Query) -> None:
    """Ask the columns in which the archive keeps what an event says, in place of its texts."""
    for node in list(tree.find_all(exp.Case, exp.Paren, exp.In, exp.RegexpLike)):
        if isinstance(node, exp.In) and node.this == _VERSION_TEXT:
            texts = {each.name for each in node.expressions}
            names = [name for name, spellings in VERSIONS.items() if texts.issuperset(spellings)]
            if texts == {text for name in names for text in VERSIONS[name]}:
                said = exp.column("saidVersion")
                node.replace(said.eq(names[0]) if len(names) == 1 else said.isin(*names))
        elif node in _SAID:
            node.replace(_SAID[node].copy())


_VERSION_TEXT: Final = blanks.version_text()
_SAID_VERSION: Final = exp.Nullif(this=exp.column("saidVersion"), expression=exp.Literal.string(""))


def _lacks(what: str) -> exp.Expr:
    bit = exp.BitwiseAnd(this=exp.column("unsaid"), expression=exp.Literal.number(UNSAID[what]))
    return exp.paren(exp.NEQ(this=exp.paren(bit), expression=exp.Literal.number(0)))


def _one_if(condition: exp.Expr) -> exp.Expr:
    """What a view adds up to count the events of which a condition is true."""
    return exp.Case().when(condition, exp.Literal.number(1)).else_(exp.Literal.number(0))


def _bit(what: str) -> exp.Expr:
    """1 where an event does not say it, else 0: added up in half the time that a CASE takes."""
    place = exp.Literal.number(UNSAID[what].bit_length() - 1)
    shifted = exp.BitwiseRightShift(this=exp.column("unsaid"), expression=place)
    return exp.paren(exp.BitwiseAnd(this=exp.paren(shifted), expression=exp.Literal.number(1)))


_LACKING: Final[dict[str, exp.Expr]] = {
    "version": blanks.no_version(),
    "suite": blanks.no_suite(),
    "exchange": blanks.no_exchange(),
    "host": blanks.no_host(),
}
_SAID: Final[dict[exp.Expr, exp.Expr]] = {
    blanks.version(): _SAID_VERSION,
    blanks.suite_said(): exp.paren(exp.Not(this=_lacks("suite"))),
    blanks.unread_version(): exp.column("unreadVersion"),
    blanks.unread_suite(): exp.column("unreadSuite"),
    blanks.unread_exchange(): exp.column("unreadExchange"),
    **{lacks: _lacks(what) for what, lacks in _LACKING.items()},
    **{_one_if(lacks): _bit(what) for what, lacks in _LACKING.items()},
}
"""What a tree of `blanks` is where the archive keeps it."""
