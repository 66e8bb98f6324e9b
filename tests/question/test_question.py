from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlglot import exp

from bot.errors import Unsure, UserError
from bot.question.accounts import Accounts
from bot.question.parser import QUESTION_CHARS, Filter, parse
from bot.question.question import Policy, Question
from bot.question.tokens import literal, quoted
from bot.question.views import View

NOW = datetime(2026, 11, 23, 8, 14, 33, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def view(name: str, title: str, by: str = "", *, has_policy: bool = True) -> View:
    return View(
        name=name,
        title=title,
        about="",
        source="",
        by=by,
        chart=None,
        select=exp.select("1"),
        columns=(),
        measure="",
        has_policy=has_policy,
    )


VIEWS = {
    one.name: one
    for one in (
        view("services", "Calls per service over outdated TLS"),
        view("calls", "Calls over outdated TLS, in full"),
        view("clients", "Clients that call over outdated TLS", "client"),
        view("principals", "Principals that call over outdated TLS", "principal"),
        view("versions", "TLS versions per service", has_policy=False),
        view("coverage", "Coverage per service", has_policy=False),
    )
}


def ask(text: str, **changes: Any) -> Question:
    known: dict[str, Any] = {
        "now": NOW,
        "zone": BERLIN,
        "views": VIEWS,
        "engines": ("local", "lake"),
        "stores": ("prod", "dev"),
    }
    return parse(text, **known | changes)


def refusal(text: str, **changes: Any) -> tuple[str, str]:
    with pytest.raises(UserError) as refused:
        ask(text, **changes)
    return refused.value.message, refused.value.hint


def values(text: str) -> tuple[str, ...]:
    (only,) = ask(text).filters
    return only.values


def test_nothing_typed_asks_for_services_over_a_week() -> None:
    question = ask("")
    assert question.view is VIEWS["services"]
    assert question.window.label == "last 7d"
    assert question.policy == Policy(min_tls="1.2", weak_cipher=False, kx=None, sdk=None)
    assert (question.filters, question.top, question.store, question.engine) == ((), None, None, None)
    assert not question.private


def test_naming_a_service_asks_for_calls() -> None:
    assert ask("service=s3").view.name == "calls"
    assert ask("service!=s3").view.name == "services"
    assert ask("service=s3 clients").view.name == "clients"


def test_a_week_by_default_shrinks_with_the_maximum() -> None:
    assert ask("", max_days=2).window.label == "last 2d"


@pytest.mark.parametrize(
    "text",
    [
        "last 7d service=s3 by=clients",
        "clients last 7d service=s3",
        "service=s3 last 7d clients",
        "  LAST   7D  SERVICE=S3   Clients ?",
        "last\u00a07d\u2003service=s3 clients",
        "last 7d service = s3 clients",
        "last 7d service\u200b=s3 clients\u200b",
        "“last 7d” service=“s3” clients",
        "last 7d service=‘s3’ clients",
        "last 7d service＝ｓ３ clients？",
        "last 7d, service=s3, clients.",
        "last 7d service=s3.amazonaws.com view=clients",
        "last 7d source=s3,S3,s3.amazonaws.com clients clients",
        "/tls-audit last 7d service=s3 clients",
        'tls-audit ask "last 7d service=s3 clients"',
        "`last 7d service=s3 clients`",
        "7d svc=s3 clients",
        "past 7 days\nservice==s3\tclients",
    ],
)
def test_what_people_and_phones_type_is_one_question(text: str) -> None:
    assert ask(text) == ask("last 7d service=s3 clients")
    assert ask(text).window.label.lower() in ("last 7d", "7d", "past 7 days")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service=S3", ("s3.amazonaws.com",)),
        ("service=s3,kms service=sts", ("kms.amazonaws.com", "s3.amazonaws.com", "sts.amazonaws.com")),
        ("service=s3*", ("s3*",)),
        ("account=111122223333", ("111122223333",)),
        ("account=1111-2222-3333", ("111122223333",)),
        ("account=1111*", ("1111*",)),
        ("region=US-East-1", ("us-east-1",)),
        ("region=us-gov-west-1", ("us-gov-west-1",)),
        ("region=eu-*", ("eu-*",)),
        ("region=us‑east‑1", ("us-east-1",)),
        ("principal=arn:aws:iam::111122223333:role/ci", ("arn:aws:iam::111122223333:role/ci",)),
        ("role=ci", ("ci",)),
        ('agent="My App, Inc"', ("My App, Inc",)),
        ('agent="say ""hi""; -- it\'s 100% :start"', ('say "hi"; -- it\'s 100% :start',)),
        ('agent="a\x00b\nc\u200bd"', ("a\x00b\nc\u200bd",)),
        ("agent=it's", ("it's",)),
        ("agent=a=b", ("a=b",)),
        ("event=PutObject", ("PutObject",)),
        ("ip=10.1.2.3", ("10.1.2.3",)),
        ("ip=2001:DB8:0::1", ("2001:db8::1",)),
        ("ip=10.0.0.0/8", ("10.*",)),
        ("ip=10.1.2.3/16", ("10.1.*",)),
        ("ip=10.1.2.0/24", ("10.1.2.*",)),
        ("ip=10.1.2.3/32", ("10.1.2.3",)),
        ("ip=cloudformation.amazonaws.com", ("cloudformation.amazonaws.com",)),
        ('ip="aws internal"', ("AWS Internal",)),
        ("version=TLSv1.2", ("1.2",)),
        ("tls=1.2,tls1.1,v1.3,TLSv1", ("1.0", "1.1", "1.2", "1.3")),
        ("cipher=ecdhe-rsa-aes128-sha", ("ECDHE-RSA-AES128-SHA",)),
        ("cipher=*-SHA", ("*-SHA",)),
        ("host=S3-FIPS.*", ("s3-fips.*",)),
    ],
)
def test_a_filter_value_is_read(text: str, expected: tuple[str, ...]) -> None:
    assert values(text) == expected


