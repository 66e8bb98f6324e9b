"""The table of runs against a plain model of it: whatever happens in whatever order, both say the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.errors import Cancelled
from bot.store import schema
from bot.store.database import Database
from bot.store.queue import LEASE
from bot.store.runs import Runs
from bot.store.schema import AT_WORK, ENDED
from tests.support.runs import asked, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.store.run import Run
    from bot.store.schema import Kind, State

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)
LIMITS = {"local": 1, "lake": 3}
EACH = 2
"""Runs of one user at work at once, few enough to be met."""
BUSY = timedelta(seconds=5)

OWNERS = st.sampled_from(["one", "two", "three"])
USERS = st.sampled_from(["U1", "U2", "U3"])
ENGINES = st.sampled_from(sorted(LIMITS))


@dataclass
class Model:
    """A run as the model has it."""

    id: str
    user: str
    engine: str
    kind: Kind
    created: datetime
    awaits: str | None = None
    state: State = "queued"
    thread: str | None = None
    owner: str | None = None
    lease: datetime | None = None
    fence: int = 0
    attempts: int = 0
    maybe_posted: bool = False
    due: datetime | None = None
    wanted: bool = True

    @property
    def is_new(self) -> bool:
        return self.thread is None and self.kind == "question"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    def fields(self) -> dict[str, Any]:
        names = ("state", "thread", "owner", "lease", "fence", "attempts", "due", "wanted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Hand:
    """A run in an owner's hands, who may have slept since."""

    run: Run = field(compare=False)
    owner: str


