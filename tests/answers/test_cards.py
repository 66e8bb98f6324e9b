"""Cards: what an answer's rows say is to be done, held as a golden text.

`pytest tests/answers/test_cards.py --renew-golden` writes it anew; read its diff.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.answers import cards, handshakes
from bot.cli import terminal
from bot.clients.data import table
from bot.question.owners import Owner
from bot.table import Table
from handlers.blockkit import blocks
from tests.clients.agents import lines, mutated
from tests.conftest import NOW
from tests.support.runs import asked as asked_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.answers.cards import Cards
    from bot.answers.handshakes import Handshakes
    from bot.question.question import Question
    from bot.question.views import View

    Ask = Callable[[str], Question]

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "clients" / "cards.txt"
ACCOUNT: Final = "111122223333"
SESSION: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role"
BOTO2: Final = "Boto/2.49.0 Python/2.7.5 Linux/3.10.0-1160.el7.x86_64"
GO1: Final = "aws-sdk-go/1.15.0 (go1.11.4; linux; amd64)"
CLI2: Final = "aws-cli/2.15.0 Python/3.11.8 Linux/6.1 exe/x86_64.amzn.2023"
JAVA2: Final = "aws-sdk-java/2.20.1 ua/2.1 os/Linux#6.1 lang/java#17.0.9 md/http#Apache"
QUESTIONS: Final = (
    "last 7d by=calls",
    "last 7d by=calls min=1.3",
    "last 7d by=calls min=1.1 kx=classical",
    "last 7d by=calls kx=below-cnsa",
    "last 7d by=calls cipher=weak version=1.2",
    "last 7d by=calls sdk=eol",
    "last 7d by=calls sdk=eol-in-90d min=1.2",
    "last 7d by=clients",
    "last 7d by=findings",
)


def row(question: Question, **said: Any) -> tuple[Any, ...]:
    """A row of the question's view; what is not `said` is NULL."""
    names = [column.name for column in question.view.columns]
    usual = {"recipientAccountId": ACCOUNT, "accountId": ACCOUNT, "eventSource": "s3.amazonaws.com"}
    cells = {**usual, **said, question.view.measure: said.get("calls", 1)}
    return tuple(cells.get(name) for name in names)


def made(question: Question, *rows: dict[str, Any], seen: Handshakes | None = None) -> Cards | None:
    with Table(question.view.columns, [[row(question, **each) for each in rows]]) as table:
        return cards.made(question, table, seen=seen)


CALLS: Final[tuple[dict[str, Any], ...]] = (
    {"arn": f"{SESSION}/nightly-export/i-0c1a2b3c4d5e6f708", "userAgent": BOTO2, "calls": 700},
    {"arn": f"{SESSION}/nightly-export/i-0c1a2b3c4d5e6f709", "userAgent": BOTO2, "calls": 112},
    {
        "arn": f"arn:aws:iam::{ACCOUNT}:user/bob",
        "userAgent": GO1,
        "calls": 400,
        "eventSource": "kms.amazonaws.com",
    },
    {"arn": f"arn:aws:iam::{ACCOUNT}:user/bob", "userAgent": GO1, "calls": 11},
    {"arn": f"arn:aws:iam::{ACCOUNT}:user/eve", "userAgent": CLI2, "calls": 40},
    {"arn": f"{SESSION}/app/app-session", "userAgent": JAVA2, "calls": 12},
    {"userAgent": None, "calls": 9},
    {"userAgent": "BackupAppliance/4.2", "calls": 5},
    {"accountId": "anonymous", "userAgent": "Boto3/1.26.0 Python/3.9.1", "calls": 3},
    {"userAgent": "[S3Console/0.4, aws-internal/3]", "calls": 2},
)


HOSTS: Final = (
    ("s3.us-east-1.amazonaws.com", BOTO2, 812),
    ("kms.us-east-1.amazonaws.com", GO1, 400),
    ("s3.us-east-1.amazonaws.com", GO1, 11),
    ("data.s3.eu-central-1.amazonaws.com", CLI2, 40),
    ("archive.s3.eu-central-1.amazonaws.com", JAVA2, 12),
    ("archive.s3.eu-central-1.amazonaws.com", CLI2, 1),
)
OTHERS: Final = (
    ("s3.us-east-1.amazonaws.com", "TLSv1.3", "Boto3/1.40.11", 4_211),
    ("kms.us-east-1.amazonaws.com", "TLSv1.3", GO1, 3),
)


def hosts(question: Question, version: str, catalogue: Mapping[str, View]) -> Handshakes:
    """What `HOSTS` and `OTHERS` negotiated, where the question's calls are over that version."""
    asked = replace(question, view=catalogue["handshakes"])
    mine = [
        row(asked, host=host, userAgent=agent, tlsVersion=version, calls=calls)
        for host, agent, calls in HOSTS
    ]
    others = [
        row(asked, host=host, userAgent=agent, tlsVersion=newer, calls=calls)
        for host, newer, agent, calls in OTHERS
    ]
    columns = asked.view.columns
    with Table(columns, [mine]) as of_question, Table(columns, [mine + others]) as everybody:
        return handshakes.from_tables(of_question, everybody, cap=1_000)


def text(question: Question, catalogue: Mapping[str, View]) -> str:
    version = {"min=1.3": "TLSv1.2", "kx": "TLSv1.3", "version": "TLSv1.2"}
    told = next((v for word, v in version.items() if word in str(question)), "TLSv1.1")
    rows = [
        {"principal": each.get("arn"), "tlsVersion": told, "cipherSuite": "AES128-SHA", **each}
        for each in CALLS
    ]
    found = made(question, *rows, seen=hosts(question, told, catalogue))
    return f"# {question.words()}\n{terminal.cards(found, None)}\n"