def test_filters_of_a_word_come_together_and_their_order_does_not_matter() -> None:
    question = ask("region!=us-east-1 service=s3 service!=kms service=sts")
    assert question.filters == (
        Filter("service", ("s3.amazonaws.com", "sts.amazonaws.com"), negated=False),
        Filter("service", ("kms.amazonaws.com",), negated=True),
        Filter("region", ("us-east-1",), negated=True),
    )
    assert question == ask("service=sts service≠kms service=s3 region != us-east-1")


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Policy("1.2")),
        ("min=1.3", Policy("1.3")),
        ("min=TLSv1.1", Policy("1.1")),
        ("cipher=weak", Policy("1.2", weak_cipher=True)),
        ("kx=classical key-exchange=Classical", Policy("1.2", kx="classical")),
        ("min=1.3 cipher=WEAK kx=classical", Policy("1.3", weak_cipher=True, kx="classical")),
        ("kx=Below-CNSA", Policy("1.2", kx="below-cnsa")),
        ("sdk=eol", Policy(None, sdk="eol")),
        ("sdk=EOL-in-90d cipher=weak", Policy(None, weak_cipher=True, sdk="eol-in-90d")),
        ("sdk=eol min=1.2", Policy("1.2", sdk="eol")),
        ("sdk=eol version=1.1", Policy(None, sdk="eol")),
        ("version=1.2", Policy(None)),
        ("version=1.2 cipher=weak", Policy(None, weak_cipher=True)),
        ("version=1.2 min=1.3", Policy("1.3")),
        ("version!=1.0", Policy("1.2")),
        ("version!=1.3", Policy(None)),
        ("tls!=1.0,1.2", Policy(None)),
        ("versions version=1.2", None),
    ],
)
def test_the_policy_is_read(text: str, policy: Policy | None) -> None:
    assert ask(text).policy == policy


