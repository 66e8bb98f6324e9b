"""Digests: what a person can do about them."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from bot import wording
from bot.app import promises
from bot.app.access import NotAllowed
from bot.app.decisions import Decisions
from bot.app.limits import Limits
from bot.app.reuse import Costs
from bot.app.watching import Watching
from bot.digests import order as orders
from bot.digests import report as reports
from bot.digests import scan, urgent
from bot.digests.digest import Digest
from bot.digests.finding import Snooze
from bot.errors import UserError
from bot.question.tokens import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import tzinfo

    from bot.app.access import AccessPolicy
    from bot.app.grammar import Grammar
    from bot.digests.finding import Entry, Finding
    from bot.question.question import Question, Scope
    from bot.store.digests import Digests
    from bot.store.run import Run
    from bot.store.runs import Runs

log = logging.getLogger(__name__)

UNDO: Final = timedelta(minutes=10)
"""How long a digest that was removed can be brought back."""

LONGEST_ID: Final = 10
"""Digits of a number that a database takes."""


class WhichDigest(UserError):
    """What was named is no digest, or nothing was named and there are several. A surface adds what to do."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What an order is made from: each part as it is typed, people and channels by their ids."""

    when: str
    channel: str
    question: str = ""
    """Filters and a policy."""
    mention: str = ""
    """Whoever is named when something is new; empty: nobody."""
    urgent: str = ""
    """Services of which it tells what is new within the hour; empty: none."""

    def __str__(self) -> str:
        """The order in one line, as `order.parse` takes it."""
        mention = f"mention={self.mention}" if self.mention.strip() else ""
        # a list that people type has blanks after its commas
        services = ",".join(filter(None, re.split(r"[,\s]+", self.urgent)))
        watch = f"{orders.URGENT_WORD}={services}" if services else ""
        parts = (self.when, f"#{self.channel}", self.question, mention, watch)
        return " ".join(part for part in parts if part)


