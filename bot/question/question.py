"""A question as a value, and its text: a view over a window, and the scope of what it counts.

`str` writes the text that is stored and shown; `parser.parse` and `Scope.read` read it back.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from bot.errors import UserError
from bot.question.accounts import UNNAMED, Accounts
from bot.question.filters import FILTERS, Filter, listed
from bot.question.owners import UNOWNED, Owners
from bot.question.tokens import literal, quoted, shown, tokens
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from bot.question.views import View
    from bot.question.window import Window


KeyExchange = Literal["classical", "below-cnsa"]
Sdk = Literal["eol", "eol-in-90d"]

KEY_EXCHANGES: Final[Mapping[KeyExchange, str]] = {
    "classical": "with a classical key exchange",
    "below-cnsa": "with a key exchange below CNSA 2.0",
}
SDKS: Final[Mapping[Sdk, str]] = {
    "eol": "with an SDK out of support",
    "eol-in-90d": "with an SDK out of support now or within 90 days",
}
"""What `kx=` and `sdk=` take, and how a question says it."""

_Choice = TypeVar("_Choice", KeyExchange, Sdk)


def chosen(choices: Mapping[_Choice, str], value: str | None) -> _Choice | None:
    """The one of `choices` that `value` is; None where it is none."""
    return next((each for each in choices if each == value), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as outdated: a call for which any clause holds. Without a clause, which only a question
    for versions by name has, every call that says its version."""

    min_tls: str | None = "1.2"
    """TLS older than this; None: any version will do."""
    weak_cipher: bool = False
    kx: KeyExchange | None = None
    """A key exchange that is not post-quantum; or any but ML-KEM-1024, which is all that CNSA 2.0 takes."""
    sdk: Sdk | None = None
    """An SDK, or a version of its language, that AWS no longer supports, or will not in 90 days."""

    def __str__(self) -> str:
        """As it is typed: `min=1.2 cipher=weak`."""
        clauses = (
            (f"min={self.min_tls}", self.min_tls),
            ("cipher=weak", self.weak_cipher),
            (f"kx={self.kx}", self.kx),
            (f"sdk={self.sdk}", self.sdk),
        )
        return " ".join(text for text, holds in clauses if holds)

    def words(self) -> str:
        """As in `over TLS older than 1.2 or with a weak cipher suite`; nothing where it has no clause."""
        clauses = [f"over TLS older than {self.min_tls}"] if self.min_tls else []
        if self.weak_cipher:
            clauses.append("with a weak cipher suite")
        if self.kx:
            clauses.append(KEY_EXCHANGES[self.kx])
        if self.sdk:
            clauses.append(SDKS[self.sdk])
        return " or ".join(clauses)