def test_the_other_words_are_read() -> None:
    question = ask("top=010 store=PROD engine=Lake private")
    assert (question.top, question.store, question.engine, question.private) == (10, "prod", "lake", True)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("last 7d servce=s3", "No `servce=`: did you mean `service=`?", "Try: `last 7d service=s3`"),
        ("servce!=s3,kms 7d", "No `servce=`: did you mean `service=`?", "Try: `service!=s3,kms 7d`"),
        ("foo=bar", "No `foo=`.", "Words: service account region principal agent"),
        ("last=7d", "No `last=`: did you mean `last 7d`?", "Try: `last 7d`"),
        ("private=yes", "No `private=`: did you mean `private`?", "Try: `private`"),
        ("clints 7d", "I do not know `clints`: did you mean `clients`?", "Try: `clients 7d`"),
        ("yesteday", "did you mean `yesterday`?", "Try: `yesterday`"),
        ("last 7d sometime", "I do not know `sometime`.", "Words: "),
        ("agent=My Little App 7d", "a value with spaces wants quotes", 'Try: `agent="My Little App" 7d`'),
        ("clints servce=s3", "did you mean `clients`?", "Words: "),
        ("service=", "`service=` has no value.", "Say `service=s3`, for example."),
        ("service= last 7d", "`service=` has no value.", "`service=s3`"),
        ("service = region=us-east-1", "`service=` has no value.", ""),
        ("service=s3,,kms", "`service=` has no value.", ""),
        ('agent=" "', "`agent=` has no value.", "`agent=Boto*`"),
        ('agent="My App', '`agent="My App`: that quote is not closed.', "Close it."),
        ("service=s3/x", "`s3/x` is not a service.", "`s3.amazonaws.com`"),
        ("account=1234", "`1234` is not an account.", "12 digits"),
        ("region=us-east-1a", "availability zone: did you mean `us-east-1`?", "Try: `region=us-east-1`"),
        ("region=us_east1", "not a region: did you mean `us-east-1`?", "Try: `region=us-east-1`"),
        ("region=mars", "`mars` is not a region.", "They look like `us-east-1`."),
        ("ip=300.1.1.1", "`300.1.1.1` is not an address.", "`10.1.*`"),
        ("ip=10.0.0.0/12", "`10.0.0.0/12` cannot be matched.", "/8, /16 and /24"),
        ("version=1.4", "`1.4` is not a TLS version.", "1.0, 1.1, 1.2 and 1.3 are."),
        ("cipher=*a,b/c", "`b/c` is not a cipher suite.", "`cipher=weak`"),
        ("cipher!=weak", "`cipher!=weak` cannot be asked.", "`cipher!=*-SHA`"),
        ("cipher=weak,*-SHA", "`cipher=weak` is every weak suite.", "not both"),
        (f"agent={'x' * 1_025}", "is over 1,024 characters.", "`*`"),
        (f"agent={','.join(map(str, range(51)))}", "has more than 50 values.", "`*`"),
        ("service=s3 service!=s3,kms", "`service=` and `service!=` together leave nothing.", "Leave one"),
        ("min=1.0", "No call is older than TLS 1.0.", "Ask `min=1.2` or `min=1.3`."),
        ("min=1.4", "`1.4` is not a TLS version.", ""),
        ("min!=1.2", "`min` cannot be excluded.", "`min=1.3`"),
        ("min=1.2 min=1.3", "`min=` is both `1.2` and `1.3`.", "Keep one."),
        ("version=1.2 min=1.2", "TLS 1.2 is not older than 1.2.", "Leave `min=1.2` out, or ask `min=1.3`."),
        ("version=1.3 min=1.3", "TLS 1.3 is not older than 1.3.", "Leave `min=1.3` out."),
        ("kx=pq", "`kx=pq` cannot be asked.", "`kx=classical` or `kx=below-cnsa` can."),
        ("sdk=elo", "`sdk=elo` cannot be asked: did you mean `eol`?", "Try: `sdk=eol`"),
        ("sdk=old", "`sdk=old` cannot be asked.", "`sdk=eol` or `sdk=eol-in-90d` can."),
        ("sdk!=eol", "`sdk` cannot be excluded.", "Say `sdk=eol`, for example."),
        ("versions sdk=eol", "it takes no `sdk`.", "`clients`"),
        (
            "versions min=1.3",
            "`versions` counts calls of every kind: it takes no `min`.",
            "`services`, `calls`",
        ),
        ("versions cipher=weak", "it takes no `cipher=weak`.", "`clients`"),
        ("clients versions", "Two views: `clients` and `versions`.", "Keep one."),
        ("by=clinets", "No view `clinets`: did you mean `clients`?", "Try: `by=clients`"),
        ("count 7d", "I do not know `count`.", "Words: "),
        ("post 7d", "I do not know `post`.", "Words: "),
        ("cipher=week", "`week` is not a cipher suite: did you mean `weak`?", "Try: `cipher=weak`"),
        ("by=x", "No view `x`.", "Views: services, calls"),
        ("top=-5", "`top=-5` is no number of rows.", "From 1 to 1,000,000."),
        ("top=0", "`top=0` is no number of rows.", ""),
        ("top=abc", "`top=abc` is no number of rows.", ""),
        ("top=1000001", "`top=1000001` is no number of rows.", ""),
        ("top=٣", "is no number of rows.", ""),
        ("store=prdo", "No store `prdo`: did you mean `prod`?", "Try: `store=prod`"),
        ("engine=duckdb", "No engine `duckdb`.", "Engines: local, lake"),
        ("last 7d service=s3 today", "Two windows: `last 7d` and `today`.", "Keep one."),
        ("2026-02-30 service=s3", "`2026-02-30`: February 2026 has 28 days.", "Windows: "),
        ("until 2026-11-01", "does not say from when.", "`since A until B`"),
        ("x" * 4_001, "That is 4,001 characters; 4,000 is the most.", ""),
        ("x" * 200, "I do not know `" + "x" * 59 + "…`.", ""),
        ("x\x07\u202ey", "I do not know `x\\x07y`.", ""),
        ("agent=\udc80", "half a character is missing", ""),
        ("agent=" + '""' * 1_900, "is over 1,024 characters.", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_word_its_reason_and_a_way_on(
    text: str, message: str, hint: str
) -> None:
    told = refusal(text)
    assert message in told[0]
    assert hint in told[1]


def test_without_stores_the_word_store_says_how_to_have_some() -> None:
    message, hint = refusal("store=prod", stores=())
    assert message == "No store `prod`: no stores are configured."
    assert "TLS_AUDIT_EVENT_DATA_STORE" in hint


def test_a_question_that_grows_too_long_when_spelled_out_is_refused() -> None:
    services = ",".join(f"s{number:061d}" for number in range(31))
    message, _ = refusal(f"service={services} service!={services[:-1]}x")
    assert "Spelled out" in message


def test_a_window_partly_in_the_future_is_clipped_and_stays_the_same_question() -> None:
    question = ask("since 2026-11-20 until 2026-12-01")
    assert question.window.clipped
    assert question == ask("since 2026-11-20")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "calls over TLS older than 1.2"),
        ("service=s3", "calls over TLS older than 1.2 to s3"),
        ("service=s3 clients", "calls over TLS older than 1.2 to s3, by client"),
        ("service!=s3,kms region=us-east-1", "calls over TLS older than 1.2 not to kms or s3 in us-east-1"),
        ("min=1.3 account=111122223333", "calls over TLS older than 1.3 in account 111122223333"),
        ("cipher=weak", "calls over TLS older than 1.2 or with a weak cipher suite"),
        ("version=1.1,1.0", "calls over TLS 1.0 or 1.1"),
        ("version=1.1 cipher=weak ip=10.*", "calls over TLS 1.1 with a weak cipher suite from 10.*"),
        ("version=1.1 min=1.2", "calls over TLS older than 1.2 with TLS 1.1"),
        ("version!=1.0 kx=classical", "or with a classical key exchange not with TLS 1.0"),
        ("host=*.amazonaws.com", "calls over TLS older than 1.2 to host *.amazonaws.com"),
        ("event=a,b,c,d,e top=1000", "calls over TLS older than 1.2 of event a, b or 3 more, top 1,000"),
        ('agent="a\nb"', "calls over TLS older than 1.2 from agent a\\nb"),
        ("versions service=s3", "TLS versions per service to s3"),
        ("coverage", "coverage per service"),
    ],
)
def test_a_question_says_itself_in_words(text: str, words: str) -> None:
    assert words in ask(text).words()


