"""Bad input: all that people, and whoever wishes the bot ill, may type, press and send.

What the person saw of each is told by `Visitor`. `python -m tests.benchmarks.bad_input` writes the table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers import connection
from handlers.digests.shown import DIGEST_COMMAND as DIGEST_COMMAND
from handlers.questions.commands import COMMAND, READINGS
from tests.scenarios.office import ALICE, BOT, SECURITY, TO_ALICE, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.sandbox import Message, Submission
    from tests.scenarios.office import Office

PLACES: Final = (SECURITY, TO_ALICE)

HOSTILE: Final[Mapping[str, str]] = {
    "NUL": "a\x00b",
    "turned around": "\u202etxt.exe",
    "no width": "\u200b\ufeff\u2066",
    "half a surrogate": "\ud83d",
    "the other half": "\udc00x",
    "emoji": "🎉👩‍👩‍👧‍👦🏳️‍🌈",
    "letters that join": "é́ ﷽ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A",
    "end of a comment": "*/ DROP TABLE runs; /*",
    "end of a string": "'; DROP TABLE runs; --",
    "another SELECT": "x') UNION SELECT key FROM runs --",
    "everyone": "<!channel> <!here> <!everyone> @channel @here @everyone",
    "people": "<@U_BOB> @bob <!subteam^S_ONCALL> @oncall",
    "channels": "<#C_SECURITY|security> <#C_NOWHERE|gone>",
    "markup": "*bold* _it_ ~no~ `code` ```fence``` > quote",
    "links": "<http://evil.example|AWS console> <mailto:x@y.zz>",
    "half a link": "<http://evil.example| <@ <! <# |> >",
    "entities": "&lt;!channel&gt; &amp;amp; &#60;!here&#62; &#x0;",
    "a formula": "=1+1",
    "a shell": "$(reboot) `reboot` ; rm -rf / | cat /etc/passwd",
    "a template": "${jndi:ldap://x} {0.__class__} %s%n {{7*7}}",
    "a path": "../../../../etc/passwd",
    "backslashes": "\\x00 \\' \\",
    "lines": "one\ntwo\r\nthree\x0bfour\u2028five",
    "long": "x" * 3_900,
}

QUESTIONS: Final[Mapping[str, str]] = {
    **{f"alone: {name}": text for name, text in HOSTILE.items()},
    **{f"as a filter: {name}": f"last 7d agent={text}" for name, text in HOSTILE.items()},
    **{f"quoted: {name}": f'last 7d agent="{text}"' for name, text in HOSTILE.items()},
    "nothing but blanks": "   \t \u00a0 ",
    "40,000 characters": "x" * 40_000,
    "5,000 words": "last 7d " + "service=s3 " * 5_000,
    "300 values": "last 7d agent=" + ",".join(f"a{n}" for n in range(300)),
    "a wall of asterisks": "last 7d agent=" + "*" * 3_000,
    "a quote that does not close": 'last 7d agent="x',
    "quotes that curl": "last 7d agent=“boto”",
    "an unknown word": "last 7d servcie=s3",
    "an unknown view": "last 7d by=nothing",
    "two windows": "last 7d last 3d",
    "yesterday and today": "yesterday today",
    "two views": "versions services last 7d",
    "two floors": "last 7d min=1.2 min=1.3",
    "tomorrow": "tomorrow",
    "the future": "2099-01-01..2099-02-01",
    "partly the future": "2026-11-20..2027-01-01",
    "since the future": "since 2099-01-01",
    "the end before the start": "2026-11-08..2026-11-01",
    "no time at all": "2026-11-01..2026-11-01",
    "31 February": "2026-02-31..2026-03-01",
    "the year 0": "0000-00-00..0001-01-01",
    "the year 1": "since 0001-01-01",
    "before all time": "0001-01-01T00:00+14:00..0001-01-02",
    "the year 9999": "9999-12-30..9999-12-31",
    "after all time": "9999-12-31T23:59-12:00..9999-12-31T23:59-12:00",
    "the year 99999": "99999-01-01..99999-02-01",
    "an hour that does not exist": "since 2026-11-01T25:61",
    "a zone that does not exist": "since 2026-11-01T10:00 Mars/Olympus",
    "dots alone": "..",
    "half a window": "2026-11-01..",
    "no days": "last 0d",
    "less than none": "last -7d",
    "more days than there are": "last 99999999999999999999d",
    "all days": "last 999999d",
    "days with an exponent": "last 1e9d",
    "Arabic digits": "last ٣d",
    "a raised digit": "last ²d",
    "half a day": "last 7.5d",
    "no number": "last nand",
    "no rows": "last 7d top=0",
    "fewer than none": "last 7d top=-1",
    "too many rows": "last 7d top=99999999999999999999",
    "rows in words": "last 7d top=abc",
    "rows raised": "last 7d top=²",
    "no such TLS": "last 7d min=9.9",
    "no floor": "last 7d min=",
    "no such version": "last 7d version=TLSv9",
    "no cipher": "last 7d cipher=",
    "no key exchange": "last 7d kx=quantum",
    "an equals sign": "=",
    "two": "last 7d service==s3",
    "not what": "last 7d service!=",
    "a value of nothing": "last 7d =s3",
    "commas": "last 7d service=,,,",
    "everything": "last 7d service=*",
    "an account in words": "last 7d account=abc",
    "no address": "last 7d ip=999.999.999.999",
    "a mask": "last 7d ip=10.0.0.0/99",
    "no such Region": "last 7d region=mars-east-1",
    "no such engine": "last 7d engine=oracle",
    "no such store": "last 7d store=nothing",
    "an address": "http://169.254.169.254/latest/meta-data",
    "cancel what": "cancel",
    "cancel nothing": "cancel nothing",
    "cancel everything": "cancel ' OR 1=1 --",
    "cancel at length": "cancel " + "x" * 3_500,
    "cancel half a surrogate": "cancel \ud83d\x00",
    "help with more": "help me <!channel>",
    "shouting": "HELP",
    "the command twice": "/tls-audit /tls-audit last 7d",
    "another command": "/invite @bob",
}
"""What to type after `/tls-audit`, or after the app's name."""

