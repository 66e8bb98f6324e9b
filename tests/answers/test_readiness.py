from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.answers import readiness, summary
from bot.table import Table
from tests.answers.test_summary import CAP

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question

BOTO3 = "Boto3/1.35.0 md/Botocore#1.35.0 ua/2.0 os/linux md/arch#x86_64 lang/python#3.12.3"
JAVA_1 = "aws-sdk-java/1.12.700 Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.9"
CONSOLE = "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.991 Linux/5.4]"


def asked(question: Question, *rows: dict[str, Any]) -> Table:
    """The view's table; what a row does not say is nothing, and of no call."""
    columns = question.view.columns
    filled = [
        tuple(row.get(column.name, 0 if column.type == "INTEGER" else None) for column in columns)
        for row in rows
    ]
    return Table(columns, [filled])


def calls(agent: str, count: int, held_back: int, **said: Any) -> dict[str, Any]:
    return {"userAgent": agent, "numCalls": count, "numHeldBack": held_back, **said}


def test_the_headline_says_how_far_the_calls_are_that_say_so(ask: Callable[[str], Question]) -> None:
    question = ask("last 7d by=readiness")
    on_13 = {"percentTls13": 50.0, "numWithVersion": 600}
    hybrid = {"percentPostQuantum": 25.0, "percentCnsa": 0.0, "numWithKeyExchange": 400}
    with asked(
        question,
        calls(BOTO3, 1_000, 400, **on_13, **hybrid),
        calls(JAVA_1, 250, 250, support="out of support"),
    ) as table:
        found = summary.summarize(question, table, None, cap=CAP)

    assert found.headline == (
        "TLS 1.3: 50.0 %, ML-KEM: 25.0 %, ML-KEM-1024 (CNSA 2.0): none, SDKs out of support: 20.0 %"
    )
    assert found.notes[0] == (
        "Shares are of the calls that say so: 600 calls of 1,250 say their TLS version, "
        "400 their key exchange."
    )


def test_where_no_call_says_so_no_share_is_made_up(ask: Callable[[str], Question]) -> None:
    with asked(ask("last 7d by=readiness"), calls(BOTO3, 12, 0)) as table:
        told = readiness.told(table)

    assert told.headline == (
        "TLS 1.3: no call says, ML-KEM: no call says, ML-KEM-1024 (CNSA 2.0): no call says, "
        "SDKs out of support: none"
    )


def test_the_ten_that_hold_back_most_are_weighed_against_all(ask: Callable[[str], Question]) -> None:
    rows = [calls(f"{BOTO3} app/{at}", 100, 90 if at < 10 else 10) for at in range(20)]
    with asked(ask("last 7d by=readiness"), *rows) as table:
        told = readiness.told(table)

    assert told.notes[1] == (
        "The ten that hold back most make 90.0 % of the 1,000 calls below TLS 1.3, without ML-KEM "
        "or by an SDK out of support."
    )


def test_awss_own_callers_and_browsers_are_counted_apart(ask: Callable[[str], Question]) -> None:
    rows = (calls(BOTO3, 7, 7), calls(CONSOLE, 5, 4), calls("Mozilla/5.0 (X11; Linux x86_64)", 3, 2))
    with asked(ask("last 7d by=readiness"), *rows) as table:
        told = readiness.told(table)

    assert told.notes[-1] == "Of those held back, 4 calls by AWS's own callers and 2 calls by browsers."