def test_cards_have_their_golden_text(
    ask: Ask, catalogue: dict[str, View], request: pytest.FixtureRequest
) -> None:
    said = "\n".join(text(ask(question), catalogue) for question in QUESTIONS)

    if request.config.getoption("--renew-golden"):
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words", ["by=services", "by=addresses", "by=requests", "by=versions", "by=coverage"]
)
def test_an_answer_that_names_no_clients_has_no_cards(ask: Ask, words: str) -> None:
    assert made(ask(f"last 7d {words}"), {"calls": 4}) is None


def test_nobody_is_told_to_upgrade_what_is_not_theirs(ask: Ask) -> None:
    aws = {"userAgent": "AWS Internal"}
    browser = {"userAgent": "Mozilla/5.0 (X11; Linux x86_64)"}
    stranger = {"accountId": "ANONYMOUS_PRINCIPAL", "userAgent": BOTO2}

    assert made(ask("last 7d by=calls"), aws, browser, stranger) is None
    found = made(ask("last 7d by=calls"), aws, browser, stranger, {"userAgent": BOTO2, "calls": 2})
    assert found is not None
    assert [each.who for each in found.cards] == ["2 calls to s3"]
    assert found.without == "3 more clients: AWS's own, or strangers'."


def test_whether_it_is_supported_is_decided_on_the_day_of_the_question(ask: Ask) -> None:
    asked = ask("last 7d by=calls sdk=eol-in-90d")
    node = {
        "userAgent": "aws-sdk-js/3.900.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#20.1.0",
        "tlsVersion": "TLSv1.3",
    }

    now, later = made(asked, node), made(replace(asked, on=asked.on + timedelta(days=60)), node)

    assert now is not None
    assert later is not None
    assert "supported until 8 Jan 2027" in now.cards[0].verdicts
    assert "out of support since 8 Jan 2027" in later.cards[0].verdicts


def test_who_is_old_for_its_sdk_alone_is_not_said_to_be_too_old_for_the_policy(ask: Ask) -> None:
    for question in ("sdk=eol", "sdk=eol min=1.2", "sdk=eol kx=classical", "sdk=eol cipher=weak"):
        found = made(ask(f"last 7d by=calls {question}"), {"userAgent": BOTO2, "tlsVersion": "TLSv1.3"})
        assert found is not None
        assert "oo old" not in found.cards[0].verdicts, question


def test_where_rows_tell_no_versions_the_step_leads_to_what_the_policy_asks(ask: Ask) -> None:
    for policy, step in (("min=1.2", "Java 8 or newer"), ("min=1.3", "Java 11, or 8u341, or newer")):
        found = made(ask(f"last 7d by=findings {policy}"), {"userAgent": JAVA2})
        assert found is not None
        assert f"Smallest step: {step}." in found.cards[0].advice


def test_s3_may_be_to_blame_where_no_host_is_known(ask: Ask) -> None:
    found = made(ask("last 7d by=calls min=1.3"), {"userAgent": GO1, "tlsVersion": "TLSv1.2"})

    assert found is not None
    assert found.cards[0].certainty.startswith("Likely the client, or else the endpoint")


def test_strangers_words_only_show_in_slack_and_in_the_terminal(ask: Ask) -> None:
    acts = f"{BOTO2} app/<!here>\u202e\x1b[31m\n*x*"
    found = made(
        ask("last 7d by=calls"), {"userAgent": acts, "arn": "<@U1>\x07", "tlsVersion": "TLSv1.1", "calls": 1}
    )

    assert found is not None
    said = terminal.cards(found, 80)
    assert not any(character in said for character in "\u202e\x1b\x07")
    shown = blocks.cards(found, asked_run(NOW, "a"))
    assert {block["type"] for block in shown} == {"rich_text", "actions"}
    assert not any(character in str(shown) for character in "\u202e\x1b\x07")


def test_any_agents_make_cards_that_slack_takes(ask: Ask) -> None:
    agents = [line.agent for line in lines()] + list(mutated(300))
    for question in QUESTIONS:
        asked = ask(question)
        for at in range(0, len(agents), 50):
            rows = [{"userAgent": each, "tlsVersion": "TLSv1.2"} for each in agents[at : at + 50]]
            found = made(asked, *rows)
            if found is not None:
                assert 0 < len(found.cards) <= cards.CARDS_MOST
                assert blocks.characters(blocks.cards(found, asked_run(NOW, "a"))) < 13_000
                assert terminal.cards(found, 40)


def test_cards_of_the_longest_lines_stay_below_a_message() -> None:
    long = "x" * 5_000
    rules = table("fixes")["rule"]
    steps = [
        f"{each['words']}. {each[step]['step']}" for each in rules for step in ("tls12", "tls13", "mlkem")
    ]
    card = cards.Card(
        who=long,
        calls_itself=long,
        verdicts=long,
        advice=f"Smallest step: {max(steps, key=len)}. On the host:",
        command=max((each["command"] for each in rules), key=len),
        certainty="Likely the client, or else the endpoint · Its agent tells the version that decides",
        page="https://docs.aws.amazon.com/",
        owner=Owner("t" * 60, "C_TEAM", "U_TEAM", "https://wiki.example/tls"),
        hint=long,
    )

    shown = blocks.cards(cards.Cards((card,) * cards.CARDS_MOST, "1 more client."), asked_run(NOW, "a"))

    assert blocks.characters(shown) < 13_000
