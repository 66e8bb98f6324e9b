"""What `serve` logs: always one line, always JSON, never a secret."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.ops import logs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

log = logging.getLogger("tests.somewhere")

SECRETS = (
    "xoxb-2345-6789-AbCdEf",
    "xoxp-1-2-3",
    "xoxa-2-1",
    "xoxr-1",
    "xapp-1-A01-2345-deadbeef",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
"""What is known by its looks. The last is the secret key of AWS's own documentation."""

text = st.text() | st.text("\r\n\t\x00\x1b\x7f\x85\u2028\u202e\u2066\ud800\"'\\…{}% xoxb-")


@contextmanager
def logged(secrets: Iterable[str] = (), level: int = logging.INFO) -> Iterator[io.StringIO]:
    """What is logged within; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    written = io.StringIO()
    root.handlers[:] = []  # pytest's own stumble over what is to be tested
    logs.set_up(written, level, secrets=secrets)
    try:
        yield written
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(before)


def only(written: io.StringIO) -> dict[str, Any]:
    """The one line."""
    (line,) = written.getvalue().splitlines()
    assert written.getvalue() == f"{line}\n"
    assert line.isascii()
    assert line.isprintable()
    said: dict[str, Any] = json.loads(line)
    return said


def test_a_line_says_when_how_bad_who_and_what() -> None:
    with logged() as written:
        log.warning("run %s failed", "7f3a")
    said = only(written)

    assert said.pop("time").endswith("Z")
    assert said == {"level": "warning", "logger": "tests.somewhere", "event": "run 7f3a failed"}


def test_the_time_is_utc_to_the_millisecond() -> None:
    record = logging.makeLogRecord({"created": 1795421670.25, "levelname": "INFO", "name": "x", "msg": "y"})

    assert json.loads(logs.Lines().format(record))["time"] == "2026-11-23T08:14:30.250Z"


@given(message=text, who=text, name=st.text("abcxyz", min_size=1).map(lambda name: f"n_{name}"))
@example(message="%s %d", who="", name="n_")
def test_whatever_is_said_is_one_line_of_json(message: str, who: str, name: str) -> None:
    with logged() as written:
        log.info("%s", message, extra={"who": who, name: [message]})
        log.info(message)

    first, second = (json.loads(line) for line in written.getvalue().splitlines())
    assert written.getvalue().isascii()
    assert first.keys() == {"time", "level", "logger", "event", "who", name}
    assert (first["event"], first["who"], first[name]) == (message, who, [message])
    assert second["event"] == message


@given(before=text, after=text, secret=st.sampled_from(SECRETS))
def test_what_looks_like_a_secret_is_never_written(before: str, after: str, secret: str) -> None:
    said = f"{before} {secret} {after}"
    with logged() as written:
        log.info("%s", said, extra={"who": said, said: {said: [said, (said,), {said}]}})

    assert secret not in str(only(written))


@given(before=text, after=text, secret=st.text(min_size=8).filter(lambda secret: "…" not in secret))
def test_the_secrets_it_is_told_are_never_written(before: str, after: str, secret: str) -> None:
    with logged([secret, "", secret[:4]]) as written:
        error = RuntimeError(before + secret + after)
        log.error("%s", before + secret + after, exc_info=error, extra={"who": secret})

    assert all(secret not in value for value in only(written).values())


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("postgresql://audit:pa:s@s@db:5432/runs is away", "postgresql://audit:…@db:5432/runs is away"),
        ("postgresql+psycopg://audit:x@[::1]/runs", "postgresql+psycopg://audit:…@[::1]/runs"),
        ("postgresql://audit@db/runs", "postgresql://audit@db/runs"),
        ("http://127.0.0.1:8080/healthz", "http://127.0.0.1:8080/healthz"),
        ("'SecretAccessKey': 'short', 'Region': 'x'", "'SecretAccessKey': '…', 'Region': 'x'"),
        ("aws_session_token = IQoJb3/+== aws_x = 1", "aws_session_token = … aws_x = 1"),
        ("wss://wss-primary.slack.com/link/?ticket=1-2&app_id=9", "wss://wss-primary.slack.com/link/?ticket=…&app_id=9"),
        ("to https://hooks.slack.com/commands/T1/2/x3 now", "to https://hooks.slack.com/… now"),
        ("SLACK_BOT_TOKEN starts with xoxb-", "SLACK_BOT_TOKEN starts with xoxb-"),
        ("xoxe.xoxp-1-Mi0yLTEx", "xoxe.…"),
        ("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"),
        ("arn:aws:iam::111122223333:role/billing-reports", "arn:aws:iam::111122223333:role/billing-reports"),
    ],
)  # fmt: skip
def test_a_secret_goes_and_what_stands_around_it_stays(said: str, seen: str) -> None:
    with logged() as written:
        log.info(said)

    assert only(written)["event"] == seen


def test_a_traceback_is_on_the_same_line() -> None:
    with logged(["hunter2"]) as written:
        try:
            int("wrong:\nhunter2")
        except ValueError:
            log.exception("it broke")
    said = only(written)

    assert said["event"] == "it broke"
    assert said["exc"].startswith("Traceback (most recent call last):\n")
    assert said["exc"].endswith("ValueError: invalid literal for int() with base 10: 'wrong:\\n…'")


def test_where_there_is_no_exception_there_is_no_traceback() -> None:
    with logged() as written:
        log.error("fine", exc_info=True)  # noqa: LOG014 - that is what it is about

    assert "exc" not in only(written)


def test_a_stack_asked_for_is_on_the_same_line() -> None:
    with logged() as written:
        log.info("here", stack_info=True)

    assert "test_logs.py" in only(written)["stack"]


def test_extras_keep_their_kind() -> None:
    given = {"bytes_read": 5, "share": 0.5, "sure": True, "none": None, "rows": [1, {"a": "b"}]}
    with logged() as written:
        log.info("asked", extra=given)

    assert given.items() <= only(written).items()


def test_extras_that_json_does_not_know_become_text() -> None:
    knot: list[object] = []
    knot.append(knot)
    with logged() as written:
        log.info("asked", extra={"odd": float("nan"), "error": ValueError("no"), "knot": knot})
    said = only(written)

    assert (said["odd"], said["error"]) == ("nan", "no")
    assert "[...]" in str(said["knot"])


def test_an_extra_takes_no_field_of_ours() -> None:
    with logged() as written:
        log.info("true", extra={"event": "false", "level": "false"})
    said = only(written)

    assert (said["event"], said["level"]) == ("true", "info")
    assert (said["event_"], said["level_"]) == ("false", "false")


def test_a_message_with_the_wrong_arguments_is_still_a_line() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    with logged() as written:
        log.info("%s of %s", "one")
        log.info("%s", Broken(), extra={"what": Broken()})
    first, second = (json.loads(line) for line in written.getvalue().splitlines())

    assert first["event"] == "%s of %s"
    assert (second["event"], second["what"]) == ("%s", "<Broken>")


def test_within_about_every_line_names_the_run() -> None:
    with logged() as written:
        with logs.about("7f3a"):
            log.info("one")
            with logs.about("8888"):
                log.info("two")
            log.info("three")
        log.info("four")
    runs = [json.loads(line).get("run") for line in written.getvalue().splitlines()]

    assert runs == ["7f3a", "8888", "7f3a", None]


def test_a_run_given_with_the_line_goes_before_the_one_around_it() -> None:
    with logged() as written, logs.about("7f3a"):
        log.info("taken up", extra={"run": "8888"})

    assert only(written)["run"] == "8888"


def test_each_thread_is_about_a_run_of_its_own() -> None:
    together = threading.Barrier(2)

    def work(run: str) -> None:
        with logs.about(run):
            together.wait()
            log.info("working on %s", run)

    with logged() as written, logs.about("the starter's"):
        workers = [threading.Thread(target=work, args=(run,)) for run in ("7f3a", "8888")]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    said = [json.loads(line) for line in written.getvalue().splitlines()]

    assert sorted((line["run"], line["event"]) for line in said) == [
        ("7f3a", "working on 7f3a"),
        ("8888", "working on 8888"),
    ]


def test_what_is_below_the_level_is_not_written() -> None:
    with logged(level=logging.WARNING) as written:
        log.info("chatter")

    assert written.getvalue() == ""


def test_set_up_twice_writes_once() -> None:
    with logged() as written, logged() as again:
        log.info("once")

    assert written.getvalue() == ""
    assert only(again)["event"] == "once"


def test_pythons_own_warnings_are_lines_too() -> None:
    with logged() as written, warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old\nnews", stacklevel=1)

    assert "old\nnews" in only(written)["event"]


def test_without_a_stream_it_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with logged():
        logs.set_up()
        log.info("here")

    assert json.loads(capsys.readouterr().err)["event"] == "here"
