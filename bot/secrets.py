"""Secrets: what must not be written anywhere, by what is known of it and by how it looks."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, TextIO

HIDDEN: Final = "…"
"""What stands where a secret was."""

SECRET_NAMES: Final = (
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "PGPASSWORD",
)
"""What is a secret in the environment, whatever it looks like: ours, boto3's (its configuration guide) and
libpq's (its docs, environment variables)."""

_PASSWORD: Final = re.compile(r"[^:]*://[^:/@]*:(.*)@")
"""The password in a URL: up to the last @, since it may hold any characters."""

_WORD: Final = r"(?:pass(?:word|wd|phrase)?|pwd|(?:ssl|pg)password|token|secret)"

_PARAMETER: Final = re.compile(rf"(?i)[?&;\s]{_WORD}=([^&;\s]+)")

_SHAPES: Final = tuple(
    re.compile(shape)
    for shape in (
        # Slack's tokens (docs.slack.dev/authentication/tokens): xoxb-, xoxp-, xoxe.xoxp-, xapp- and their kin
        r"()(?:xox[a-z]|xapp)-[0-9A-Za-z-]+",
        # a response_url lets whoever has it post, an upload_url send a file, a ticket open a connection, a
        # trigger_id a form
        r"(hooks\.slack(?:-gov)?\.com/)[^\s\"'<>]+",
        r"(files\.slack(?:-gov)?\.com/upload/)[^\s\"'<>]+",
        r"([?&]ticket=)[^\s&\"'<>]+",
        r"((?:response_url|upload_url|trigger_id)[\"']?\s{0,9}[=:]\s{0,9}[\"']?)[^\s\"',}]+",
        r"()(?<![\d.])\d{6,20}\.\d{6,20}\.[0-9a-f]{16,64}(?![0-9a-f])",
        # name:password@ of any URL, and what is called a password; bounded, so that no text makes this slow
        r"(://[^\s:/@]{0,128}:)\S{1,512}(?=@)",
        rf"(?i)((?:\b|_){_WORD}[\"']?=[\"']?)[^\s\"',}}&;]+",
        r"(?i)((?:secret_?access_?key|session_?token|x-amz-(?:signature|security-token|credential))"
        r"[\"']?\s{0,9}[=:]\s{0,9}[\"']?)[^\s\"',}&]+",
        # AWS's own patterns: an access key's id, and its secret, with all kinds of characters: a SHA-1 in hex
        # is none
        r"()(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])",
        r"()(?<![A-Za-z0-9/+=])(?=[^\s]{0,39}[a-z])(?=[^\s]{0,39}[A-Z])(?=[^\s]{0,39}[0-9])"
        r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
    )
)
"""What looks like a secret, whoever's it is; the group is what stays in front of it."""


def of_url(url: str) -> list[str]:
    """The secrets that a URL holds, as they stand in it and as they are meant: its password, anywhere."""
    # not by urlsplit, which refuses some that a database takes, and then nothing would be kept back
    found = _PASSWORD.match(url)
    held = [*([found[1]] if found else []), *_PARAMETER.findall(url)]
    return [form for each in held if each for form in (each, unquote(each))]


def of_environment(environment: Mapping[str, str]) -> list[str]:
    """The secrets that stand in an environment."""
    named = [environment[name].strip() for name in SECRET_NAMES if environment.get(name, "").strip()]
    values = [value.strip() for value in environment.values()]
    looks = [value for value in values if any(shape.fullmatch(value) for shape in _SHAPES)]
    urls = [secret for value in values if "://" in value for secret in of_url(value)]
    return [*named, *looks, *urls]


def _however_written(secret: str) -> str:
    """A pattern of `secret` as it is, and as Python, JSON, URLs, forms and HTML write it, also within each
    other: each of its characters in any of these ways."""
    return "".join(
        each if each.isascii() and each.isalnum() else f"(?:{'|'.join(_ways(each))})" for each in secret
    )


def _ways(character: str) -> Iterator[str]:
    """The patterns of what a character that is no plain letter may be written as."""
    yield re.escape(character)
    raw = character.encode("utf-8", "surrogatepass")
    yield "(?i:" + "".join(f"%{byte:02x}" for byte in raw) + ")"
    if character == " ":
        yield re.escape("+")
    for escaped in {json.dumps(character)[1:-1], ascii(character)[1:-1], repr(raw)[2:-1]} - {character}:
        # what is escaped twice has more of them
        yield re.escape(escaped).replace(r"\\", r"\\{1,64}")
    if character in "\"'":
        yield rf"\\{{1,64}}{character}"
    if (named := html.escape(character)) != character:
        yield f"(?:{re.escape(named)}|&#{ord(character)};)"


class Secrets:
    """Those of `values`, and whatever looks like one. Safe from any thread."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        # the longest first, for one may begin another
        longest = sorted({each for each in values if each}, key=len, reverse=True)
        self._known = re.compile("|".join(map(_however_written, longest))) if longest else None

    def hide(self, text: str) -> str:
        """`text` without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape in _SHAPES:
            text = shape.sub(rf"\1{HIDDEN}", text)
        return text


class Hiding:
    """A stream of text that lets no secret through; in all else the stream it writes to."""

    def __init__(self, stream: TextIO, secrets: Secrets) -> None:
        self._stream = stream
        self._secrets = secrets

    def hide(self, text: str) -> str:
        """`text` without secrets, for who breaks it into lines before it is written: half of one is not known
        for a secret."""
        return self._secrets.hide(text)

    def write(self, text: str) -> int:
        """Write `text` without its secrets; how many characters of it were taken: all."""
        self._stream.write(self.hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each, likewise."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
