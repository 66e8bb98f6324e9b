"""Whatever a table, a question or a stranger holds, what is made of it is something that Slack takes."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import slackblocks
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.answers.coverage import Coverage
from bot.answers.summary import Summary
from bot.errors import BotError
from bot.question.accounts import Accounts
from bot.question.parser import parse
from bot.question.views import Chart, View, load
from bot.sandbox import check_blocks, check_view
from bot.store.run import QuestionTask
from bot.table import Column, Table
from bot.text import literal
from handlers.blockkit import blocks, charts, tables
from handlers.questions import commands
from tests.conftest import NOW
from tests.support.runs import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.question.question import Question
    from bot.store.run import Run
    from bot.store.schema import State
    from bot.table import Cell, Row

VIEWS = load()
FEW = settings(max_examples=60, deadline=None)

# --- anything at all

texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "<!channel>", "```", "=1+1", "\u202e", "\x00", "arn:aws:iam::1:", ".amazonaws.com"]
    ),
    st.text(alphabet="ab\u202e\x00 ", min_size=900, max_size=1_000),
)
cells: dict[str, st.SearchStrategy[Cell]] = {
    "TEXT": st.none() | texts,
    "INTEGER": st.none() | st.integers(0, 10**15),
    "NUMBER": st.none() | st.floats(0, 1e12),
    "TIME": st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis wants them naive
    "DATE": st.none() | st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    "FLAG": st.none() | st.booleans(),
}
names = st.from_regex(r"[a-z][A-Za-z0-9_]{0,30}", fullmatch=True) | st.sampled_from(
    ["arn", "principal", "userAgent", "numCalls", "accountId"]
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[Table, View]:
    """A table of some view: its first column is what a chart shows, its last counts calls."""
    types = draw(st.lists(st.sampled_from(sorted(cells)), min_size=0, max_size=19))
    columns = [Column(name, kind) for name, kind in zip(draw(_unique(len(types))), types, strict=True)]  # type: ignore[arg-type]  # drawn from the types
    columns.append(Column("numOutdatedTlsCalls", "INTEGER"))
    row = st.tuples(*[cells[column.type] for column in columns[:-1]], st.integers(0, 10**9))
    rows: list[Row] = draw(st.lists(row, max_size=5))
    rows *= draw(st.sampled_from([1, 1, 1, 7, 60]))
    kind = draw(st.sampled_from(["bar", "line", "pie"]))
    numbers = [column.name for column in columns if column.type in {"INTEGER", "NUMBER"}]
    chart = Chart(kind, columns[0].name, tuple(numbers))
    view = replace(
        VIEWS["services"],
        title=draw(texts) or "x",
        chart=chart,
        columns=tuple(columns),
        measure=columns[-1].name,
    )
    return Table(columns, [rows]), view


def _unique(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(names, min_size=count, max_size=count, unique=True)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    words = [
        f"agent={json.dumps(each)}"
        for each in draw(st.lists(st.from_regex(r"\w{1,70}", fullmatch=True), max_size=40))
    ]
    text = " ".join(
        [
            draw(st.sampled_from(["last 7d", "yesterday", "since 2026-11-20", "2026-11-22..2026-12-24"])),
            *words,
            draw(st.sampled_from(["", "by=clients", "by=versions", "service=s3"])),
            draw(st.sampled_from(["", "top=3", "private"])),
        ]
    )
    return parse(text, now=NOW, zone=UTC, views=VIEWS, engines=("local",))


@st.composite
def runs(draw: st.DrawFn) -> Run:
    states: list[State] = ["queued", "running", "posting", "done", "failed", "cancelled"]
    state = draw(st.sampled_from(states))
    return replace(
        RUN,
        task=QuestionTask(draw(texts) * draw(st.sampled_from([1, 4])), "services"),
        state=state,
        channel=draw(st.sampled_from(["C1", "D1", "U1"])),
        home=draw(st.sampled_from([None, "C1", "D1"])),
        rows=draw(st.none() | st.integers(0, 10**6)),
        scanned=draw(st.sampled_from([0, 10**13])),
    )


RUN = asked(NOW)

findings = st.builds(
    Summary,
    headline=texts.map(lambda text: text or "1 call"),
    proof=texts,
    coverage=st.none()
    | st.builds(
        Coverage,
        events=st.integers(0, 10**12),
        without_tls=st.integers(0, 10),
        silent=st.just(()),
        oldest=st.none() | st.just(NOW),
        newest=st.none() | st.just(NOW),
    ),
)


# --- what Slack takes


def taken(made: list[blocks.Block], surface: str = "message") -> None:
    """By the sandbox's rules, and by those of a library that knows nothing of ours."""
    assert check_blocks(made, surface) == []
    for block in made:
        seen_by_slackblocks(block)