class Table(RuleBasedStateMachine):
    """What owners, askers and time do to the runs."""

    hands = Bundle("hands")

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.runs = runs
        self.known: dict[str, Model] = {}
        self.now = START

    # --- the model

    def counted(self, user: str, *, opening: bool) -> int:
        """A user's runs that are being announced, or are at work, by live leases."""
        return sum(
            one.user == user
            and not one.has_ended
            and one.lease is not None
            and one.lease > self.now
            and (one.state == "queued") is opening
            for one in self.known.values()
        )

    def has_room(self, one: Model) -> bool:
        busy = sum(other.engine == one.engine and other.state == "running" for other in self.known.values())
        return one.kind == "digest" or busy < LIMITS[one.engine]

    def may_run(self, one: Model) -> bool:
        is_due = one.due is None or one.due <= self.now
        working = self.counted(one.user, opening=False)
        return one.state == "queued" and one.wanted and is_due and self.has_room(one) and working < EACH

    def is_claimable(self, one: Model) -> bool:
        is_free = one.lease is None or one.lease <= self.now
        is_due = one.due is None or one.due <= self.now
        if one.has_ended or not is_free:
            return False
        if one.state in AT_WORK:
            return is_due
        if one.awaits is not None and not self.known[one.awaits].has_ended:
            return False
        announced = one.is_new and is_due and self.counted(one.user, opening=True) < EACH
        return not one.wanted or announced or self.may_run(one)

    def is_owned(self, hand: Hand) -> bool:
        one = self.known[hand.run.id]
        return one.fence == hand.run.fence and not one.has_ended

    # --- askers and time

    def _add(self, user: str, engine: str, kind: Kind, awaits: str | None = None) -> Model:
        name = f"run{len(self.known):03}"
        one = Model(name, user, engine, kind, self.now, awaits)
        run = asked(self.now, name, user=user, engine=engine, task=task(kind, awaits))
        assert self.runs.add(run) == run
        self.known[name] = one
        self.now += timedelta(milliseconds=1)
        return one

    @rule(user=USERS, engine=ENGINES, count=st.integers(1, 3))
    def ask(self, user: str, engine: str, count: int) -> None:
        for _ in range(count):
            self._add(user, engine, "question")

    @rule(engine=ENGINES)
    def tell_a_digest(self, engine: str) -> None:
        scan = self._add("", engine, "scan")
        self._add("", "", "digest", scan.id)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def ask_what_is_known(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.known)))
        there = self.runs.get(one)
        assert there is not None
        assert self.runs.add(replace(there, id="another", text="something else")) == there
        assert self.runs.get("another") is None

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        one = self.known[data.draw(st.sampled_from(sorted(self.known)))]
        assert (self.runs.withdraw(one.id) is None) == one.has_ended
        if not one.has_ended:
            one.wanted = False

    @rule(seconds=st.sampled_from([0.5, 5.0, 29.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # --- owners

    @rule(target=hands, owner=OWNERS)
    def claim(self, owner: str) -> Hand | MultipleResults[Hand]:
        claimable = [one for one in self.known.values() if self.is_claimable(one)]
        before = {one.id: self.may_run(one) for one in claimable}
        working = {one.user: self.counted(one.user, opening=False) for one in claimable}
        run = self.runs.acquire(owner, self.now, LIMITS)
        if run is None:
            assert claimable == [], "a run was forgotten"
            return multiple()
        one = self.known[run.id]
        assert one in claimable
        rivals = [other for other in claimable if (other.wanted, other.is_new) == (one.wanted, one.is_new)]
        assert one.wanted is False or all(other.wanted for other in claimable)
        assert not one.wanted or one.is_new or not any(other.is_new for other in claimable)
        assert all(one.created <= other.created for other in rivals if other.user == one.user)
        if one.wanted:
            assert working[one.user] == min(working[other.user] for other in rivals), "users take turns"
        if before[one.id]:
            one.state = "running"
        one.maybe_posted = one.maybe_posted or one.lease is not None
        one.owner, one.lease = owner, self.now + LEASE
        one.fence += 1
        one.attempts += 1
        assert run.maybe_posted == one.maybe_posted
        assert run.started is not None or one.state == "queued"
        return Hand(run, owner)

    def _write(self, hand: Hand, changes: dict[str, Any], *, releases: bool = False) -> Hand:
        """Save or release as an owner, who may have lost the run meanwhile."""
        one, is_ours = self.known[hand.run.id], self.is_owned(hand)
        try:
            if releases:
                run = self.runs.release(hand.run, **changes)
            else:
                run = self.runs.save(hand.run, self.now, **changes)
        except Cancelled:
            assert not is_ours
            return hand
        assert is_ours, "who lost a run changed it"
        for name, value in changes.items():
            setattr(one, name, value)
        one.lease = None if releases else self.now + LEASE
        one.maybe_posted = one.maybe_posted and not releases
        return Hand(run, hand.owner)

    @rule(target=hands, hand=consumes(hands))
    def renew(self, hand: Hand) -> Hand:
        return self._write(hand, {})

    @rule(target=hands, hand=consumes(hands))
    def announce(self, hand: Hand) -> Hand | MultipleResults[Hand]:
        if hand.run.thread is not None or hand.run.kind != "question":
            return hand
        saved = self._write(hand, {"thread": f"ts-{hand.run.id}"})
        if saved.run.thread is None or saved.run.state != "queued":
            return saved
        self._write(saved, {"attempts": saved.run.attempts - 1}, releases=True)
        return multiple()

    @rule(target=hands, hand=consumes(hands))
    def begin_to_post(self, hand: Hand) -> Hand:
        return self._write(hand, {"state": "posting"}) if hand.run.state == "running" else hand

    @rule(hand=consumes(hands))
    def find_the_engine_busy(self, hand: Hand) -> None:
        if hand.run.state == "running":
            changes = {"state": "queued", "due": self.now + BUSY, "attempts": hand.run.attempts - 1}
            self._write(hand, changes, releases=True)

    @rule(hand=consumes(hands))
    def hand_over(self, hand: Hand) -> None:
        self._write(hand, {"attempts": hand.run.attempts - 1}, releases=True)

    @rule(hand=hands, outcome=st.sampled_from(ENDED))
    def end(self, hand: Hand, outcome: State) -> None:
        one, is_ours = self.known[hand.run.id], self.is_owned(hand)
        try:
            self.runs.finish(hand.run, outcome, self.now)
        except Cancelled:
            assert not is_ours
            return
        assert is_ours, "who lost a run ended it"
        one.state, one.lease = outcome, None

    @rule(owner=OWNERS)
    def come_back(self, owner: str) -> None:
        """An owner that died is there again, and takes up what it left."""
        self.runs.reap(owner)
        for one in self.known.values():
            if one.owner == owner and one.lease is not None and not one.has_ended:
                one.lease = EPOCH

    # --- what holds always

    @invariant()
    def the_table_is_as_the_model(self) -> None:
        with self.runs._database.read() as connection:  # noqa: SLF001 - one look at all of them
            found = {row.id: row for row in connection.execute(sa.select(schema.runs))}
        assert found.keys() == self.known.keys()
        for name, one in self.known.items():
            assert {field_: getattr(found[name], field_) for field_ in one.fields()} == one.fields()
            assert one.attempts >= 0

    @invariant()
    def no_engine_has_more_than_its_limit(self) -> None:
        for engine, limit in LIMITS.items():
            running = [one for one in self.known.values() if one.engine == engine and one.state == "running"]
            assert len(running) <= limit

    @invariant()
    def the_queue_is_counted_as_it_is(self) -> None:
        states = [one.state for one in self.known.values()]
        found = self.runs.states()
        assert {state: found.get(state, 0) for state in set(states)} == {
            state: states.count(state) for state in set(states)
        }

    def teardown(self) -> None:
        """Whatever happened, everything comes to its end once owners work as they should."""
        rounds = 0
        while any(not one.has_ended for one in self.known.values()):
            rounds += 1
            assert rounds <= 2 * len(self.known) + 2, "a run is never claimed"
            self.now += timedelta(minutes=1)
            while (run := self.runs.acquire("last", self.now, LIMITS)) is not None:
                if run.wanted and run.state == "queued":
                    run = self.runs.save(run, self.now, thread="ts")
                    self.runs.release(run)
                    self.known[run.id].thread = "ts"
                else:
                    self.runs.finish(run, "done", self.now)
                    self.known[run.id].state = "done"


@pytest.fixture
def runs(database_url: str) -> Iterator[Runs]:
    database = Database(database_url)
    yield Runs(database, each_user=EACH)
    database.close()


def test_whatever_happens_the_table_is_as_a_plain_model_has_it(runs: Runs) -> None:
    def anew() -> Table:
        with runs._database.write() as connection:  # noqa: SLF001 - each example begins with an empty table
            connection.execute(sa.delete(schema.runs))
        return Table(runs)

    run_state_machine_as_test(
        anew,  # type: ignore[arg-type]  # it only calls it
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
