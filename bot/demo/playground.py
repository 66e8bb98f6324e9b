"""The whole bot at work in the sandbox, and a line of a script played there."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from bot import bootstrap, engines
from bot.archive.archive import Archive
from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.bootstrap import Bot
    from bot.sandbox import Exchange, Message, Sandbox
    from bot.settings import Settings
    from bot.worker.worker import Worker

PLAYER: Final = "U_ALICE"
SECURITY: Final = "C_SECURITY"
"""Who types a demo's script, and where, as the sandbox knows them."""

TOLD_IN: Final = "C_ONCALL"
"""Where the digest of a demo with a past is told."""

PLAY_SECONDS: Final = 60.0
"""How long the runs of a script's line may take."""

RUNS_LOOK_SECONDS: Final = 0.05
"""How long before one looks again whether they have ended."""


@contextmanager
def running(
    settings: Settings, host: str, port: int, *, with_past: bool = False
) -> Iterator[tuple[Sandbox, Bot]]:
    """The whole bot at work against a Slack of its own, on sample events, keeping nothing.

    `with_past`, #on-call has had a digest for two weeks, #security a word on how to begin, and one view is as
    slow as a lake. UserError where `port` is taken; 0 takes a free one.
    """
    from datetime import UTC, datetime

    from bot.demo import past, samples
    from bot.sandbox import Command, Options, Sandbox
    from handlers import connection

    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=tuple(Command(*each) for each in connection.COMMANDS),
    )
    sandbox = Sandbox(options=options)
    with TemporaryDirectory(prefix="tls-audit-demo-") as folder:
        data = Path(folder)
        now = datetime.now(UTC)
        samples.write(data / "logs", now)
        if with_past:
            samples.change(data / "logs" / "changes", past.told_last(now))
        Archive(data / "archive").ingest([str(data / "logs")], progress=lambda _: None)
        try:
            sandbox.start(host, port)
        except OSError as error:
            raise UserError(
                f"Port {port} of {host} cannot be used: {error.strerror}.", "Try --port 0."
            ) from error
        here = {
            "data": data,
            "archive": None,
            "logs": "",
            "owners": None,
            "engine": engines.DEFAULT_ENGINE,
            "database_url": "",
            "users": "",
            "channels": "",
            "status_port": None,
            "slack_bot_token": SecretStr(options.bot_token),
            "slack_app_token": SecretStr(options.app_token),
            "slack_api_url": sandbox.api_url,
        }
        try:
            chosen = settings.model_copy(update=here)
            around = past.AsSlowAsALake if with_past else None
            with bootstrap.bot(chosen, (engines.DEFAULT_ENGINE,), around) as at_work:
                if with_past:
                    _begin(at_work, sandbox, now)
                yield sandbox, at_work
        finally:
            sandbox.stop()


def _begin(at_work: Bot, sandbox: Sandbox, now: datetime) -> None:
    """Give the demo a past, have its latest digest told, and say how to begin."""
    from bot.app.promises import promise
    from bot.demo import past
    from handlers import connection
    from handlers.questions import welcome

    digests, grammar = at_work.worker.digests, at_work.questions.grammar
    digest = digests.add(past.ordered(PLAYER, TOLD_IN, now))
    past.give(digest, digests, grammar, at_work.worker.engines[engines.DEFAULT_ENGINE], now)
    day = digest.schedule.latest(now)
    key = f"digest/{digest.id}/{day}"
    promise(digest, day, runs=at_work.worker.runs, grammar=grammar, now=now, key=key, at_once=True)
    at_work.worker.wake()
    client = connection.connect(sandbox.options.bot_token, sandbox.api_url)
    welcome.post(client, SECURITY, slow=f"last 14d {past.SLOW_VIEW}")


def play(sandbox: Sandbox, worker: Worker, line: str) -> str:
    """Type `line` as Alice in #security of a demo, wait for all that comes of it, and return it as text."""
    from bot.sandbox.transcript import threaded
    from bot.store.schema import ENDED

    def asked() -> set[str]:
        return {run.id for run in worker.runs.latest(PLAYER, 1)}

    def seen() -> list[Message]:
        channels = [
            channel.id for channel in sandbox.workspace.channels.values() if PLAYER in channel.members
        ]
        said = [message for channel in channels for message in sandbox.messages(channel)]
        return sorted([*said, *sandbox.ephemerals(PLAYER)], key=lambda message: float(message.ts))

    def under_way() -> bool:
        return any(count for state, count in worker.runs.states().items() if state not in ENDED)

    name, _, text = line.partition(" ")
    asked_before, seen_before = asked(), {(message.channel, message.ts) for message in seen()}
    sent_before = max((each.number for each in sandbox.traffic), default=0)
    delivery = sandbox.acknowledged(sandbox.command(PLAYER, SECURITY, name, text))
    if not delivery.words and not delivery.answer and asked() == asked_before:
        # neither an answer nor a question: the words, or a form, come after the acknowledgement
        with suppress(TimeoutError):
            sandbox.wait_for(
                lambda: any(_is_answer(each) for each in sandbox.traffic if each.number > sent_before)
            )
    until = time.monotonic() + PLAY_SECONDS
    while under_way() and time.monotonic() < until:
        time.sleep(RUNS_LOOK_SECONDS)
    shown = [message for message in seen() if (message.channel, message.ts) not in seen_before]
    said = ("\n".join(threaded(message, sandbox.workspace)) for message in shown)
    return "\n".join([f"> {line}", *said, ""])


def _is_answer(exchange: Exchange) -> bool:
    """Whether this is the last word of a command's handler, which is said where it was typed: what goes to
    another channel comes before. Runs, which go on by themselves, mark their posts."""
    says = exchange.what in {"chat.postMessage", "response_url", "views.open"}
    said_here = says and exchange.sent.get("channel", SECURITY) == SECURITY
    return said_here and exchange.ok and "metadata" not in exchange.sent