ORDERS: Final[Mapping[str, str]] = {
    **{f"alone: {name}": text for name, text in HOSTILE.items()},
    **{f"as a filter: {name}": f'daily 09:00 agent="{text}"' for name, text in HOSTILE.items()},
    **{f"as a mention: {name}": f"daily 09:00 mention={text}" for name, text in HOSTILE.items()},
    **{f"as a number: {name}": f"show {text}" for name, text in HOSTILE.items()},
    "40,000 characters": "x" * 40_000,
    "no such time": "daily 25:99",
    "an hour raised": "daily ²:00",
    "no such zone": "daily 09:00 Mars/Olympus",
    "a path for a zone": "daily 09:00 ../../etc/passwd",
    "a zone that is a folder": "daily 09:00 Europe",
    "no such channel": "daily 09:00 #nowhere",
    "a channel that is gone": "daily 09:00 <#C_NOWHERE|gone>",
    "an archived channel": "daily 09:00 #old",
    "a private channel": "daily 09:00 #secret",
    "nobody": "daily 09:00 mention=@nobody",
    "no mention": "daily 09:00 mention=",
    "two mentions": "daily 09:00 mention=@here mention=@bob",
    "everyone": "daily 09:00 mention=@everyone",
    "here": "daily 09:00 mention=@here",
    "no such day": "weekly someday 09:00",
    "weekly when": "weekly",
    "daily and weekly": "daily weekly 09:00",
    "two times": "daily 09:00 10:00",
    "a window": "daily 09:00 last 7d",
    "a view": "daily 09:00 by=clients",
    "rows": "daily 09:00 top=5",
    "private": "daily 09:00 private",
    "another engine": "daily 09:00 engine=oracle",
    "a huge number": "edit 99999999999999999999",
    "the largest": "edit 999999999",
    "below zero": "remove -1",
    "zero": "remove 0",
    "a raised number": "edit ²",
    "Arabic": "show ١",
    "two numbers": "pause 1 2",
    "no number": "pause",
    "nothing to resume": "resume x",
    "now what": "now '",
    "only a hash": "show #",
    "list with more": "list everything <!channel>",
}
"""What to type after `/tls-digest`."""

VALUES: Final[Mapping[str, str]] = {
    "a blank": " ",
    "a word": "nothing",
    "a huge number": "99999999999999999999",
    "a huge number and more": "99999999999999999999 99999999999999999999",
    "the largest": "2147483648 2147483648",
    "below zero": "-1 -1",
    "a raised digit": "² ²",
    **{name: text[:140] for name, text in HOSTILE.items()},
}
"""What a button or an option may hold, beside what the bot gave it."""

BUTTONS: Final = (
    "rerun",
    "ask_stricter",
    "share",
    "run_sure",
    *READINGS,
    "cancel",
    "delete",
    "show_sql",
    "edit_run",
    "edit_text",
    "edit_digest",
    "daily",
    "tell_now",
)
MENUS: Final = ("view_as", "snooze")

SILENT: Final = "nothing"

SECONDS: Final = 5.0
"""How long something to be seen may take."""


@dataclass(frozen=True)
class Seen:
    """One bad input, and what came of it for whoever gave it."""

    how: str
    name: str
    given: str
    seen: str


