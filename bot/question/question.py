"""A question as a value: a view, a window, a policy, and what narrows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.question.filters import Filter, listed
from bot.question.tokens import quoted

if TYPE_CHECKING:
    from bot.question.views import View
    from bot.question.window import Window


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as outdated: a call for which any clause holds. Without a clause, every call."""

    min_tls: str | None = "1.2"
    """TLS older than this; None: any version will do."""
    weak_cipher: bool = False
    classical_kx: bool = False


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

    def words(self) -> str:
        """The question without its window: `calls over TLS older than 1.2 to s3, by client`."""
        suffix = f", by {self.view.by}" if self.policy and self.view.by else ""
        return self.subject() + suffix + (f", top {self.top:,}" if self.top else "")

    def subject(self) -> str:
        """What it asks for, however it is shown: `calls over TLS older than 1.2 to s3`."""
        versions = next((f.values for f in self.filters if f.word == "version" and not f.negated), ())
        leading = versions if self.policy and self.policy.min_tls is None else ()
        said = [_subject(self.view, self.policy, leading)]
        said += [f.words() for f in self.filters if f.word != "version" or f.negated or not leading]
        return " ".join(said)

    def __str__(self) -> str:
        """Text that `parse` reads back as an equal question, whenever and in whatever zone."""
        said = [str(self.window), f"by={self.view.name}", *map(str, self.filters)]
        if self.policy and self.policy.min_tls:
            said.append(f"min={self.policy.min_tls}")
        if self.policy and self.policy.weak_cipher:
            said.append("cipher=weak")
        if self.policy and self.policy.classical_kx:
            said.append("kx=classical")
        for word, value in (("top", self.top), ("store", self.store), ("engine", self.engine)):
            if value is not None:
                said.append(f"{word}={quoted(str(value))}")
        return " ".join(said + ["private"] * self.private)


def _subject(view: View, policy: Policy | None, versions: tuple[str, ...]) -> str:
    """What is counted: calls and what makes them outdated, or the title of a view without a policy."""
    if policy is None:
        acronym = view.title[1:2].isupper()
        return view.title if acronym else view.title[:1].lower() + view.title[1:]
    clauses = []
    if policy.min_tls:
        clauses.append(f"over TLS older than {policy.min_tls}")
    if policy.weak_cipher:
        clauses.append("with a weak cipher suite")
    if policy.classical_kx:
        clauses.append("with a classical key exchange")
    over = [f"over TLS {listed(versions)}"] if versions else []
    return " ".join(["calls", *over, " or ".join(clauses)]).rstrip()