def default_floor(asked: Collection[str], excluded: Collection[str], sdk: Sdk | None) -> str | None:
    """The `min=` of who says none: none where versions are asked by name, where one is excluded that the
    floor excludes already, as in `version!=1.3`, or where SDKs are asked, which are old over any version."""
    floor = Policy().min_tls
    is_by_name = asked or (floor and any(version >= floor for version in excluded))
    return None if is_by_name or sdk else floor


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question counts, whenever it is asked and whatever view shows it."""

    filters: tuple[Filter, ...] = ()
    policy: Policy | None = Policy()
    """None: calls of every kind."""
    store: str | None = None
    engine: str | None = None
    owner: str | None = None
    """The team whose calls it counts, or `UNOWNED`; None: everybody's."""

    @classmethod
    def read(cls, text: str) -> Scope:
        """The scope that `str` wrote, be its store and its engine still there or not.

        UserError where the text is no scope. What people type is for `parser.parse`, which checks it.
        """
        filters = []
        policy = Policy(min_tls=None)
        names: dict[str, str | None] = {"store": None, "engine": None, "owner": None}
        for token in tokens(text):
            values = tuple(value for each in token.values if (value := literal(each.raw)))
            if (token.text, values) == ("cipher", ("weak",)):
                policy = replace(policy, weak_cipher=True)
            elif token.text in FILTERS and values:
                filters.append(Filter(token.text, values, token.negated))
            elif token.text == "min" and values:
                policy = replace(policy, min_tls=values[0])
            elif token.text == "kx" and len(values) == 1 and (kx := chosen(KEY_EXCHANGES, *values)):
                policy = replace(policy, kx=kx)
            elif token.text == "sdk" and len(values) == 1 and (sdk := chosen(SDKS, *values)):
                policy = replace(policy, sdk=sdk)
            elif token.text in names and values:
                names[token.text] = values[0]
            else:
                raise UserError(f"`{shown(text)}` is not the scope of a question.", "Write it anew.")
        if policy.min_tls is None:
            asked, excluded = (
                {
                    value
                    for each in filters
                    if each.word == "version" and each.negated is negated
                    for value in each.values
                }
                for negated in (False, True)
            )
            policy = replace(policy, min_tls=default_floor(asked, excluded, policy.sdk))
        return cls(tuple(filters), policy, names["store"], names["engine"], names["owner"])

    def asked(self, view: View, window: Window, on: date) -> Question:
        """The question of this scope that `view` shows over `window`, asked on that day."""
        return Question(
            view,
            window,
            self.filters,
            self.policy,
            None,
            self.store,
            self.engine,
            private=False,
            on=on,
            owner=self.owner,
        )

    def __str__(self) -> str:
        """Its words, as in `service=s3.amazonaws.com min=1.2`.

        `read` reads an equal scope back where there is a policy; without one, nothing says so.
        """
        places = [
            f"{word}={quoted(name)}"
            for word, name in (("owner", self.owner), ("store", self.store), ("engine", self.engine))
            if name is not None
        ]
        policy = [str(self.policy)] if self.policy else []
        return " ".join(filter(None, [*map(str, self.filters), *policy, *places]))


@dataclass(frozen=True, slots=True)
class Question:
    """A view, a window, and what narrows them. Equal questions get equal answers."""

    view: View
    window: Window
    filters: tuple[Filter, ...]
    policy: Policy | None
    """None where the view has no policy."""
    top: int | None
    store: str | None
    engine: str | None
    private: bool
    on: date = field(compare=False)
    """The day, in UTC, on which it is asked: what is out of support is so on that day."""
    read_as: str = field(default="", compare=False)
    """The words of the grammar that it was put into, where it was asked in plain ones."""
    accounts: Accounts = field(default=UNNAMED, compare=False)
    """What its words call accounts."""
    owner: str | None = None
    """The team whose calls are asked for, or `UNOWNED`; None: everybody's."""
    owners: Owners = field(default=Owners(), compare=False)
    """Who owns what, when it is asked."""

    def words(self) -> str:
        """The question without its window: `calls over TLS older than 1.2 to s3, by client`."""
        suffix = f", by {self.view.by}" if self.policy and self.view.by else ""
        return self.subject() + suffix + (f", top {number(self.top)}" if self.top else "")

    def subject(self) -> str:
        """What it asks for, however it is shown: `calls over TLS older than 1.2 to s3`."""
        versions = next((f.values for f in self.filters if f.word == "version" and not f.negated), ())
        leading = versions if self.policy and self.policy.min_tls is None else ()
        words = [_subject(self.view, self.policy, leading)]
        words += [
            f.words(self.accounts) for f in self.filters if f.word != "version" or f.negated or not leading
        ]
        if self.owner is not None:
            words.append("that nobody owns" if self.owner == UNOWNED else f"of {shown(self.owner)}")
        return " ".join(words)

    @property
    def scope(self) -> Scope:
        """What it counts, without the view and the window."""
        return Scope(self.filters, self.policy, self.store, self.engine, self.owner)

    def __str__(self) -> str:
        """Text that `parse` reads back as an equal question, whenever and in whatever zone."""
        top = "" if self.top is None else f"top={self.top}"
        private = "private" if self.private else ""
        words = [str(self.window), f"by={self.view.name}", str(self.scope), top, private]
        return " ".join(filter(None, words))


def _subject(view: View, policy: Policy | None, versions: tuple[str, ...]) -> str:
    """What is counted: calls and what makes them outdated, or the title of a view without a policy."""
    if policy is None:
        acronym = view.title[1:2].isupper()
        return view.title if acronym else view.title[:1].lower() + view.title[1:]
    over = [f"over TLS {listed(versions)}"] if versions else []
    return " ".join(["calls", *over, policy.words()]).rstrip()
