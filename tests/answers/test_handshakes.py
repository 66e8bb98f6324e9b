"""What others negotiated with a client's hosts: what is said of it, and that nothing else hangs on it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers import handshakes, summary
from bot.app import answer as answering
from bot.cli import terminal
from bot.engines.local import Local
from bot.errors import EngineBusy, EngineError, UserError
from bot.question import select, views
from bot.table import Table
from bot.text import only_shows
from handlers.blockkit import blocks
from tests.answers.test_cards import row
from tests.conftest import NOW
from tests.support.logs import quietly
from tests.support.runs import asked as asked_run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot import exp

    from bot.answers.cards import Card
    from bot.answers.handshakes import Handshakes
    from bot.answers.summary import Summary
    from bot.archive.archive import Archive
    from bot.clients.endpoint import Policy
    from bot.engines import Statement
    from bot.question.question import Question
    from bot.table import Column

    Ask = Callable[[str], Question]
    Seen = tuple[str, str, str | None, str | None, int]

COLUMNS: Final = views.load()["handshakes"].columns
CAP: Final = 1_000
ME: Final = "Boto/2.49.0 Python/2.7.5"
S3, KMS, STS = "s3.amazonaws.com", "kms.amazonaws.com", "sts.amazonaws.com"
S3_HOST, KMS_HOST, STS_HOST = (f"{name}.us-east-1.amazonaws.com" for name in ("s3", "kms", "sts"))
PRIVATE: Final = "bucket.vpce-0a1b.s3.us-east-1.vpce.amazonaws.com"


def seen(mine: Sequence[Seen], others: Sequence[Seen], cap: int = CAP) -> Handshakes:
    """What is read of the rows of the question's own calls and of others'. Everybody's are both."""
    with Table(COLUMNS, [list(mine)]) as asked, Table(COLUMNS, [[*mine, *others]]) as everybody:
        return handshakes.from_tables(asked, everybody, cap=cap)


def old(host: str | None = S3_HOST, service: str = S3, version: str = "TLSv1.1", calls: int = 7) -> Seen:
    return service, host or "", ME, version, calls


def hint(*others: Seen, policy: Policy = "min=1.3", mine: Sequence[Seen] = (old(),), cap: int = CAP) -> str:
    return seen(mine, others, cap).hint(ME, policy)


# --- what is said


def test_who_negotiates_newer_shows_that_the_host_offers_it() -> None:
    assert hint(
        (S3, S3_HOST, "a", "TLSv1.3", 4_000),
        (S3, S3_HOST, "b", "TLSv1.3", 211),
        (S3, S3_HOST, "c", "TLSv1.2", 9_000),
        (KMS, KMS_HOST, "d", "TLSv1.3", 5),
    ) == (
        "Others negotiate TLS 1.3 with s3.us-east-1.amazonaws.com (4,211 calls of 2 clients): it offers that."
    )


def test_what_others_negotiate_at_most_is_measured_by_the_policy() -> None:
    other = (S3, S3_HOST, "a", "TLSv1.2", 3)

    assert hint(other, policy="min=1.2").startswith("Others negotiate TLS 1.2 with ")
    assert hint(other) == (
        "Nobody negotiates TLS 1.3 with s3.us-east-1.amazonaws.com (1 other client): it, or a proxy on the "
        "way, may offer no more."
    )


def test_where_nobody_else_called_nothing_is_concluded() -> None:
    assert hint() == (
        "Nobody else's handshake with s3.us-east-1.amazonaws.com is recorded: events do not say what it "
        "offers."
    )


def test_calls_of_the_same_client_that_are_newer_show_it_too() -> None:
    assert hint((S3, S3_HOST, ME, "TLSv1.3", 40), (S3, S3_HOST, "a", "TLSv1.1", 40)) == (
        "Other calls of this client negotiate TLS 1.3 with s3.us-east-1.amazonaws.com (40 calls): it offers "
        "that."
    )


