"""The composition root: from Settings to the parts, put together in one place."""

from __future__ import annotations

import fcntl
import logging
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TextIO
from uuid import uuid4

from bot import engines
from bot.archive.archive import Archive
from bot.engines import Offer
from bot.errors import BotError, ShuttingDown, UserError
from bot.question import accounts, owners_file, views

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from bot.app.ask import Questions
    from bot.archive.queue_state import QueueState
    from bot.archive.sqs import Queue
    from bot.engines import Engine
    from bot.settings import Settings
    from bot.worker.worker import Worker
    from handlers.connection import Connection

log = logging.getLogger(__name__)

READ_GRACE_SECONDS: Final = 0.5
"""How long reading may go on when the bot stops. Mostly it ends between two files."""

HANG_UP_SECONDS: Final = 6.0
"""How long hanging up at Slack may take, with handing over beside it: containers get ten seconds as a rule.
slack_sdk looks up from its socket every three seconds, and then waits for handlers, whatever those do."""


def archive(settings: Settings) -> Archive:
    """The archive that the embedded engine asks and `ingest` fills."""
    keep = settings.archive_keep
    return Archive(settings.archive_folder, keep=timedelta(days=keep) if keep else None)


def engine(
    settings: Settings, name: str, events: Archive, pause: Callable[[float], None] = time.sleep
) -> Engine:
    """The engine called `name`, one of `engines.ENGINES`, with the settings of its own. `events` is what was
    read from the log files; `pause` is how it waits."""
    return engines.find(name).make(
        settings.engines[name],
        Offer(events, settings.places, settings.left_out, pause, logs_queue=settings.logs_queue),
    )


@dataclass(frozen=True, slots=True)
class Bot:
    """The bot at work."""

    questions: Questions
    worker: Worker
    listening: Connection

    def problems(self) -> list[str]:
        """What is wrong with it; nothing where it is well."""
        problems = []
        if not self.listening.is_connected():
            problems.append("Slack cannot reach it.")
        if not self.worker.is_alive():
            problems.append("A worker has ended.")
        try:
            self.worker.runs.states()
        except BotError as error:
            problems.append(error.message)
        return problems

    def is_well(self) -> bool:
        """Whether Slack reaches it and its workers are alive; a new start would not bring a database back."""
        return self.listening.is_connected() and self.worker.is_alive()


@contextmanager
def bot(
    settings: Settings,
    names: Collection[str] = engines.ENGINES,
    around: Callable[[Engine], Engine] | None = None,
) -> Iterator[Bot]:
    """The whole bot, connected to Slack and at work, with the engines of these `names`, as far as they are
    set up, each as `around` makes it. UserError: a setting or a token is wrong."""
    from bot.app.access import AccessPolicy
    from bot.app.ask import Questions
    from bot.app.digests import DigestOrders
    from bot.app.grammar import Grammar
    from bot.app.limits import Limits
    from bot.app.precedence import Precedence
    from bot.app.reuse import Costs
    from bot.archive.follow import Follower, Logs
    from bot.archive.sqs import Queue
    from bot.ops.health import Status
    from bot.ops.metrics import Metrics
    from bot.store.database import Database
    from bot.store.digests import Digests
    from bot.store.runs import Runs
    from bot.worker import audit
    from bot.worker.worker import Worker
    from handlers import connection
    from handlers.publishing.budget import Budget
    from handlers.publishing.publisher import SlackPublisher

    bot_token = settings.slack_bot_token.get_secret_value()
    app_token = settings.slack_app_token.get_secret_value()
    missing = [
        name for name, token in (("SLACK_BOT_TOKEN", bot_token), ("SLACK_APP_TOKEN", app_token)) if not token
    ]
    if missing:
        raise UserError(
            f"{' and '.join(missing)} not set.",
            "docs/slack.md says where to get them; `tls-audit demo` needs neither.",
        )
    stopping = threading.Event()

    def pause(seconds: float) -> None:
        if stopping.wait(seconds):
            raise ShuttingDown("The bot is stopping.")

    metrics = Metrics()
    client = connection.connect(bot_token, settings.slack_api_url, pause=pause, on_refusal=metrics.refused)
    directory = connection.Directory(client)
    access = AccessPolicy(
        directory,
        users=_ids(settings.users),
        channels=_ids(settings.channels),
        admins=_ids(settings.admins),
    )
    # a command has three seconds, and cannot wait for Slack as long as a run can
    at_once = directory.through(connection.impatient(client))
    catalogue, events = views.load(settings.views), archive(settings)
    queue = Queue(settings.logs_queue) if settings.logs_queue else None
    named = accounts.read(settings.accounts)
    every = {name: engine(settings, name, events, pause) for name in names}
    if around is not None:
        every = {name: around(one) for name, one in every.items()}
    # what no engine here can answer is no question: that is said before anything is promised
    available = {name: one for name, one in every.items() if one.is_set_up or name == settings.engine}
    with ExitStack() as stack:
        # a daemon, and not waited for: AWS may be slow, or away
        threading.Thread(target=_refresh, args=(available,), name="looking at engines", daemon=True).start()
        owner = stack.enter_context(_replica(settings.data))
        database = Database(settings.database)
        stack.callback(database.close)
        runs, digests = Runs(database), Digests(database)
        replies = connection.CommandReplies()
        stores = [store for one in available.values() for store in one.stores]
        owners = owners_file.load(settings.owners)
        grammar = Grammar(catalogue, available, settings.engine, settings.max_window, stores, named, owners)
        costs = Costs(
            {name: one.price for name, one in every.items() if one.price is not None},
            reuse=timedelta(minutes=settings.reuse),
            confirm_gb=settings.confirm_gb,
        )
        precedence = Precedence()
        limits = Limits(
            questions=settings.max_questions, forms=settings.max_forms, characters=settings.max_characters
        )
        worker = Worker(
            runs,
            digests,
            available,
            SlackPublisher(
                client,
                catalogue,
                access=access,
                replies=replies,
                accounts=named,
                budget=Budget.of_slack(pause),
            ),
            grammar,
            # of all: a run whose engine is set up no more is taken too, to be told so
            limits={name: one.concurrency for name, one in every.items()},
            cap=settings.max_rows,
            owner=owner,
            stale_after=timedelta(hours=settings.stale),
            look_back_gb=settings.confirm_gb,
            stopping=stopping,
            ended=lambda run: audit.ended(run, metrics),
            precedence=precedence,
            keep=timedelta(days=settings.keep),
        )
        quick = access.through(at_once)
        questions = Questions(
            runs,
            grammar,
            wake=worker.wake,
            engines=available,
            access=quick,
            costs=costs,
            precedence=precedence,
            limits=limits,
        )
        orders = DigestOrders(
            digests,
            runs,
            grammar,
            access=quick,
            wake=worker.wake,
            by_channel=settings.digests_by == "channel",
            most=settings.max_digests,
            limits=limits,
            costs=costs,
        )
        context = connection.Context(questions, orders, quick, at_once, replies)
        listening = connection.listen(client, app_token, context)
        stack.callback(_stop, worker, listening)
        worker.start()
        at_work = Bot(questions, worker, listening)
        metrics.watch(
            states=worker.runs.states,
            sockets=lambda: listening.sockets,
            newest=lambda: _newest(available, worker),
            left_out=lambda: _left_out(available),
            untold=lambda: {name: len(state.untold) for name, state in _queue(events, queue).items()},
            oldest=lambda: {name: state.age for name, state in _queue(events, queue).items()},
        )
        if settings.status_port is not None:
            status = Status(
                settings.status_host, settings.status_port, problems=at_work.problems, metrics=metrics.page
            )
            stack.enter_context(status)
            log.info("health and metrics are at http://%s:%s", settings.status_host, status.port)
        if settings.places:
            # a daemon: it heeds nothing while it lists a bucket or waits for another ingest, and an ingest
            # may be cut off anywhere
            follower = Follower(
                events,
                Logs(settings.places, settings.left_out, settings.since),
                queue,
                stops=stopping.is_set,
                wait=stopping.wait,
                now=time.time,
                count=metrics.received,
            )
            reading = threading.Thread(target=follower.run, name="reading logs", daemon=True)
            reading.start()
            stack.callback(reading.join, READ_GRACE_SECONDS)
        # first of all: from here on nothing is begun, whatever the other parts still wait for
        stack.callback(stopping.set)
        yield at_work