def test_the_text_of_a_question_is_spelled_out() -> None:
    assert str(ask('last 7d service=s3 agent!="My App" top=5 private')) == (
        "2026-11-16T08:14Z..2026-11-23T08:14Z by=calls service=s3.amazonaws.com"
        ' agent!="My App" min=1.2 top=5 private'
    )


def reads_back(question: Question) -> bool:
    later = ask(str(question), now=NOW + timedelta(days=3), zone=ZoneInfo("America/New_York"))
    return later == question == ask(str(question))


def question_or_refusal(text: str) -> Question | UserError:
    try:
        return ask(text)
    except UserError as refused:
        return refused


FRAGMENTS = (
    *(
        "last",
        "7d",
        "12h",
        "since 2026-11-01",
        "until",
        "2026-11-01..2026-11-08",
        "yesterday",
        "on 1 Nov",
        "..",
        "–",
    ),
    *(
        "may",
        "10",
        "2026-02-30",
        "clients",
        "versions",
        "calls",
        "private",
        "service=s3",
        "service!=kms",
        "s3",
    ),
    *("servce=s3", "service=", "service = sts", "account=1111-2222-3333", "account=1*", "region=us-east-1a"),
    *(
        "region=us-east-1",
        "ip=10.0.0.0/8",
        "ip=::1",
        "version=1.1",
        "tls!=TLSv1",
        "min=1.3",
        "min=1.2",
        "kx=classical",
    ),
    *(
        "cipher=weak",
        "cipher=*-SHA",
        "top=5",
        "top=-5",
        "by=clients",
        "store=prod",
        "engine=lake",
        "host=S3*",
    ),
    *('agent="My ""App"", Inc"', "agent=“x y”", "agent=My App", "event=a,b", "principal='it''s'", 'agent="'),
    *("'", ",", "=", "!=", "?", "*", "clints", "last=7d"),
)