def seen_by_slackblocks(block: dict[str, Any]) -> None:
    """The block built with slackblocks, whose limits are generated from Slack's own pages."""
    kind = block["type"]
    if kind == "data_table":
        rows: Any = [[_cell(cell) for cell in row] for row in block["rows"]]
        slackblocks.DataTableBlock(
            rows, block["caption"], block["page_size"], block["row_header_column_index"]
        )
    elif kind == "table":
        plain: Any = [[slackblocks.RawText(cell["text"]) for cell in row] for row in block["rows"]]
        slackblocks.TableBlock(plain)
    elif kind == "data_visualization":
        slackblocks.DataVisualizationBlock(block["title"], _chart(block["chart"]))
    elif kind == "actions":
        elements: Any = [_element(element) for element in block["elements"]]
        slackblocks.ActionsBlock(elements)
    elif kind == "header":
        slackblocks.HeaderBlock(block["text"]["text"])


def _cell(cell: dict[str, Any]) -> Any:
    if cell["type"] == "raw_number":
        return slackblocks.RawNumber(cell["value"], cell["text"])
    return slackblocks.RawText(cell["text"])


def _chart(chart: dict[str, Any]) -> Any:
    if chart["type"] == "pie":
        segments = [slackblocks.ChartSegment(each["label"], each["value"]) for each in chart["segments"]]
        return slackblocks.PieChart(segments)
    series = [
        slackblocks.DataSeries(
            each["name"], [slackblocks.DataPoint(point["label"], point["value"]) for point in each["data"]]
        )
        for each in chart["series"]
    ]
    axes = slackblocks.AxisConfig(chart["axis_config"]["categories"])
    made = {"bar": slackblocks.BarChart, "line": slackblocks.LineChart}[chart["type"]]
    return made(series, axes)


def _element(element: dict[str, Any]) -> Any:
    if element["type"] == "button":
        return slackblocks.Button(
            element["text"]["text"],
            element["action_id"],
            value=element["value"],
            style=element.get("style"),
        )
    options = [slackblocks.Option.from_dict(each) for each in element["options"]]
    return slackblocks.StaticSelectMenu(element["action_id"], options)


def wordy(rows: int, proof: int) -> tuple[tuple[Table, View], Question, Summary, Run]:
    """An answer with much to say, in its table and beside it."""
    columns = [Column("userAgent", "TEXT"), Column("numOutdatedTlsCalls", "INTEGER")]
    table = Table(columns, [[(f"{number} {'a' * 200}", number) for number in range(rows)]])
    view = replace(VIEWS["clients"], columns=tuple(columns))
    question = parse("last 7d by=clients", now=NOW, zone=UTC, views=VIEWS, engines=())
    return (table, view), question, Summary("1 call", "b" * proof, None), asked(NOW)