class Visitor:
    """Someone who tries everything in an office, and what they see."""

    def __init__(self, office: Office, user: str = ALICE) -> None:
        self.office = office
        self.sandbox = office.sandbox
        self.user = user
        self.app = connection.connect(office.sandbox.options.bot_token, office.sandbox.api_url)

    # --- doing

    def type(self, name: str, text: str, command: str = COMMAND) -> Seen:
        """Run a command."""
        return self._seen(command, name, text, lambda: self._command(command, text))

    def order(self, name: str, text: str) -> Seen:
        """The same with /tls-digest."""
        return self.type(name, text, DIGEST_COMMAND)

    def mention(self, name: str, text: str, thread: str | None = None) -> Seen:
        """Name the app in a message."""
        return self._seen(
            "@tls-audit", name, text, lambda: self.sandbox.mention(self.user, SECURITY, text, thread)
        )

    def press(self, action: str, name: str, value: str) -> Seen:
        """Press a button, or choose from a menu, that holds `value`."""
        message = self._with_button(action, value)
        chosen = value if action in MENUS else None
        return self._seen(
            action, name, value, lambda: self.office.click(message, action, chosen, user=self.user)
        )

    def send(self, command: str, name: str, fields: Mapping[str, Any]) -> Seen:
        """Fill in a form and send it."""
        self._command(command, "")
        self.sandbox.wait_for(lambda: self.sandbox.view_of(self.user), what="the form")
        sent: list[Submission] = []
        told = self._seen(
            f"{command} form",
            name,
            str(dict(fields)),
            lambda: sent.append(self.sandbox.submit(self.user, fields)),
            lambda: "; ".join(f"at “{where}”: {why}" for where, why in sent[0].errors.items()),
        )
        while (shown := self.sandbox.view_of(self.user)) is not None:
            self.sandbox.close_view(self.user, shown)
        return told

    def _command(self, command: str, text: str) -> None:
        self.sandbox.acknowledged(self.sandbox.command(self.user, SECURITY, command, text))

    def _with_button(self, action: str, value: str) -> Message:
        """A message of the bot's with one button, or menu, of such a value."""
        label = {"type": "plain_text", "text": "Press"}
        element: dict[str, Any] = {"type": "button", "action_id": action, "text": label, "value": value}
        if action in MENUS:
            option = {"text": label, "value": value}
            element = {
                "type": "static_select",
                "action_id": action,
                "placeholder": label,
                "options": [option],
            }
        block = {"type": "actions", "elements": [element]}
        sent = self.app.chat_postMessage(channel=SECURITY, text="a button", blocks=[block])
        found = self.sandbox.message(SECURITY, str(sent["ts"]))
        assert found is not None
        return found

    # --- seeing

    def _seen(
        self,
        how: str,
        name: str,
        given: str,
        act: Callable[[], object],
        errors: Callable[[], str] = lambda: "",
    ) -> Seen:
        """Do something, and wait for whatever its doer sees of it."""
        self.office.clock.advance(1)
        runs = {run.id for run in self.office.worker.runs.latest(self.user, 10_000)}
        whispers, said = self._whispers(), self._said()
        view = self.sandbox.view_of(self.user)
        act()

        def look() -> str:
            shown = self.sandbox.view_of(self.user)
            new = [one for ts, one in self._whispers().items() if ts not in whispers]
            new += [one for ts, one in self._said().items() if ts not in said]
            if errors():
                return errors()
            if new:
                return words(new[0])
            if shown is not None and shown != view:
                return "\n".join(["[form]", *_texts(shown.body)])
            return ""

        try:
            seen = self.sandbox.wait_for(look, SECONDS, "anything to be seen")
        except TimeoutError:
            seen = SILENT
        for run in self.office.worker.runs.latest(self.user, 10_000):
            if run.id not in runs:
                now = self.office.ended(run)
                seen = f"{now.state}: {words(self.office.parent(now)) if now.thread else now.error}"
        if how.startswith("/"):
            return Seen(how, name, given, seen)
        while (shown := self.sandbox.view_of(self.user)) is not None:
            self.sandbox.close_view(self.user, shown)
        return Seen(how, name, given, seen)

    def _whispers(self) -> dict[str, Message]:
        return {one.ts: one for one in self.sandbox.ephemerals(self.user)}

    def _said(self) -> dict[str, Message]:
        every = [one for place in PLACES for one in self.sandbox.workspace.in_channel(place)]
        return {one.ts: one for one in every if one.user == BOT}

    def everything(self) -> list[Message]:
        """All that the bot has said, to anybody."""
        return [*self._whispers().values(), *self._said().values()]


def _texts(body: dict[str, Any]) -> list[str]:
    title = [str(body["title"]["text"])] if "title" in body else []
    shown = [each for each in body["blocks"] if each["type"] in {"section", "rich_text"}]
    return title + [
        str(part.get("text", ""))
        for block in shown
        for section in block.get("elements", [])
        for part in section.get("elements", [])
    ]


def printable(text: str, most: int = 110) -> str:
    """A text for a table in Markdown: one line, nothing that acts, not too long."""
    shown = "".join(each if each.isprintable() and each.isascii() else _escape(each) for each in text)
    shown = shown.replace("|", "\\|").replace("`", "'")
    return shown if len(shown) <= most else f"{shown[:most]}… ({len(text):,} characters)"


def _escape(character: str) -> str:
    if character == "\n":
        return " / "
    if character in "…–·⏳🔴✅⚠️“”’→":
        return character
    return character.encode("unicode_escape").decode()


RUN_ID: Final = re.compile(r"\b[0-9a-f]{8}\b")