def _refresh(available: Mapping[str, Engine]) -> None:
    """Have every engine look at what it asks, before anybody waits for that."""
    for name, one in available.items():
        try:
            one.refresh()
        except BotError as error:
            log.warning("what %s asks could not be looked at yet: %s %s", name, error.in_full, error.hint)
        except OSError as error:
            log.warning("what %s asks could not be looked at yet: %s", name, error)
        except Exception:
            # the edge of a thread: boto3 trips over an answer that is none of AWS's
            log.exception("what %s asks could not be looked at", name)


def _stop(worker: Worker, listening: Connection) -> None:
    """Hand over what is under way, and hang up at Slack meanwhile, for as long as there is time."""
    until = time.monotonic() + HANG_UP_SECONDS
    # a daemon: a handler that hangs, as in a database, must keep neither the runs nor the process
    hanging_up = threading.Thread(target=listening.close, name="hanging up", daemon=True)
    hanging_up.start()
    worker.stop()
    hanging_up.join(max(0.0, until - time.monotonic()))
    if hanging_up.is_alive():
        log.warning("hanging up at Slack takes too long: a handler hangs")


def _ids(listed: str) -> list[str]:
    """The ids of a setting."""
    return listed.replace(",", " ").split()


@contextmanager
def _replica(data: Path) -> Iterator[str]:
    """A name for this replica that it will have again when it comes back: what it left behind is then known
    to be its own. Where another process uses the same folder, it is a name of this time only."""
    with replica_lock(data) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            log.warning("another process uses %s as well", data)
            yield f"{socket.gethostname()} {uuid4().hex}"
        else:
            yield f"{socket.gethostname()} {data}"


def replica_lock(data: Path) -> TextIO:
    """The file that a replica locks, in a folder made for it. UserError where it cannot be written."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        return (data / "owner.lock").open("w")
    except OSError as error:
        raise UserError(
            f"{data} cannot be written: {error.strerror}.", "Set TLS_AUDIT_DATA to another folder."
        ) from error


def _newest(available: Mapping[str, Engine], worker: Worker) -> dict[str, datetime]:
    """When the newest event of each engine happened: as it knows itself, else as answers have shown."""
    newest = dict(worker.newest)
    for name, one in available.items():
        known = one.sources()
        if known is not None and known.newest is not None:
            newest[name] = known.newest
    return newest


def _left_out(available: Mapping[str, Engine]) -> dict[str, int]:
    """How many files could not be read, by reason, over all engines."""
    left_out: Counter[str] = Counter()
    for one in available.values():
        known = one.sources()
        left_out.update(
            {} if known is None else {**known.left_out, "partly": known.records, "lost": known.lost}
        )
    return +left_out


def _queue(events: Archive, queue: Queue | None) -> dict[str, QueueState]:
    """How far the queue of new log files was read, by its name; nothing where there is none."""
    state = events.queue(queue.url) if queue else None
    return {queue.name: state} if queue and state else {}