@FEW
@example(*wordy(99, 3_600))  # 13,038 characters
@example(*wordy(99, 9_000))
@given(answers(), questions(), findings, runs())
def test_every_answer_can_be_posted_in_every_style_of_table(
    made: tuple[Table, View], question: Question, found: Summary, run: Run
) -> None:
    table, view = made
    buttons = blocks.follow_ups(run, question, VIEWS.values(), empty=not table.row_count)
    beside = [*blocks.footer("", found, run), *buttons]
    if not table.row_count:
        taken(beside)
        return
    large, shown = (
        tables.FittedTable(table, view, beside, room=room) for room in (tables.LARGE, tables.SMALL)
    )
    assert len(large.rows) >= len(shown.rows)
    for fitted, block in (
        (large, tables.data_table(large, question.words())),
        (shown, tables.data_table(shown, question.words())),
        (shown, tables.plain_table(shown)),
        (shown, tables.code_table(shown)),
    ):
        header = tables.header(fitted)
        footer = [*blocks.footer(fitted.left_out, found, run), *buttons]
        taken([*header, block, *footer])
    assert 0 < len(tables.table_text(shown)) <= 4_000
    assert "\x00" not in json.dumps([*header, block, *footer], ensure_ascii=False)


@FEW
@given(answers())
def test_every_chart_can_be_posted_with_its_words(made: tuple[Table, View]) -> None:
    drawn = charts.chart(*made)
    if drawn is None:
        return
    block, words = drawn
    taken([block])
    taken([blocks.code("\n".join(words))])
    assert blocks.fallback(*words).count("\n") == len(words) - 1


@FEW
@given(questions(), runs(), texts, st.booleans())
def test_every_parent_and_every_apology_can_be_posted(
    question: Question, run: Run, text: str, cancel: bool
) -> None:
    taken(blocks.parent(run, question, text or "⏳ queued", cancel=cancel))
    taken(blocks.trouble(BotError(text or "It broke.", text), run))
    assert 0 < len(blocks.parent_text(question, text)) <= 4_000
    mistake = commands.refusal(BotError(text or "It broke.", text), run.typed)
    taken(mistake)
    assert blocks.words_of(mistake) or not (literal(text) or "It broke.")


@FEW
@given(st.lists(runs(), max_size=10))
def test_a_list_of_runs_can_be_posted_and_stands_at_home(many: list[Run]) -> None:
    listed = [block for run in many for block in commands._listed(run, "")]  # noqa: SLF001 - the rest of it reads a database
    taken(listed)
    taken(commands.help_())
    assert check_view({"type": "home", "blocks": [*commands.help_(), *listed]}) == []


@given(st.lists(texts, max_size=400))
def test_a_fallback_is_never_too_long_nor_cut_within_an_escape(lines: list[str]) -> None:
    said = blocks.fallback(*lines)
    assert len(said) <= 4_000
    assert not {character for character in said if character in "<>"}
    for part in said.split("&")[1:]:
        assert part.startswith(("amp;", "lt;", "gt;"))


# --- what is said


def test_a_fallback_names_whom_its_blocks_name() -> None:
    made = [
        blocks.paragraph(blocks.person("U1"), blocks.text(" ordered <1>, in "), blocks.place("C1")),
        blocks.paragraph({"type": "usergroup", "usergroup_id": "S1"}, {"type": "broadcast", "range": "here"}),
    ]
    assert blocks.words_of(made) == "<@U1> ordered &lt;1&gt;, in <#C1>\n<!subteam^S1><!here>"


def test_a_fallback_is_cut_within_no_mention() -> None:
    cut = blocks.words_of([blocks.paragraph(blocks.text("a" * 3_895), blocks.person("U_ALICE"))])
    assert cut == "a" * 3_895 + "…"