class DigestOrders:
    """Takes orders of digests, and what is asked about them afterwards. Safe from any thread."""

    def __init__(
        self,
        digests: Digests,
        runs: Runs,
        grammar: Grammar,
        *,
        access: AccessPolicy,
        wake: Callable[[], None],
        by_channel: bool = False,
        most: int | None = None,
        limits: Limits | None = None,
        costs: Costs | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`wake` tells the workers of this process that there is something to do. A digest is changed by its
        owner and admins, and `by_channel` by whoever is in its channel. Nobody owns more than `most`."""
        self._digests = digests
        self._runs = runs
        self._grammar = grammar
        self._access = access
        self._wake = wake
        self._by_channel = by_channel
        self._most = most
        self._limits = limits or Limits()
        self._costs = costs or Costs()
        self._clock = clock
        self.decisions = Decisions(digests, clock)
        """What is decided about findings."""
        self.watching = Watching(digests.watches, access=access, limits=self._limits, clock=clock)
        """Which clients are watched."""

    # --- orders

    def order(self, text: str, *, user: str, channel: str, zone: tzinfo, here: str | None = None) -> Digest:
        """Take an order, made in `channel` by someone in `zone`: the digest, kept.

        `here` is where they are, as the surface itself says: `channel`, but for a form. UserError where it is
        none, NotAllowed where it is not allowed.
        """
        order = orders.parse(text, zone=str(zone))
        target = order.channel or channel
        self._access.admit_target(user, target, here=channel if here is None else here)
        self._check_number(user)
        now = self._clock()
        scope = self.question(order.question).scope
        _check_asked(order.urgent, scope)
        return self._digests.add(
            Digest(
                id=0,
                owner=user,
                channel=target,
                schedule=order.schedule,
                scope=scope,
                mention=order.mention,
                created=now,
                due=order.schedule.following(now),
                urgent=order.urgent,
                urgent_due=urgent.hour_of(now) + urgent.HOUR if order.urgent else None,
            )
        )

    def admit_order(self, user: str, channel: str) -> None:
        """UserError or NotAllowed where `user`, who is in `channel`, may not order a digest for it."""
        self._access.admit_target(user, channel, here=channel)
        self._check_number(user)

    def edit(self, digest: Digest, text: str, *, user: str) -> Digest:
        """The digest as an order of `user`'s has it now. Another question begins anew, with a baseline.

        It moves only to where both they and its owner may have digests told. UserError, NotAllowed.
        """
        order = orders.parse(text, zone=digest.schedule.zone)
        target = order.channel or digest.channel
        if target == digest.channel:
            self._access.admit_channel(target)
        else:
            for each in dict.fromkeys((user, digest.owner)):
                self._access.admit_target(each, target)
        now, scope = self._clock(), self.question(order.question).scope
        _check_asked(order.urgent, scope)
        goes_on = order.urgent == digest.urgent and scope == digest.scope
        edited = replace(
            digest,
            channel=target,
            schedule=order.schedule,
            scope=scope,
            mention=order.mention,
            due=None if digest.paused else order.schedule.following(now),
            urgent=order.urgent,
            urgent_due=urgent.hour_of(now) + urgent.HOUR if order.urgent else None,
            urgent_read=digest.urgent_read if goes_on else now if order.urgent else None,
        )
        if edited.scope != digest.scope:
            self._digests.start_over(digest.id)
        if not self._digests.change(edited):
            raise UserError(f"Digest {digest.id} was removed meanwhile.")
        return edited

    def _check_number(self, user: str) -> None:
        if self._most is None:
            return
        owned = [digest.id for digest in self._digests.all() if digest.owner == user]
        if len(owned) >= self._most:
            raise UserError(
                f"You have {wording.counted(len(owned), 'digest')}, and nobody may have more.",
                f"Remove one first, such as {owned[0]}.",
            )

    def fault(self, draft: Draft) -> str:
        """The part of a draft that is wrong by itself; else `channel`: nothing may be told there."""
        alone = Draft(when="daily", channel=draft.channel)
        when, mention = replace(alone, when=draft.when), replace(alone, mention=draft.mention)
        urgent_ = replace(alone, urgent=draft.urgent)
        parts: dict[str, Callable[[], object]] = {
            "when": lambda: orders.parse(str(when), zone="UTC"),
            "mention": lambda: orders.parse(str(mention), zone="UTC"),
            "question": lambda: self.question(draft.question),
            "urgent": lambda: _check_asked(
                orders.parse(str(urgent_), zone="UTC").urgent, self.question(draft.question).scope
            ),
        }
        for name, read in parts.items():
            try:
                read()
            except UserError:
                return name
        return "channel"

    def question(self, words: str) -> Question:
        """The question of a digest, for yesterday. UserError where it is none, or says what digests do."""
        parse, now = self._grammar.parse, self._clock()
        try:
            question = parse(f"yesterday by={scan.FINDINGS_VIEW} {words}", now=now, zone=UTC)
        except UserError:
            parse(words, now=now, zone=UTC)  # a mistake of another kind says so itself
            question = None
        if question is None or question.top or question.private:
            raise UserError(
                "A digest tells all since the one before: it takes no window, view, `top=` or `private`.",
                "Name filters and a policy only, as in `service=s3 min=1.3`.",
            )
        return question

    def words_of(self, run: Run) -> str:
        """What a digest is about that asks what a run asked, as one types it. UserError."""
        return str(self._grammar.question(run).scope)

    # --- finding one

    def find(self, number: str, *, user: str, channel: str) -> Digest:
        """The digest of a number; of none, the only one of `channel`, where they are as the surface itself
        says. Its owner, admins and whoever is in its channel may see it, have it told and snooze its
        findings, if they may ask at all. WhichDigest, NotAllowed."""
        self._access.admit_person(user)
        digits = number.strip().lstrip("#").strip("`")
        if not digits:
            here = [digest for digest in self._digests.all() if digest.channel == channel]
            if len(here) == 1:
                return here[0]
            some = ", ".join(str(digest.id) for digest in here)
            raise WhichDigest(
                f"This channel has the digests {some}." if here else "This channel has no digest."
            )
        is_id = digits.isdecimal() and len(digits) < LONGEST_ID
        digest = self._digests.get(int(digits)) if is_id else None
        if digest is None:
            raise WhichDigest(f"No digest `{shown(digits)}`.")
        self._check_seen(digest, user, channel)
        return digest

    def find_to_change(self, number: str, *, user: str, channel: str) -> Digest:
        """The same, for `user` to change, pause or remove. WhichDigest, NotAllowed."""
        digest = self.find(number, user=user, channel=channel)
        self._check_changes(digest, user)
        return digest

    def _check_seen(self, digest: Digest, user: str, channel: str) -> None:
        """UserError where a digest is not for `user`, who is in `channel`, to see."""
        if not self._access.may_change(user, digest.owner) and not self._access.is_for(
            user, digest.owner, digest.channel, here=channel
        ):
            raise UserError(
                f"Digest {digest.id} belongs to another channel.", "Join that channel, or ask its owner."
            )

    def _check_changes(self, digest: Digest, user: str) -> None:
        """NotAllowed where a digest is not for `user` to change."""
        if not self._by_channel and not self._access.may_change(user, digest.owner):
            raise NotAllowed(f"Only who ordered digest {digest.id}, or an admin of the bot, can change it.")

    def known_to(self, user: str, channel: str) -> list[Digest]:
        """The digests of a channel, in which they are, and a person's own. NotAllowed."""
        self._access.admit_person(user)
        return [each for each in self._digests.all() if channel == each.channel or user == each.owner]

    def words(self, digest: Digest) -> str:
        """When it is told, and what."""
        try:
            subject = self.question(str(digest.scope)).subject()
        except UserError:
            # a store or an engine may be gone since; the digest can still be listed, changed and removed
            subject = f"{digest.scope} (which cannot be asked any more)"
        return digest.words(subject)

    def urgent_cost(self, digest: Digest) -> str:
        """What looking at its urgent services every hour costs a month, in a sentence; empty without any."""
        if not digest.urgent:
            return ""
        try:
            question = self.question(str(digest.scope))
        except UserError:
            return ""
        engine = self._grammar.engine_of(question)
        about = self._runs, question, engine, self._clock(), self._grammar.question
        return self._costs.hourly(*about)

    def last_headline(self, digest: Digest) -> str:
        """What it told last, in a line; nothing where it has told nothing yet."""
        zone = ZoneInfo(digest.schedule.zone)
        last = self._digests.last_report(digest.id)
        return "" if last is None else reports.headline(last, self.decisions.today(digest), zone)

    # --- changes

    def pause(self, digest: Digest) -> None:
        """Tell it no more until it is resumed."""
        self._digests.pause(digest.id)

    def resume(self, digest: Digest) -> None:
        """Tell it again, from the next time that it is due."""
        now = self._clock()
        due = digest.schedule.following(now)
        # of the hours in which it was silent, the digest tells
        read = now if digest.paused and digest.urgent else digest.urgent_read
        self._digests.change(replace(digest, paused=False, due=due, urgent_read=read))

    def remove(self, digest: Digest) -> None:
        """Have it be gone, with all that it has told; for `UNDO`, it can be brought back."""
        self._digests.put_aside(digest.id, self._clock())

    def bring_back(self, number: int, *, user: str, channel: str) -> Digest:
        """A digest that was removed, as it was, for who may change it. UserError where it is too late."""
        self._access.admit_person(user)
        is_id = 0 < number < 10 ** (LONGEST_ID - 1)
        digest = self._digests.aside(number, self._clock() - UNDO) if is_id else None
        if digest is None:
            minutes = wording.counted(UNDO // timedelta(minutes=1), "minute")
            raise UserError(
                f"Digest {number} cannot be brought back.", f"That goes for {minutes}. Order it anew."
            )
        self._check_seen(digest, user, channel)
        self._check_changes(digest, user)
        self._digests.put_back(number)
        return digest

    def preview(self, digest: Digest, *, user: str, key: str) -> Run:
        """Have told at once what the last 24 hours would say; the same `key`, once.

        The digest stays as it is. That asks an engine anew: it counts among the questions of `user`, and
        TooMuch ends them.
        """
        self._limits.take("question", user)
        run = promises.preview(digest, runs=self._runs, grammar=self._grammar, now=self._clock(), key=key)
        self._wake()
        return run

    # --- its findings

    def finding(self, digest: Digest, finding: str) -> Finding:
        """A finding that a digest remembers; UserError where it does so no more."""
        return self.decisions.finding(digest, finding)

    def snoozed(self, digest: Digest) -> list[tuple[Finding, Snooze]]:
        """The findings that are snoozed, and by whom, why and until when."""
        today = self.decisions.today(digest)
        every = ((finding, finding.snooze) for finding in self._digests.findings(digest.id))
        return [(finding, snooze) for finding, snooze in every if snooze and snooze.until > today]

    def snooze(self, digest: Digest, finding: str, *, by: str, why: str, days: int) -> Snooze:
        """Have a finding rest for so many days, or until its calls double. `by` is a name for people to read.

        UserError where it is no longer kept.
        """
        found = self.finding(digest, finding)
        start, end = digest.period(digest.schedule.latest(self._clock()))
        until = self.decisions.today(digest) + timedelta(days=days)
        snooze = Snooze(by, why, until, found.calls, (end - start).days)
        self._digests.acknowledge(digest.id, finding, snooze)
        return snooze

    def unsnooze(self, digest: Digest, finding: str) -> Finding:
        """Have a finding rest no more: the next digest tells it as open. UserError where it does not rest."""
        found = self.finding(digest, finding)
        if found.snooze is None:
            raise UserError("That finding is not snoozed.", "Somebody undid that, or it has lapsed.")
        self._digests.acknowledge(digest.id, finding, None)
        return found

    def open_findings(self, digest: Digest) -> list[Entry]:
        """The findings it told last that are not resolved, snoozed ones among them, in its order."""
        last = self._digests.last_report(digest.id)
        return [] if last is None else [entry for entry in last.entries if entry.change != "resolved"]


def _check_asked(services: Collection[str], scope: Scope) -> None:
    """UserError where a digest does not ask about one of its urgent services."""
    for each in scope.filters:
        for service in services if each.word == "service" else ():
            if any(fnmatchcase(service, value) for value in each.values) is each.negated:
                name = wording.short_service(service)
                raise UserError(
                    f"`{orders.URGENT_WORD}={name}`, but this digest does not ask about {name}.",
                    "Its question, with `service=`, has to.",
                )