def test_hosts_of_which_the_same_is_known_share_a_sentence_the_strongest_first() -> None:
    named = [f"{at}.example" for at in range(5)]
    mine = [old(KMS_HOST, KMS, calls=99), old(STS_HOST, STS), old(), *(old(name, S3) for name in named)]
    others = [(S3, name, "a", "TLSv1", 1) for name in named]

    assert hint((STS, STS_HOST, "a", "TLSv1.3", 1), (S3, S3_HOST, "a", "TLSv1.3", 2), *others, mine=mine) == (
        "Others negotiate TLS 1.3 with sts.us-east-1.amazonaws.com and s3.us-east-1.amazonaws.com (3 calls "
        "of 1 client): they offer that. Nobody negotiates TLS 1.3 with 0.example, 1.example or 3 others "
        "(1 other client): they, or a proxy on the way, may offer no more. Nobody else's handshake with "
        "kms.us-east-1.amazonaws.com is recorded: events do not say what it offers."
    )


def test_a_host_is_one_whatever_services_it_answers_for() -> None:
    mine = [old(), old(service=KMS)]

    assert "(5 calls of 1 client): it offers" in hint((STS, S3_HOST, "a", "TLSv1.3", 5), mine=mine)


def test_where_a_source_says_what_an_endpoint_lacks_only_what_denies_it_is_told() -> None:
    mine = [old(PRIVATE)]

    assert hint(mine=mine) == ""
    assert hint((S3, PRIVATE, "a", "TLSv1.2", 1), mine=mine) == ""
    assert hint((S3, PRIVATE, "a", "TLSv1.3", 1), mine=mine).startswith(
        "Others negotiate TLS 1.3 with bucket."
    )


def test_of_some_of_the_rows_nobody_says_that_there_are_no_others() -> None:
    assert hint(cap=1) == ""
    assert hint((S3, S3_HOST, "a", "TLSv1.2", 1), cap=2) == ""
    assert "(at least 1 call of 1 client)" in hint((S3, S3_HOST, "a", "TLSv1.3", 1), cap=2)


@pytest.mark.parametrize("policy", ["kx=classical", "kx=below-cnsa"])
def test_of_key_exchanges_no_version_says_anything(policy: Policy) -> None:
    assert hint((S3, S3_HOST, "a", "TLSv1.3", 1), policy=policy) == ""


@pytest.mark.parametrize(
    "mine",
    [
        [],
        [old(None)],
        [(S3, None, ME, "TLSv1.1", 1)],
        [(S3, S3_HOST, ME, None, 1)],
        [old(version="TLSv1.3")],
        [(S3, S3_HOST, "another", "TLSv1.1", 1)],
    ],
)
def test_nothing_is_said_where_no_host_of_a_call_that_is_too_old_is_known(mine: list[Seen]) -> None:
    assert hint((S3, S3_HOST, "a", "TLSv1.3", 1), mine=mine) == ""


# --- what hangs on it


def answered(ask: Ask, mine: Sequence[Seen], others: Sequence[Seen], *, told: bool) -> Summary:
    """What an answer says of the clients of `mine`, with the hints or without."""
    question = ask("last 7d by=clients min=1.3")
    rows = [row(question, userAgent=each[2], tlsVersion=each[3], calls=each[4]) for each in mine]
    with Table(question.view.columns, [rows]) as table:
        return summary.summarize(question, table, None, seen=seen(mine, others) if told else None, cap=CAP)


def cards(found: Summary) -> tuple[Card, ...]:
    return () if found.cards is None else found.cards.cards