def table_of(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    """A table whose rows beyond the head are on disk until the test has ended."""
    return OPEN.enter_context(Table(columns, [rows]))


OPEN = ExitStack()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    OPEN.close()


CALLS = (
    Column("userAgent", "TEXT"),
    Column("tlsVersion", "TEXT"),
    Column("numOutdatedTlsCalls", "INTEGER"),
)
CLIENTS = replace(VIEWS["clients"], columns=CALLS, measure="numOutdatedTlsCalls")


def shown(rows: Sequence[Row], columns: Sequence[Column] = CALLS) -> tables.FittedTable:
    return tables.FittedTable(table_of(columns, rows), CLIENTS)


def test_the_rows_with_most_calls_are_shown_and_how_many_are_not_is_said() -> None:
    made = shown([(f"c{n}", "1.1" if n % 2 else "1.0", n) for n in range(312)])
    assert made.left_out == "Showing 99 of 312 rows, most calls first. All 312 rows are in the file."
    assert [row[0] for row in made.rows] == list(range(311, 212, -1))


def test_a_table_that_fits_says_nothing_of_what_is_left_out() -> None:
    made = shown([(f"c{n}", "1.1" if n % 2 else "1.0", n) for n in range(99)])
    assert made.left_out == ""
    assert [row[0] for row in made.rows] == list(range(98, -1, -1)), "most calls first"


def test_calls_and_tls_stand_first_and_the_key_is_the_header_of_its_row() -> None:
    made = shown([("a", "1.1", 1), ("b", "1.0", 2)])
    assert [column.label for column in made.columns] == ["Calls", "TLS", "Client"]
    assert tables.data_table(made, "x")["row_header_column_index"] == 2


def test_a_view_without_a_policy_keeps_its_own_order() -> None:
    days = [(date(2026, 11, 1 + n), *(n,) * 6) for n in range(14)]
    made = tables.FittedTable(table_of(VIEWS["trend"].columns, days), VIEWS["trend"])
    assert [row[0] for row in made.rows] == [day[0] for day in days]


def test_long_rows_leave_fewer_of_them_and_that_is_said_too() -> None:
    made = shown([(f"{n}{'x' * 200}", "1.1" if n % 2 else "1.0", n) for n in range(60)])
    assert 40 < len(made.rows) < 60
    assert made.left_out.startswith(f"Showing {len(made.rows)} of 60 rows")


def test_a_long_cell_keeps_both_its_ends() -> None:
    made = shown([("start" + "x" * 1_000 + "end", "1.1", 1), ("y", "1.0", 1)])
    (_, _, long), _ = made.rows
    assert isinstance(long, str)
    assert long.startswith("start")
    assert long.endswith("end")
    assert made.left_out == "Cells with … are cut. All 2 rows are in the file."


def test_what_is_the_same_in_every_row_is_said_once_above_the_table() -> None:
    made = shown([("a", "1.1", 1), ("b", "1.1", 2)])
    assert made.constants == [("TLS", "1.1")]
    assert [column.label for column in made.columns] == ["Calls", "Client"]


def test_accounts_have_their_names_and_the_one_that_all_principals_share_stands_above() -> None:
    columns = (Column("principal", "TEXT"), Column("recipientAccountId", "TEXT"), CALLS[-1])
    rows = [
        ("arn:aws:iam::111122223333:role/ci", "111122223333", 2),
        ("arn:aws:iam::111122223333:user/ann", "444455556666", 1),
    ]

    made = tables.FittedTable(
        table_of(columns, rows), CLIENTS, accounts=Accounts({"111122223333": "prod", "444455556666": "data"})
    )

    assert made.constants == [("Principals in", "prod (111122223333)")]
    assert made.rows == [
        [2, "role/ci", "prod (111122223333)"],
        [1, "user/ann", "data (444455556666)"],
    ]


@pytest.mark.parametrize(
    ("callers", "said"),
    [
        ("111122223333", [("Account", "111122223333")]),
        ("444455556666", [("Caller's account", "444455556666"), ("Account", "111122223333")]),
    ],
)
def test_an_account_that_is_the_callers_as_well_is_said_once(
    callers: str, said: list[tuple[str, str]]
) -> None:
    columns = (
        *(Column(name, "TEXT") for name in ("accountId", "recipientAccountId", "eventName")),
        CALLS[-1],
    )
    rows = [(callers, "111122223333", name, 1) for name in ("GetObject", "PutObject")]

    assert tables.FittedTable(table_of(columns, rows), CLIENTS).constants == said


def test_a_chart_of_accounts_has_their_names() -> None:
    view = VIEWS["accounts"]
    rows = [("111122223333", 1, 1, 9), ("444455556666", 1, 1, 5)]

    made = charts.chart(table_of(view.columns, rows), view, Accounts({"111122223333": "prod"}))

    assert made is not None
    assert made[1][1:] == ("prod: 9", "444455556666: 5")


def test_two_columns_of_one_name_are_not_mixed_up() -> None:
    columns = (Column("arn", "TEXT"), Column("principal", "TEXT"), CALLS[-1])
    made = shown([("same", "one", 1), ("same", "two", 2)], columns)
    assert made.constants == [("Principal", "same")]
    assert made.rows == [[2, "two"], [1, "one"]]


def test_a_table_in_which_everything_is_the_same_is_still_a_table() -> None:
    made = tables.FittedTable(table_of(CALLS[:2], [("a", "1.1"), ("a", "1.1")]), VIEWS["requests"])
    assert made.rows == [["1.1"], ["1.1"]]


def test_more_columns_than_slack_takes_are_left_out_and_that_is_said() -> None:
    columns = [*(Column(f"column{n}", "INTEGER") for n in range(24)), CALLS[-1]]
    made = shown([tuple(range(25))], columns)
    assert len(made.columns) == 20
    assert "The last 5 columns are left out." in made.left_out


@pytest.mark.parametrize(("count", "drawn"), [(0, False), (1, False), (2, True), (3_000, True)])
def test_a_chart_needs_two_rows_and_shows_the_first_dozen(count: int, *, drawn: bool) -> None:
    made = charts.chart(table_of(CALLS, [(f"c{n}", "1.1", n) for n in range(count)]), CLIENTS)
    assert (made is not None) is drawn
    if made is not None:
        assert len(made[0]["chart"]["axis_config"]["categories"]) == min(count, 12)


def test_equal_empty_and_missing_labels_of_a_chart_are_told_apart() -> None:
    rows: list[Row] = [
        ("", "1.1", 1),
        (None, "1.1", 2),
        ("same", "1.0", 3),
        ("same", "1.1", 4),
        ("s" * 30, "1.1", 5),
    ]
    rows += [("s" * 31, "1.1", None), ("arn:aws:sts::1:", "1.1", 6), (".amazonaws.com", "1.1", 7)]
    made = charts.chart(table_of(CALLS, rows), CLIENTS)
    assert made is not None
    taken([made[0]])
    labels = made[0]["chart"]["axis_config"]["categories"]
    assert labels[:6] == ["–", "– (2)", "same", "same (2)", "s" * 20, "s" * 16 + " (2)"]


def test_a_days_chart_shows_the_last_days() -> None:
    view = VIEWS["trend"]
    rows = [(date(2026, 10, 1) + timedelta(days=n), n, 0, 0, 0, 0, n) for n in range(40)]
    made = charts.chart(Table(view.columns, [rows]), view)
    assert made is not None
    assert made[0]["chart"]["axis_config"]["categories"][-1] == "9 Nov"
    assert len(made[0]["chart"]["axis_config"]["categories"]) == 20


def test_share_is_offered_only_where_there_is_a_channel_to_share_in(ask: Callable[[str], Question]) -> None:
    private = ask("private last 7d")

    def offered(run: Run) -> bool:
        made, _ = blocks.follow_ups(run, private, VIEWS.values(), empty=False)
        return "share" in {element["action_id"] for element in made["elements"]}

    assert offered(replace(RUN, channel="C1", home="D1"))
    assert not offered(replace(RUN, channel="D1", home="D1"))
    assert not offered(replace(RUN, channel="U1", home="D1")), "asked at Home"


def test_a_moment_is_told_in_utc_to_who_does_not_see_slacks_own() -> None:
    assert blocks.moment(datetime(2026, 11, 23, 9, 14, tzinfo=UTC))["fallback"] == "2026-11-23 09:14 UTC"


def test_the_stricter_question_is_offered_only_where_no_rows_mean_no_calls(
    ask: Callable[[str], Question],
) -> None:
    asked = ask("last 7d by=clients")

    def offered(question: Question) -> bool:
        made, _ = blocks.follow_ups(RUN, question, VIEWS.values(), empty=True)
        return "ask_stricter" in {element["action_id"] for element in made["elements"]}

    assert offered(asked)
    assert not offered(replace(asked, view=replace(asked.view, narrows=True)))
