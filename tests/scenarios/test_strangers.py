"""What strangers chose is shown literally, wherever it shows, and notifies nobody.

Strangers write user agents, session names and hosts into the events; and anybody may type them as filters.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from bot.archive.archive import Archive
from bot.demo import samples
from bot.engines.local import Local
from tests.scenarios.office import ALICE, BOB, SECURITY, words
from tests.support.logs import FIRST_DAY, quietly, write_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.office import Office

TEXTS = {
    "everyone": "<!channel> <!here> <!everyone> @channel @here",
    "people": "<@U_BOB> <@U_BOB|bob> @bob <!subteam^S_ONCALL> @oncall <#C_SECURITY>",
    "fences": "``` `code` ```",
    "formula": "=1+1",
    "formula, hidden": '@SUM(1+1)*cmd|" /C calc"!A0',
    "markup": "*bold* _it_ ~no~ :tada: &lt;b&gt; & > quote",
    "links": "<http://evil.example|AWS console> https://evil.example/?a=b&c=d <mailto:x@y.zz>",
    "bidi": "safe\u202etxt.exe\u202c \u200bgap\u2066isolated\u2069 \ufeffmark",
    "controls": "bell\x07 null\x00 escape\x1b[31m line\nfeed\ttab\r",
    "long": "Mozilla " + "x" * 3_980 + " the end",
    "tables": "| a | b |\n|---|---|\n",
    "unicode": "ナ\U0001f389 é́ \u0130",
}

SHOWN = {
    "bidi": "safe\\u202etxt.exe\\u202c \\u200bgap\\u2066isolated\\u2069 \\ufeffmark",
    "controls": "bell\\u0007 null\\u0000 escape\\u001b[31m line\\nfeed\\ttab\\r",
    "tables": "| a | b |\\n|---|---|\\n",
}
"""Where what acts is written out."""


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Local:
    """Events in which strangers chose agent, session and host."""
    plain = next(record for record in samples.day(FIRST_DAY) if record["eventSource"] == "s3.amazonaws.com")
    records: list[dict[str, Any]] = []
    for number, text in enumerate(TEXTS.values()):
        identity = {**plain["userIdentity"], "arn": f"arn:aws:sts::111122223333:assumed-role/x/{text}"}
        tls = {"tlsVersion": "TLSv1.1", "cipherSuite": "AES128-SHA", "clientProvidedHostHeader": text}
        changed = {"userAgent": text, "userIdentity": identity, "tlsDetails": tls, "eventID": f"s-{number}"}
        records.append(plain | changed | {"eventTime": f"2026-11-20T{number:02}:00:00Z"})
    folder = tmp_path_factory.mktemp("strangers")
    archive = Archive(folder / "archive")
    archive.ingest([str(write_logs(folder / "logs", records))], progress=quietly)
    engine = Local(archive, memory="1GB", seconds=60, at_once=2)
    engine.name = "strangers"
    return engine


def cells(message: Any) -> list[str]:
    """Every cell of a message's table, as raw text that Slack does not interpret."""
    (table,) = [block for block in message.blocks if block["type"] in {"data_table", "table"}]
    found = [cell for row in table["rows"] for cell in row]
    assert {cell["type"] for cell in found} <= {"raw_text", "raw_number"}
    return [cell["text"] for cell in found]


@pytest.mark.parametrize("ladder", [(), ("data_table", "data_visualization"), ("data_table", "table")])
def test_what_strangers_wrote_into_events_is_literal_in_the_answer(
    opened: Callable[..., Office], strangers: Local, ladder: tuple[str, ...]
) -> None:
    office = opened(engines=(strangers,), refused_blocks=frozenset(ladder))

    run = office.answered("last 7d by=clients engine=strangers")

    assert run.state == "done"
    table, to_do, chart, _ = office.thread(run)
    shown_words = words(table) if "table" in ladder else "\n".join(cells(table))
    in_file = [row["userAgent"] for row in csv.DictReader(io.StringIO(office.csv(run)))]
    for name, text in TEXTS.items():
        shown = SHOWN.get(name, text)
        if name != "long" and "table" not in ladder:
            assert shown in shown_words
        # a file has an apostrophe more before whatever a spreadsheet might run, at whichever sign it splits
        assert any(each.replace("'", "") == shown.replace("'", "") for each in in_file), name
    assert not [each for each in in_file if each[:1] in "=+-@"]
    if not ladder:
        assert "Cells with … are cut." in words(table)
        assert "the end" in shown_words
    for message in (office.parent(run), table, to_do, chart):
        assert "<!" not in message.text
        assert "<@" not in message.text
        assert "\u202e" not in words(message) + message.text
    assert office.parent(run).notified <= {ALICE}
    assert not [message for message in office.thread(run) if message.notified]
    unexpected = [each for each in office.sandbox.broken if not each.words.count("type")]
    assert unexpected == []


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "long"])
def test_what_is_typed_as_a_filter_is_literal_wherever_it_is_repeated(
    opened: Callable[..., Office], strangers: Local, name: str
) -> None:
    office = opened(engines=(strangers,))
    text = TEXTS[name].replace('"', "")

    office.type(f'private last 7d by=clients engine=strangers agent="{text}"')
    office.type(f'last 7d by=clients engine=strangers agent="{text}"')
    office.type(f'last 7d agnt="{text}"')
    office.type(f"last 7d {text}")
    office.type(f"cancel {text}")
    office.sandbox.mention(ALICE, SECURITY, f'last 7d agnt="{text}"')
    for run in office.worker.runs.latest(ALICE, 9):
        assert office.ended(run).state in {"done", "failed"}
    office.type("runs")

    every = [
        message
        for channel in (SECURITY, "D_ALICE")
        for message in office.sandbox.workspace.in_channel(channel)
        if message.user == "U_TLSAUDIT"
    ]
    every += office.sandbox.ephemerals(ALICE)
    assert len(every) >= 5
    for message in every:
        assert message.notified <= {ALICE}
        assert "<!" not in message.text.replace("<!date", "")
        assert "<@" not in message.text
        assert not [
            character for character in "\u202e\x07\x00\x1b" if character in words(message) + message.text
        ]
        mentioned = [
            run["user_id"]
            for block in message.blocks
            if block["type"] == "rich_text"
            for part in block["elements"]
            for run in part["elements"]
            if run["type"] == "user"
        ]
        assert set(mentioned) <= {ALICE}
        assert not [block for block in message.blocks if "mrkdwn" in str(block.get("text"))]
    assert not office.sandbox.ephemerals(BOB)
    assert office.sandbox.broken == []


def test_a_filter_that_was_typed_finds_what_it_names_and_is_said_as_typed(
    opened: Callable[..., Office], strangers: Local
) -> None:
    office = opened(engines=(strangers,))

    run = office.answered('last 7d by=clients engine=strangers agent="<!channel> <!here>"')

    assert run.rows == 1
    assert "<!channel> <!here>" in words(office.parent(run))
    assert "&lt;!channel&gt;" in office.parent(run).text
    assert escaped("<!channel>") in office.table(run).text
