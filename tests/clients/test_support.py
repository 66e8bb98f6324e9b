"""Until when AWS supports a client, and that SQL and the reader agree on it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clients import agent, fixes
from bot.clients.data import Source, table
from bot.clients.likes import as_regex, like, like_any
from bot.clients.support import SOON, Clause, clause, support
from bot.question import blanks
from bot.question.shorter import shortened
from tests.clients.agents import lines, mutated

TODAY: Final = date(2026, 11, 28)
YEAR: Final = timedelta(days=365)
DAYS: Final = (date(2021, 11, 1), date(2024, 1, 1), date(2025, 9, 8), TODAY, TODAY + SOON, date(2030, 1, 1))


def answers(asked: Clause, agents: list[str], *, short: bool = False) -> list[bool]:
    tree = blanks.agent_is(asked)
    condition = (shortened(tree) if short else tree).sql("duckdb")
    with duckdb.connect() as engine:
        rows = engine.execute(
            f"SELECT {condition} FROM (SELECT unnest(?) AS userAgent)",  # noqa: S608 - our own words
            [agents],
        ).fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("on", DAYS)
def test_sql_and_the_reader_agree_on_every_agent_and_its_mutations(on: date) -> None:
    agents = [line.agent for line in lines()] + list(mutated(1500, seed=on.toordinal()))
    asked = clause(on)

    found = answers(asked, agents)

    assert found == answers(asked, agents, short=True)
    for said, over in zip(agents, found, strict=True):
        assert over == asked(said), said
        assert over == (support(agent.read(said), on).supported is False), said
    assert 0 < sum(found) < len(found)


def test_what_is_out_of_support_is_so_for_its_own_sdk_or_language() -> None:
    """The rows are patterns over text; what they find is what the reader reads there."""
    labels = {row.get("label") for row in table("support")["ended"]}
    for said in [line.agent for line in lines()] + list(mutated(2000)):
        read = agent.read(said)
        found = support(read, TODAY)
        if found.supported is False:
            assert read.kind in {"sdk", "tool", "ai-agent"}, said
            assert found.source is not None
            language, _, version = found.what.partition(" ")
            named = language == read.language and (read.language_version or "").startswith(version)
            is_joined = len(re.findall(r"(?i)aws-sdk-|aws-cli/|(?<!/)boto\d?/|powershell", said)) > 1
            assert named or found.what in labels or is_joined, said


def test_an_engine_can_say_the_clause() -> None:
    asked = clause(TODAY)
    patterns = [
        pattern for match in asked.matches for pattern in (*match.names, *match.runtimes, *match.unless)
    ]

    assert not any(character in pattern for pattern in (*patterns, *asked.unless) for character in "_\\'")
    assert not any("%" in pattern.strip("%") for pattern in (*patterns, *asked.unless))
    assert len(shortened(blanks.agent_is(asked)).sql("trino")) < 6_500  # Lake takes 10,000 in all
    assert not asked(None)


def test_later_days_find_more() -> None:
    agents = [line.agent for line in lines()]
    found = [sum(map(clause(day), agents)) for day in DAYS]

    assert found == sorted(found)


SUPPORTED: Final = (
    *(f"Boto3/1.26.7 Python/3.{python}.{{}} Linux/6.1" for python in range(10, 15)),
    *(f"Boto3/1.43.{{}} ua/2.1 os/linux#6.1 lang/python#3.{python}.7" for python in range(10, 15)),
    *(f"aws-cli/2.0.{{}} Python/3.{python}.2 Linux/5.10 exe/x86_64" for python in (7, 8, 9, 14)),
    *(f"aws-cli/2.{minor}.{{}} Python/3.9.2 Linux/5.10 exe/x86_64" for minor in (9, 15, 37)),
    "aws-cli/1.44.{} md/Botocore#1.42.1 ua/2.1 os/linux#6.1 lang/python#3.12.7",
    *(
        f"aws-sdk-go-v2/1.4{{}}.1 os/linux lang/go#1.{go} md/GOOS#linux"
        for go in ("24", "24.1", "25.3", "26")
    ),
    *(f"aws-sdk-js/3.9{{}}.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#{node}.1.0" for node in (20, 22, 24, 25)),
    *(f"aws-sdk-java/2.{{}}.12 ua/2.1 os/Linux#6.1 lang/java#{java}" for java in ("1.8.0", "11.0.1", "21")),
    *(f"aws-sdk-php/3.{{}}.6 ua/2.1 OS/Linux#5.10 lang/php#{php}.1" for php in ("8.1", "8.2", "8.4")),
    *(f"aws-sdk-ruby3/3.{{}}.0 ua/2.1 os/linux lang/ruby#{ruby}.1" for ruby in ("3.0", "3.4")),
    "aws-sdk-rust/1.{}.3 ua/2.1 os/linux lang/rust/1.92.0",
    "aws-sdk-kotlin/1.5.{} ua/2.1 os/linux lang/kotlin#2.1",
    "aws-sdk-swift/1.{}.86 ua/2.1 os/ios#26.3.1 lang/swift#5.10",
    "aws-sdk-cpp/1.11.{} ua/2.1 md/aws-crt os/Linux#6.1",
    "aws-sdk-dotnet-coreclr/4.0.{}.6 ua/2.1 os/linux#6.1 md/ARCH#Arm64 api/DynamoDB#4.0.9.6",
    "AWSPowerShell.Common/5.0.{}.0 ua/2.1 os/windows#10.0.20348",
)


def test_no_supported_client_is_ever_called_out_of_support() -> None:
    asked = clause(TODAY)
    extras = (
        "",
        " exec-env/AWS_Lambda_python3.9",
        " app/aws-1",
        " m/D,1 cfg/retry-mode#legacy",
        " lib/go1.2",
    )
    for template in SUPPORTED:
        for number in (1, 2, 3, 18, 190):
            for extra in extras:
                said = template.format(number) + extra
                assert support(agent.read(said), TODAY).supported is True, said
                for shape in (said, f"[{said}]", said.replace(" ", "  "), f"canary {said}"):
                    assert not asked(shape), shape
        said = template.format(18)
        for cut in range(len(said)):
            assert not asked(said[:cut]), said[:cut]


def test_aws_own_callers_and_browsers_get_no_verdict() -> None:
    for line in lines():
        read = agent.read(line.agent)
        if read.kind in {"aws", "service", "browser", "none"}:
            assert support(read, TODAY).supported is None


@pytest.mark.parametrize(
    ("said", "on", "supported", "ends"),
    [
        ("aws-sdk-go/1.44.1 (go1.20.7; linux; amd64)", "2025-07-30", True, "2025-07-31"),
        ("aws-sdk-go/1.44.1 (go1.20.7; linux; amd64)", "2025-07-31", False, "2025-07-31"),
        ("aws-sdk-go/0.24.0 (go1.22.6; linux; amd64)", "2026-11-28", None, None),
        ("aws-sdk-java/1.12.1 java/1.8.0_1", "2026-11-28", False, "2025-12-31"),
        ("Boto/2.49.0 Python/2.7.5", "2026-11-28", False, None),
        ("Boto/2.49.0 Python/2.7.5", "2023-01-01", None, None),
        ("Boto3/1.26.0 Python/3.9.1", "2026-04-28", True, "2026-04-29"),
        ("Boto3/1.26.0 Python/3.9", "2026-11-28", None, None),
        ("aws-sdk-js/3.9.0 lang/js md/nodejs#20.1.0", "2026-11-28", True, "2027-01-08"),
        ("aws-cli/1.44.1 Python/3.12.1 Linux/6.1", "2026-11-28", True, "2027-07-15"),
        ("aws-sdk-js/2.1.0 ua/2.1 lang/js api/private#2.1.0", "2026-11-28", None, None),
        ("BackupAppliance/4.2 (build 1187)", "2026-11-28", None, None),
    ],
)
def test_the_day_decides(said: str, on: str, supported: bool | None, ends: str | None) -> None:
    found = support(agent.read(said), date.fromisoformat(on))

    assert found.supported is supported
    assert found.end_of_support == (date.fromisoformat(ends) if ends else None)


def test_out_of_support_always_has_a_source() -> None:
    for said in [line.agent for line in lines()] + list(mutated(1000)):
        found = support(agent.read(said), TODAY)
        assert found.supported is not False or found.source is not None


def sources() -> list[tuple[str, Source]]:
    rows = table("support")
    dated = [(row.get("label") or row["sdk"][0], row) for row in (*rows["ended"], *rows["current"])]
    said = [(name, Source(row["page"], row["read"])) for name, row in dated]
    return [*said, *((f"fact {fact.number}", fact.source) for fact in fixes.facts())]


NOT_PAGES: Final = {
    "agents of public events (tests/fixtures/agents.tsv)",
    "CredentialRegistry#1050 on GitHub (AWS's mail)",
    "Hadoop's documentation of fs.s3a.user.agent.prefix",
}
"""Sources that were seen as text and not as a page of their own; no date of support stands on one."""


def test_every_fact_and_date_says_where_and_when_it_was_read() -> None:
    for row in table("support")["ended"]:
        assert ("ended" in row) != ("by" in row), row
        assert row["page"] not in NOT_PAGES
    for name, source in sources():
        assert source.page.startswith("https://") or source.page in NOT_PAGES, name
        assert isinstance(source.read, date), name
        assert source.read <= date.today(), name  # noqa: DTZ011 - a day, whatever the zone


def stale(on: date) -> list[str]:
    return [f"{name}: {source.page}" for name, source in sources() if on - source.read > YEAR]


def test_facts_older_than_a_year_are_listed() -> None:
    assert stale(TODAY) == []
    assert len(stale(TODAY + YEAR + timedelta(days=1))) == len(sources())
    if old := stale(date.today()):  # noqa: DTZ011 - a day, whatever the zone
        pytest.skip("read more than a year ago, read them again:\n" + "\n".join(old))


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("abc", "abc", True),
        ("abc", "ab", False),
        ("abc", "a%", True),
        ("abc", "%c", True),
        ("abc", "%b%", True),
        ("aba", "ab%ba", False),
        ("a%b", "a%b", True),
        ("", "%", True),
        ("aXbXc", "a%X%X%c", True),
        ("aXc", "a%X%X%c", False),
        ("ABC", "a%", False),
    ],
)
def test_like_is_what_sql_means(text: str, pattern: str, expected: bool) -> None:
    with duckdb.connect() as engine:
        row = engine.execute("SELECT ? LIKE ?", [text, pattern]).fetchone()

    assert row == (expected,)
    assert like(text, pattern) is expected


@pytest.mark.parametrize("pattern", ["%b.c%", "b.c%", "%b.c", "b.c", "[b%", "%(b+c)%"])
@pytest.mark.parametrize(
    "text", ["ab.cd", "b.cd", "ab.c", "b.c", "bxc", "a\nb.c\n", "[b", "a[b", "a(b+c)d", ""]
)
def test_a_regular_expression_says_the_same_as_like(text: str, pattern: str) -> None:
    with duckdb.connect() as engine:
        row = engine.execute("SELECT regexp_matches(?, ?)", [text, as_regex([pattern, "%no%"])]).fetchone()

    assert row == (like(text, pattern),)


@pytest.mark.parametrize(
    "said",
    [
        "APN/1.0 Terraform/1.9.0 terraform-provider-aws/5.57.0 aws-sdk-go-v2/1.30.1 lang/go#1.22.4",
        "aws-sdk-go/1.33.5 (go1.13.7; linux; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.3",
    ],
)
def test_terraforms_users_are_not_told_to_take_a_go_or_an_sdk_that_they_do_not_choose(said: str) -> None:
    found = support(agent.read(said), TODAY)

    assert found.supported is False
    assert found.instead == (
        "a newer release of the provider hashicorp/aws, which brings its SDK and its Go along"
    )


LETTERS = "ab1.["
PATTERNS = st.builds(
    lambda before, plain, after: f"{before}{plain}{after}",
    st.sampled_from(["", "%"]),
    st.text(LETTERS, min_size=1, max_size=5),
    st.sampled_from(["", "%"]),
)


@settings(deadline=None, max_examples=500)
@given(patterns=st.lists(PATTERNS, min_size=1, max_size=8), text=st.text(LETTERS, max_size=6))
def test_many_patterns_are_one_regular_expression(patterns: list[str], text: str) -> None:
    found = re.search(as_regex(patterns).replace(r"\z", r"\Z"), text)

    assert (found is not None) is like_any(text, patterns)
