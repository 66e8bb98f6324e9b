"""What can be asked here: words mean the same to whoever asks and to whoever answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from bot.errors import UserError
from bot.question.accounts import UNNAMED, Accounts
from bot.question.owners import Owners
from bot.question.parser import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, tzinfo

    from bot.question.question import Question
    from bot.question.views import View
    from bot.store.run import Run


@dataclass(frozen=True, slots=True)
class Grammar:
    """The views, engines and stores that a question may name, and how many days it may be about."""

    views: Mapping[str, View]
    engines: Collection[str]
    engine: str
    """The default one."""
    max_days: int
    stores: Collection[str] = ()
    accounts: Accounts = UNNAMED
    owners: Owners = field(default_factory=Owners)
    """Who owns what."""

    def parse(self, text: str, *, now: datetime, zone: tzinfo) -> Question:
        """The question of `text`; UserError."""
        return parse(
            text,
            now=now,
            zone=zone,
            views=self.views,
            engines=self.engines,
            stores=self.stores,
            accounts=self.accounts,
            max_days=self.max_days,
            owners=self.owners,
        )

    def question(self, run: Run) -> Question:
        """What a run asks; UserError where that means nothing any more, as when its store is gone."""
        return self.parse(run.text, now=run.created, zone=UTC)

    def window_typed(self, run: Run) -> str:
        """The words of a run's window; nothing where nobody typed it."""
        try:
            return self.parse(run.typed, now=run.created, zone=UTC).window.label
        except UserError:
            return ""

    def engine_of(self, question: Question) -> str:
        """The engine that a question is asked of."""
        return question.engine or self.engine
