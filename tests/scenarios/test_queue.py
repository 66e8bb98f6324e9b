"""The bot as it is delivered, with a queue that tells it of new log files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot import bootstrap
from bot.sandbox import Command, Options, Sandbox
from bot.settings import Settings
from handlers import connection
from handlers.questions.commands import COMMAND
from tests.archive.bucket import Bucket, Object
from tests.archive.test_queue import plain
from tests.archive.test_sources import KEY, log
from tests.archive.test_sources import bucket as bucket
from tests.doubles.sqs import SQS, URL

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_bot_at_work_reads_what_its_queue_tells(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = Options(
        scopes=frozenset(connection.SCOPES),
        events=frozenset(connection.EVENTS),
        commands=(Command(COMMAND),),
    )
    with SQS(lambda: datetime.now(UTC)) as queue, Sandbox(options=options) as sandbox:
        for name, value in {
            "SLACK_BOT_TOKEN": options.bot_token,
            "SLACK_APP_TOKEN": options.app_token,
            "SLACK_API_URL": sandbox.api_url,
            "TLS_AUDIT_DATA": str(tmp_path),
            "TLS_AUDIT_LOGS": "s3://trail/AWSLogs/",
            "TLS_AUDIT_LOGS_QUEUE": URL,
            "AWS_ENDPOINT_URL_SQS": queue.url,
        }.items():
            monkeypatch.setenv(name, value)
        bucket.objects = {KEY.format(1): Object(log(1))}
        queue.send(plain(KEY.format(1), bucket.objects[KEY.format(1)]))
        chosen, deleting = Settings(), queue.hold("DeleteMessageBatch", "after")
        with bootstrap.bot(chosen) as bot:
            deleting.arrived(60)
            assert (bot.is_well(), len(queue.deleted)) == (True, 1)
            deleting.release()
        archive = bootstrap.archive(chosen)
        assert (archive.has_events(), bucket.asked) == (True, [KEY.format(1)])
        state = archive.queue(URL)
        assert state is not None
        assert (state.told > 0, state.untold) == (True, ())
