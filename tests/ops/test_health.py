"""The server for who watches the bot, over real HTTP."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, NamedTuple

import pytest
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from bot.errors import UserError
from bot.ops.health import Status
from bot.ops.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HOST = "127.0.0.1"


class Answer(NamedTuple):
    status: int
    kind: str | None
    body: str


@contextmanager
def serving(
    problems: Callable[[], Sequence[str]] = tuple, metrics: Metrics | None = None
) -> Iterator[Status]:
    with Status(HOST, 0, problems=problems, metrics=(metrics or Metrics()).page) as status:
        yield status


def ask(
    status: Status, path: str, *, method: str = "GET", host: str = HOST, accept: str | None = None
) -> Answer:
    connection = HTTPConnection(host, status.port)
    try:
        connection.request(method, path, headers={} if accept is None else {"Accept": accept})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheader("Content-Type"), answer.read().decode())
    finally:
        connection.close()


def broken() -> list[str]:
    raise RuntimeError("hunter2")


def test_a_bot_that_is_well_says_ok() -> None:
    with serving() as status:
        assert ask(status, "/healthz") == (200, "text/plain; charset=utf-8", "ok\n")


def test_a_bot_that_is_not_says_every_reason() -> None:
    with serving(lambda: ["Slack is away.", "The database – too \ud800."]) as status:
        answer = ask(status, "/healthz")

    assert (answer.status, answer.body) == (503, "Slack is away.\nThe database – too ?.\n")


def test_health_is_looked_at_anew_each_time() -> None:
    problems: list[str] = []
    with serving(lambda: problems) as status:
        before = ask(status, "/healthz").status
        problems.append("The database is away.")
        after = ask(status, "/healthz").status

    assert (before, after) == (200, 503)


def test_metrics_are_told_in_their_own_media_type() -> None:
    metrics = Metrics()
    metrics.ended("done", "question")
    with serving(metrics=metrics) as status:
        answer = ask(status, "/metrics")

    assert (answer.status, answer.kind) == (200, CONTENT_TYPE_PLAIN_0_0_4)
    assert 'tls_audit_runs_ended_total{kind="question",outcome="done"} 1.0' in answer.body


@pytest.mark.parametrize("path", ["/", "/healthz/", "/healthzz", "/metrics/../healthz", "/%68ealthz"])
def test_anything_else_is_not_found(path: str) -> None:
    with serving() as status:
        assert ask(status, path).status == 404


def test_what_follows_a_question_mark_changes_nothing() -> None:
    with serving() as status:
        assert ask(status, "/healthz?verbose=1").status == 200


def test_a_head_request_gets_no_body() -> None:
    with serving() as status:
        assert ask(status, "/healthz", method="HEAD") == (200, "text/plain; charset=utf-8", "")


def test_a_head_request_says_how_long_the_body_would_be() -> None:
    with serving() as status:
        lengths = []
        for method in ("GET", "HEAD"):
            connection = HTTPConnection(HOST, status.port)
            connection.request(method, "/metrics")
            lengths.append(connection.getresponse().getheader("Content-Length"))
            connection.close()

    assert lengths[0] == lengths[1] != "0"


def test_openmetrics_is_told_to_whoever_asks_for_it() -> None:
    with serving() as status:
        answer = ask(status, "/metrics", accept="application/openmetrics-text; version=1.0.0")

    assert answer.kind is not None
    assert answer.kind.startswith("application/openmetrics-text")
    assert answer.body.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/elsewhere"])
def test_no_page_may_be_taken_for_another_kind_nor_tells_what_serves_it(path: str) -> None:
    with serving() as status:
        connection = HTTPConnection(HOST, status.port)
        connection.request("GET", path)
        headers = connection.getresponse().headers
        connection.close()

    assert (headers["X-Content-Type-Options"], headers.get_all("Server")) == ("nosniff", ["tls-audit"])


def test_nothing_can_be_written_to_it() -> None:
    with serving() as status:
        assert ask(status, "/metrics", method="POST").status == 501


def test_a_scrape_that_fails_is_logged_and_the_next_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    with serving(broken) as status:
        failed = ask(status, "/healthz")
        after = ask(status, "/metrics")

    assert (failed.status, after.status) == (500, 200)
    assert "hunter2" not in failed.body
    (record,) = (each for each in caplog.records if each.levelno == logging.ERROR)
    assert record.message == "/healthz could not be answered"
    assert "hunter2" in caplog.text


def test_a_client_that_leaves_early_or_talks_nonsense_does_no_harm() -> None:
    with serving() as status:
        for said in (
            b"",
            b"GET /metrics",
            b"\x00\xff\r\n\r\n",
            b"GET " + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection((HOST, status.port)) as client:
                client.sendall(said)
        assert ask(status, "/healthz").status == 200


def test_one_slow_answer_does_not_hold_up_another() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> list[str]:
        asked.set()
        go_on.wait()
        return []

    got: list[int] = []
    with serving(slow) as status:
        first = threading.Thread(target=lambda: got.append(ask(status, "/healthz").status))
        first.start()
        asked.wait()
        got.append(ask(status, "/metrics").status)
        assert got == [200]
        go_on.set()
        first.join()
    assert got == [200, 200]


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with serving() as status, pytest.raises(UserError) as caught:
        Status(HOST, status.port, problems=tuple, metrics=Metrics().page).__enter__()

    assert caught.value.message == f"Port {status.port} of {HOST} cannot be used: Address already in use."
    assert caught.value.hint


def test_a_host_that_is_not_ones_own_is_said() -> None:
    with pytest.raises(UserError, match=r"Port 0 of 192\.0\.2\.1 cannot be used"):
        Status("192.0.2.1", 0, problems=tuple, metrics=Metrics().page).__enter__()


def test_after_its_end_the_port_is_free_again() -> None:
    with serving() as status:
        port = status.port
    with Status(HOST, port, problems=tuple, metrics=Metrics().page) as again:
        assert ask(again, "/healthz").status == 200


def test_it_serves_over_ipv6_too() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with Status("::1", 0, problems=tuple, metrics=Metrics().page) as status:
        assert ask(status, "/healthz", host="::1").status == 200