strange = st.text(max_size=12) | st.sampled_from(
    [S3_HOST, PRIVATE, "<!here>", "*x*\u202e", "a\nb", "\x1b[31m", "h" * 300]
)
versions = st.sampled_from(["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])
agents = st.sampled_from([ME, "aws-sdk-go/1.15.0 (go1.11.4; linux; amd64)", "", "curl/7.19.7"]) | strange


@given(
    mine=st.lists(st.tuples(strange, strange, agents, versions, st.integers(1, 9)), min_size=1, max_size=30),
    others=st.lists(st.tuples(strange, strange, agents, versions, st.integers(1, 9)), max_size=30),
)
def test_a_hint_takes_nothing_away_and_strangers_words_only_show(
    ask: Ask, mine: list[Seen], others: list[Seen]
) -> None:
    plain, hinted = (answered(ask, mine, others, told=told) for told in (False, True))

    assert all(each.hint == "" for each in cards(plain))
    assert [replace(each, hint="") for each in cards(hinted)] == list(cards(plain))
    assert replace(hinted, cards=None) == replace(plain, cards=None)
    if hinted.cards is not None:
        shown = blocks.cards(hinted.cards, asked_run(NOW, "a"))
        assert blocks.characters(shown) < 13_000
        assert all(map(only_shows, terminal.cards(hinted.cards, None).splitlines()))


@given(
    hosts=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["me", "x", "y"]), versions), max_size=9)
)
def test_what_is_said_of_each_host_is_what_a_plain_look_at_its_rows_says(
    hosts: list[tuple[str, str, str]],
) -> None:
    mine = [(S3, f"{host}.example", ME, "TLSv1.1", 1) for host in "ab"]
    rows = [(S3, f"{host}.example", ME if who == "me" else who, version, 1) for host, who, version in hosts]

    said = seen(mine, rows).hint(ME, "min=1.3")

    for host in "ab":
        newer = [who for at, who, version in hosts if at == host and version == "TLSv1.3"]
        others = [who for at, who, _ in hosts if at == host and who != "me"]
        beginning = (
            ("Others negotiate" if set(newer) - {"me"} else "Other calls of")
            if newer
            else ("Nobody negotiates" if others else "Nobody else's")
        )
        (sentence,) = [each for each in said.split(". ") if f"{host}.example" in each]
        assert sentence.startswith(beginning)


# --- when it is asked


class Metered(Local):
    """Reading costs."""

    price = 5.0


class Terse(Local):
    """It cannot say what a handshake is."""

    def translate(self, select: exp.Select, columns: Sequence[Column]) -> Statement:
        if tuple(columns) == COLUMNS:
            raise UserError("The engine knows no hosts.")
        return super().translate(select, columns)


def answer(
    ask: Ask,
    local: Local,
    catalogue: dict[str, views.View],
    words: str,
    *,
    asked: Callable[[str], bool] = lambda _: True,
    fails: dict[str, Exception] | None = None,
) -> Summary:
    question = ask(words)
    statements = answering.statements(question, local, catalogue, cap=10_000)

    def run(name: str) -> tuple[Table, int]:
        if name in (fails or {}):
            raise (fails or {})[name]
        return local.run(statements[name], token=name, resume=None, progress=quietly), 0

    there = [name for name in statements if asked(name)]
    with answering.answer(question, run, there, engine=local, cap=10_000) as found:
        return found.summary


BOTO: Final = "last 14d by=clients agent=Boto/2.49*"


def test_others_are_asked_whoever_the_question_is_about(
    ask: Ask, local: Local, catalogue: dict[str, views.View]
) -> None:
    (card,) = cards(answer(ask, local, catalogue, f"{BOTO} principal=nightly-export event=PutObject"))
    assert card.hint.startswith("Others negotiate TLS 1.3 with s3.us-east-1.amazonaws.com (")


def test_a_hint_is_of_the_hosts_that_the_question_is_about(
    ask: Ask, local: Local, catalogue: dict[str, views.View]
) -> None:
    (card,) = cards(answer(ask, local, catalogue, "last 14d by=clients agent=BackupAppliance"))
    assert "kms.us-east-1.amazonaws.com and s3.us-east-1.amazonaws.com" in card.hint

    (card,) = cards(
        answer(ask, local, catalogue, "last 14d by=clients agent=BackupAppliance event=PutObject")
    )
    assert "kms" not in card.hint


