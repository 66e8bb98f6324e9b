"""Limits: how much one person may do, so that nobody takes the bot away from the others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from bot.errors import UserError
from bot.rate_limits import SlidingWindow
from bot.wording import counted, number

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE: Final = 60.0
"""Seconds over which is counted what one person does."""


class TooMuch(UserError):
    """More than one person may do; `hint` says when or how it goes on."""


class Limits:
    """What is left to each person; None is as much as they like. Each process counts."""

    def __init__(
        self,
        *,
        questions: int | None = None,
        forms: int | None = None,
        characters: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`questions` and `forms` that a person may ask and open a minute; the `characters` of a question."""
        self._characters = characters
        self._left = {
            kind: (most, SlidingWindow(most, MINUTE, monotonic=monotonic))
            for kind, most in (("question", questions), ("form", forms))
            if most is not None
        }

    def check_length(self, text: str) -> None:
        """TooMuch where a question, or an order, is longer than anyone needs."""
        if self._characters is not None and len(text) > self._characters:
            most = number(self._characters)
            raise TooMuch(
                f"That is {counted(len(text), 'character')} long, and I read {most} at most.",
                "Ask for less at once; `*` stands for any characters.",
            )

    def take(self, kind: str, user: str) -> None:
        """Count a `question` or a `form` of someone; TooMuch where a minute has seen enough of them."""
        most, left = self._left.get(kind, (0, None))
        if left is not None and not left.take(user):
            raise TooMuch(f"That is more than {counted(most, kind)} a minute.", "Try again in a minute.")
