from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.answers import blame, summary
from bot.table import Table
from tests.answers.test_cards import made, row
from tests.answers.test_summary import CAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.answers.cards import Card
    from bot.question.question import Question

    Ask = Callable[[str], Question]

GO: Final = "aws-sdk-go-v2/1.41.1 os/linux lang/go#1.12.1 md/GOOS#linux"
ACCESS: Final = "data.bucket.vpce-0a1b.s3.us-east-1.vpce.amazonaws.com"
MULTI: Final = "m0a1b.mrap.accesspoint.s3-global.amazonaws.com"
S3: Final = "s3.amazonaws.com"


def card(ask: Ask, words: str, calls: int, *limited: tuple[str, int]) -> tuple[summary.Summary, Card]:
    """The answer, and its card, for a client with so many `calls`, of which so many to each host."""
    question, by_host = ask(f"last 7d by=clients {words}"), ask(f"last 7d by=endpoints {words}")
    rows = [(S3, host, "arn:aws:iam::111122223333:role/a", GO, count) for host, count in limited]
    client = row(question, userAgent=GO, tlsVersion="TLSv1.2", calls=calls)
    with (
        Table(question.view.columns, [[client]]) as table,
        Table(by_host.view.columns, [rows]) as endpoints,
    ):
        found = summary.summarize(question, table, None, None, endpoints, cap=CAP)
    assert found.cards is not None
    return found, found.cards.cards[0]


def test_calls_of_the_endpoint_are_a_group_and_stay_in_every_count(ask: Ask) -> None:
    found, card_ = card(ask, "min=1.3", 1_000, (ACCESS, 800), (MULTI, 12))

    assert found.headline == "1,000 calls with 1 client"
    assert found.notes[-1] == (
        "The endpoint offers no more: 812 calls (S3 has no TLS 1.3 over PrivateLink: 800 and S3's "
        "Multi-Region Access Points have no TLS 1.3: 12)."
    )
    assert "the endpoint offers no more: 812 calls" in card_.verdicts
    assert card_.command is not None, "the others are the client's"


def test_a_client_that_only_calls_such_endpoints_is_not_told_to_upgrade(ask: Ask) -> None:
    found, card_ = card(ask, "min=1.3", 800, (ACCESS, 800))

    assert found.notes[-1] == ("The endpoint offers no more: 800 calls (S3 has no TLS 1.3 over PrivateLink).")
    assert card_.advice == "S3 has no TLS 1.3 over PrivateLink: no upgrade of the client helps."
    assert (card_.command, card_.certainty) == (None, "Surely the endpoint")
    assert (card_.page or "").startswith("https://docs.aws.amazon.com/AmazonS3/")


def test_of_some_of_the_rows_nobody_says_that_they_are_all_of_a_clients_calls(ask: Ask) -> None:
    _, card_ = card(ask, "min=1.3 top=1", 800, (ACCESS, 800))

    assert card_.command is not None


def test_where_it_was_not_asked_nothing_is_said(ask: Ask) -> None:
    assert blame.from_table(None) is not blame.NO_BLAME
    assert blame.from_table(None).words() == ()
    assert made(ask("last 7d by=clients min=1.3"), {"userAgent": GO}) is not None