def test_an_answer_of_a_run_from_before_an_update_has_no_hint(
    ask: Ask, local: Local, catalogue: dict[str, views.View]
) -> None:
    whole = answer(ask, local, catalogue, BOTO)
    before = answer(ask, local, catalogue, BOTO, asked=lambda name: name not in {"handshakes", "others"})

    assert [each.hint for each in cards(before)] == [""]
    assert [replace(each, hint="") for each in cards(whole)] == list(cards(before))


@pytest.mark.parametrize("name", ["handshakes", "others"])
def test_a_hint_that_cannot_be_had_costs_no_answer_and_is_in_the_log(
    name: str, ask: Ask, local: Local, catalogue: dict[str, views.View], caplog: pytest.LogCaptureFixture
) -> None:
    whole = answer(ask, local, catalogue, BOTO)
    with caplog.at_level(logging.WARNING):
        found = answer(ask, local, catalogue, BOTO, fails={name: EngineError("It broke.", detail="a path")})

    assert [replace(each, hint="") for each in cards(whole)] == list(cards(found))
    assert "What others negotiate is not told: It broke: a path." in caplog.text


def test_where_there_is_no_room_the_run_keeps_its_place(
    ask: Ask, local: Local, catalogue: dict[str, views.View]
) -> None:
    with pytest.raises(EngineBusy):
        answer(ask, local, catalogue, BOTO, fails={"others": EngineBusy("Full.")})


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("last 7d by=clients", {"others"}),
        ("last 7d by=calls min=1.3 service=s3 account=1111* region!=us-east-1", {"others"}),
        ("last 7d by=clients min=1.1", {"others", "handshakes"}),
        ("last 7d by=clients principal=x", {"others", "handshakes"}),
        ("last 7d by=clients version=1.1", {"others", "handshakes"}),
        ("last 7d by=findings cipher=weak", {"others", "handshakes"}),
        ("last 7d by=calls sdk=eol min=1.2", {"others", "handshakes"}),
        ("last 7d by=clients sdk=eol", set()),
        ("last 7d by=services", set()),
        ("last 7d by=requests", set()),
        ("last 7d by=readiness", set()),
        ("last 7d by=endpoints min=1.3", set()),
    ],
)
def test_it_is_asked_where_cards_may_tell_it_and_reading_is_free(
    words: str, asked: set[str], ask: Ask, archive: Archive, catalogue: dict[str, views.View]
) -> None:
    def names(engine: Local, *, hints: bool = True) -> set[str]:
        made = answering.statements(ask(words), engine, catalogue, cap=CAP, hints=hints)
        return {"handshakes", "others"} & set(made)

    free, dear, terse = (
        kind(archive, memory="1GB", seconds=60, at_once=2) for kind in (Local, Metered, Terse)
    )

    assert names(free) == asked
    assert names(free, hints=False) == names(dear) == names(terse) == set()


@pytest.mark.parametrize("floor", ["min=1.2", "min=1.3"])
def test_what_is_not_asked_twice_is_told_from_the_versions(
    floor: Policy, ask: Ask, local: Local, catalogue: dict[str, views.View]
) -> None:
    question = ask(f"last 14d by=handshakes {floor}")
    everybody = select.handshakes(question, catalogue)["others"]

    def run(asked: Question) -> Table:
        statement = local.translate(select.build(asked, cap=CAP), asked.view.columns)
        return local.run(statement, token="0", resume=None, progress=quietly)  # noqa: S106 - of no secret

    with run(question) as own, run(everybody) as of_all:
        twice = handshakes.from_tables(own, of_all, cap=CAP)
        once = handshakes.from_tables(of_all, of_all, cap=CAP)
        clients = {str(each[own.index("userAgent")] or "") for each in own.rows()}

    hints = {client: twice.hint(client, floor) for client in clients}
    assert {client: once.hint(client, floor) for client in clients} == hints
    assert any(hints.values())