@given(st.text(max_size=200))
@example("=")
@example("a=\x00")
@example("!" * 4_000)
@example('="' * 2_000)
@example("a " * 2_000)
@example("1 " * 2_000)
@example("agent=“,“," * 400)
@example("since 2026-11-01 " * 200)
def test_free_text_is_a_question_or_a_refusal(text: str) -> None:
    told = question_or_refusal(text)
    assert told.message.isprintable() if isinstance(told, UserError) else reads_back(told)


@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=8),
    st.sampled_from([" ", "  ", "\u00a0", ""]),
)
def test_text_close_to_a_question_is_a_question_or_a_refusal_with_good_advice(
    parts: list[str], space: str
) -> None:
    told = question_or_refusal(space.join(parts))
    if isinstance(told, Question):
        assert told.words().isprintable()
        assert told.window.start < told.window.end <= NOW
        assert reads_back(told)
    else:
        assert told.message.isprintable()
        assert told.hint.isprintable()
        if told.hint.startswith("Try: `"):
            ask(told.hint.removeprefix("Try: `").removesuffix("`"))


RIGHT = st.tuples(
    st.sampled_from(["", "last 12h", "yesterday", "2026-11-01..2026-11-08", "since 1 Nov", "2026-03-29"]),
    st.sampled_from(["", "clients", "by=principals", "view=calls"]),
    st.sampled_from(["", "service=s3,kms", "service!=s3*", "region=us-east-1 region!=eu-*"]),
    st.sampled_from(
        ["", "min=1.3", "cipher=weak", "kx=classical min=1.1", "version=1.1", "version=1.1 min=1.3"]
    ),
    st.sampled_from(["", "top=7", "private", "store=dev engine=lake"]),
)


@given(RIGHT, st.permutations(range(5)))
def test_every_question_reads_back_from_its_own_text_in_any_order(
    parts: tuple[str, ...], order: list[int]
) -> None:
    question = ask(" ".join(parts))
    assert reads_back(question)
    assert ask(" ".join(parts[place] for place in order)) == question


