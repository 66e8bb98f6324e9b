"""The errors a person may meet.

    BotError                  everything below
    ├── UserError             the question is wrong; the asker can mend it
    │   └── Unsure            the question can be meant in two ways; the asker chooses
    ├── EngineError           the lake failed; its own words, and what to do
    │   └── EngineBusy        the lake is full; ask again later, keeping one's place
    ├── SurfaceDown           whoever shows answers cannot be reached; it is tried again
    ├── ChannelGone           the place for answers is gone, or closed to the bot
    ├── StoreDown             the database cannot be reached or written; nothing was promised
    ├── ShuttingDown          the bot is stopping; another process takes the run up where it is
    └── Cancelled             someone cancelled the run
        └── LeaseLost         another worker has it: nothing of it may be changed or undone

Foreign exceptions are translated where they are met (`raise EngineError(…) from error`).
People are told at the edges: `cli.main`, the handlers, `Carrier.to_its_end`. Who catches one elsewhere
does so by its own class, for a reason that stands there.
"""

from __future__ import annotations

from typing import Final

LOG_SAYS_MORE: Final = "The bot's log says more."


class BotError(Exception):
    """A failure told to a person: `message` says what is wrong, `hint` what to do next.

    Both go wherever the bot is asked, and so does the error as text. `detail` goes only to whoever runs the
    bot, in a terminal and in the log: where its parts are and as whom they are called (hosts, URLs, paths,
    buckets, ARNs), and what AWS and libraries say in their own words, which may hold any of that. It ends the
    sentence of `message`, without a full stop.
    """

    def __init__(self, message: str, hint: str = "", *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail.strip().removesuffix(".")

    @property
    def advice(self) -> str:
        """What to do next, for who does not see `detail`."""
        return f"{self.hint} {LOG_SAYS_MORE if self.detail else ''}".strip()

    @property
    def in_full(self) -> str:
        """What is wrong, for whoever runs the bot."""
        return f"{self.message.removesuffix('.')}: {self.detail}." if self.detail else self.message

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class UserError(BotError):
    """The question, a setting or a file cannot be understood. Shown only to whoever gave it."""


class Unsure(UserError):
    """The question can be meant in more than one way. `readings` are the questions, each fit to be asked."""

    def __init__(self, message: str, readings: tuple[str, ...]) -> None:
        super().__init__(message, f"Ask {' or '.join(f'`{reading}`' for reading in readings)}.")
        self.readings = readings


class EngineError(BotError):
    """The engine could not answer. Asking the same again is not expected to help by itself."""


class EngineBusy(EngineError):
    """The engine has no room now, and runs nothing of this. The same statement will be taken later."""


class SurfaceDown(BotError):
    """The answer could not be shown for now. Nothing is given up."""


class ChannelGone(BotError):
    """Answers cannot be shown where they were to go, now or later."""


class StoreDown(BotError):
    """The database cannot be used for now."""


class ShuttingDown(BotError):
    """This process is stopping. What it was doing goes on elsewhere, or here when it is back."""


class Cancelled(BotError):
    """The run is not wanted any more, or is no longer ours."""


class LeaseLost(Cancelled):
    """The run is no longer ours: whoever has it now needs what was begun for it."""
