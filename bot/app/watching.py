"""Watching: to have one client asked about daily, until it is quiet or a fortnight is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot.app.access import NotAllowed
from bot.digests.watch import Watch
from bot.errors import UserError
from bot.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.app.access import AccessPolicy
    from bot.app.limits import Limits
    from bot.digests.watch import Subject
    from bot.question.question import Scope
    from bot.store.watches import Watches

MOST_WATCHES: Final = 20
"""What a person may watch at once: each may have a lake read a day's events every day."""


class Watching:
    """Takes watches. Safe from any thread."""

    def __init__(
        self, watches: Watches, *, access: AccessPolicy, limits: Limits, clock: Callable[[], datetime]
    ) -> None:
        self._watches = watches
        self._access = access
        self._limits = limits
        self._clock = clock

    def begin(
        self,
        subject: Subject,
        scope: Scope,
        *,
        user: str,
        channel: str,
        thread: str | None,
        zone: str,
        here: str,
    ) -> Watch:
        """Have a client be looked at daily, today first, tomorrow; told in a thread of a channel.

        `here` is where `user` is, as the surface itself says. NotAllowed; TooMuch; UserError where they watch
        it there already, or as much as one may.
        """
        self._access.admit_target(user, channel, here=here)
        now = self._clock()
        today = now.astimezone(ZoneInfo(zone)).date()
        watch = Watch(0, user, channel, thread, zone, scope, subject, begun=today, due=None)

        def admit(mine: list[Watch]) -> None:
            for other in mine:
                if (other.channel, other.scope, other.subject) == (channel, scope, subject):
                    raise UserError("You watch that already.", "I say in its thread how it ends.")
            if len(mine) >= MOST_WATCHES:
                raise UserError(
                    f"You watch {counted(len(mine), 'client')}, and nobody may watch more.",
                    "Press *Stop watching* below one of them.",
                )
            self._limits.take("question", user)

        # the first look that is of today, whole
        first = watch.schedule.moment(today + timedelta(days=1))
        return self._watches.add(replace(watch, due=first), admit)

    def stop(self, number: int, *, user: str, channel: str) -> Watch:
        """Look at it no more, for who began it and admins. NotAllowed; UserError where it has ended."""
        self._access.admit_person(user)
        watch = self._watches.get(number)
        if watch is None or not self._is_seen(watch, user, channel):
            raise UserError("That watch is no longer kept.", "A card, or a digest's menu, begins a new one.")
        if not self._access.may_change(user, watch.owner):
            raise NotAllowed("Only who began a watch, or an admin of the bot, can stop it.")
        if watch.due is None:
            raise UserError("That watch has ended.", "How it ended stands in its thread.")
        self._watches.end(number)
        return watch

    def _is_seen(self, watch: Watch, user: str, channel: str) -> bool:
        may_change = self._access.may_change(user, watch.owner)
        return may_change or self._access.is_for(user, watch.owner, watch.channel, here=channel)