@given(st.text(min_size=1, max_size=80).filter(str.strip), st.sampled_from(["agent", "principal", "event"]))
@example("weak", "agent")
@example("\x00'; DROP TABLE x; --\n\u200b%:start\u201d", "principal")
def test_a_quoted_value_is_taken_literally_whatever_is_in_it(value: str, word: str) -> None:
    question = ask(f"last 7d {word}={quoted(value)} private")
    assert question.filters == (Filter(word, (value,), negated=False),)
    assert reads_back(question)
    assert literal(quoted(value)) == value


def test_the_longest_text_is_read() -> None:
    text = ("agent=" + "x" * 1_000 + " ") * 3
    assert len(text) < QUESTION_CHARS
    assert values(text) == ("x" * 1_000,)


def test_the_hint_for_an_unknown_word_lists_everything_that_is_known() -> None:
    assert refusal("foo")[1] == (
        "Words: service account region principal agent event ip version cipher host bucket min kx sdk by top "
        "owner store engine private; a window, as `last 7d`; a view, as `clients`."
    )


def test_an_engine_that_is_not_there_cannot_be_asked() -> None:
    assert refusal("engine=lake", engines=("local",)) == ("No engine `lake`.", "Engines: local")


# --- accounts by name

NAMED = Accounts({"111122223333": "prod", "444455556666": "Data Lab", "7" * 12: "lab", "8" * 12: "LAB"})


@pytest.mark.parametrize(
    ("typed", "filters"),
    [
        ("account=prod", "account=111122223333"),
        ("account=PROD,444455556666", "account=111122223333,444455556666"),
        ("account!='data lab'", "account!=444455556666"),
        ("account=1111*", "account=1111*"),
        ("account=4444-5555-6666", "account=444455556666"),
        ("old tls in prod", "account=111122223333"),
        ("old tls in account prod since friday", "account=111122223333"),
        ("which clients use old tls in data lab", "account=444455556666"),
        ("everything but prod", "account!=111122223333"),
    ],
)
def test_an_account_can_be_asked_by_its_name(typed: str, filters: str) -> None:
    question = ask(typed, accounts=NAMED, stores=())

    assert [str(each) for each in question.filters] == [filters]
    assert ask(str(question), stores=()) == question


def test_the_words_of_a_question_say_both_the_name_and_the_number() -> None:
    assert ask("account=prod", accounts=NAMED).words() == (
        "calls over TLS older than 1.2 in account prod (111122223333)"
    )


def test_a_name_that_is_a_store_as_well_is_asked_back() -> None:
    with pytest.raises(Unsure) as unsure:
        ask("old tls in prod", accounts=NAMED)

    assert unsure.value.readings == ("store=prod", "account=prod")


def test_a_name_that_means_something_else_wants_its_word() -> None:
    named = Accounts({"111122223333": "old", "444455556666": "clients"})

    assert ask("old tls by client", accounts=named).filters == ()
    assert str(ask("account=old", accounts=named).filters[0]) == "account=111122223333"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("account=prdo", "No account `prdo`: did you mean `prod`? Try: `account=prod`"),
        ("account=staging", "No account `staging`. `TLS_AUDIT_ACCOUNTS` names 4 accounts; 12 digits do too."),
        ("account=lab", f"2 accounts are called `lab`. Say which by its digits: {'7' * 12}, {'8' * 12}."),
        ("old tls in lab", f"2 accounts are called `LAB`. Say which by its digits: {'7' * 12}, {'8' * 12}."),
    ],
)
def test_a_name_that_is_no_account_or_two_is_refused_in_words(typed: str, told: str) -> None:
    assert " ".join(refusal(typed, accounts=NAMED)) == told


def test_without_names_an_account_is_digits() -> None:
    assert refusal("account=prod") == (
        "`prod` is not an account.",
        "That is 12 digits, or a pattern such as `1111*`.",
    )


@given(st.text(min_size=1, max_size=50))
def test_whatever_an_account_is_called_it_is_asked_by_that_name_or_refused_in_words(name: str) -> None:
    named = Accounts({"111122223333": name})
    try:
        question = ask(f"account={quoted(name)}", accounts=named)
    except UserError:
        return
    (only,) = question.filters
    assert only.values == ("111122223333",) or not any(map(str.isalpha, name))
