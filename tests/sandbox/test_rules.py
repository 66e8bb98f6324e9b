"""What the rules refuse, with slackblocks as a second opinion where it knows the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slackblocks import blocks as sb
from slackblocks import objects as so
from slackblocks.errors import InvalidUsageError

from bot.sandbox import check_blocks, check_metadata, check_view, limits

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def cell(text: str = "x") -> Json:
    return {"type": "raw_text", "text": text}


def table(rows: int, columns: int = 1, text: str = "x") -> Json:
    return {"type": "table", "rows": [[cell(text) for _ in range(columns)] for _ in range(rows)]}


def data_table(rows: int, columns: int = 1, **more: Any) -> Json:
    return {**table(rows, columns), "type": "data_table", "caption": "Calls", **more}


def pie(count: int, value: float = 1) -> Json:
    segments = [{"label": f"s{n}", "value": value} for n in range(count)]
    return {"type": "data_visualization", "title": "t", "chart": {"type": "pie", "segments": segments}}


def bars(series: int = 1, categories: int = 2, title: str = "t") -> Json:
    labels = [f"c{n}" for n in range(categories)]
    data = [{"label": label, "value": 1} for label in labels]
    chart = {
        "type": "bar",
        "series": [{"name": f"s{n}", "data": data} for n in range(series)],
        "axis_config": {"categories": labels},
    }
    return {"type": "data_visualization", "title": title, "chart": chart}


def actions(count: int, text: str = "Go") -> Json:
    buttons = [{"type": "button", "action_id": f"a{n}", "text": plain(text)} for n in range(count)]
    return {"type": "actions", "elements": buttons}


def test_a_message_of_every_kind_of_block_passes() -> None:
    option = {"text": plain("One"), "value": "1"}
    blocks = [
        {"type": "header", "text": plain("Head")},
        {**section("*hi*"), "accessory": {"type": "static_select", "options": [option], "action_id": "s"}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "a"}, plain("b")]},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}]},
        {"type": "divider"},
        actions(3),
        {"type": "markdown", "text": "# m"},
        {"type": "image", "image_url": "https://x.test/a.png", "alt_text": "a"},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "r"}]}],
        },
        data_table(3, 2),
        bars(),
        pie(3),
        {
            "type": "container",
            "title": plain("More"),
            "child_blocks": [section("in")],
            "is_collapsible": True,
        },
    ]
    assert check_blocks(blocks) == []


@pytest.mark.parametrize(
    ("block", "pointer", "words"),
    [
        (section("x" * 3001), "/blocks/0/text/text", "must be less than 3001 characters"),
        (section(""), "/blocks/0/text/text", "must be more than 0 characters"),
        ({"type": "section"}, "/blocks/0", "must define either text or fields"),
        ({"type": "header", "text": plain("x" * 151)}, "/blocks/0/text/text", "must be less than 151"),
        (
            {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
            "/blocks/0/text/type",
            "unsupported type",
        ),
        (actions(1, "x" * 76), "/blocks/0/elements/0/text/text", "must be less than 76"),
        (actions(26), "/blocks/0/elements", "no more than 25 items"),
        ({"type": "divider", "colour": "red"}, "/blocks/0", "invalid additional property: colour"),
        ({"type": "marquee"}, "/blocks/0/type", "unsupported type: marquee"),
        ({"type": "alert", "text": plain("x")}, "/blocks/0/type", "unsupported type: alert"),
        ({"type": "file", "external_id": "x", "source": "remote"}, "/blocks/0/type", "unsupported type"),
        (table(101), "/blocks/0/rows", "no more than 100 items"),
        (table(1, 21), "/blocks/0/rows/0", "no more than 20 items"),
        (table(1, 1, ""), "/blocks/0/rows/0/0/text", "must be more than 0 characters"),
        (table(50, 20, "x" * 11), "/blocks/0", "less than 10001 characters"),
        (data_table(1), "/blocks/0/rows", "no fewer than 2 items"),
        (data_table(202), "/blocks/0/rows", "no more than 201 items"),
        (
            {**table(101, 20, "x" * 10), "type": "data_table", "caption": "Calls"},
            "/blocks/0",
            "less than 20001 characters",
        ),
        (data_table(2, page_size=0), "/blocks/0/page_size", "must be at least 1"),
        (data_table(2, page_size=101), "/blocks/0/page_size", "must be at most 100"),
        (
            data_table(2, row_header_column_index=1),
            "/blocks/0/row_header_column_index",
            "must be less than 1",
        ),
        ({**table(2), "type": "data_table"}, "/blocks/0", "missing required field: caption"),
        ({**data_table(2, 2), "rows": [[cell(), cell()], [cell()]]}, "/blocks/0/rows/1", "must have 2 cells"),
        (bars(13), "/blocks/0/chart/series", "no more than 12 items"),
        (bars(1, 21), "/blocks/0/chart/axis_config/categories", "no more than 20 items"),
        (bars(title="x" * 51), "/blocks/0/title", "must be less than 51"),
        (pie(13), "/blocks/0/chart/segments", "no more than 12 items"),
        (pie(1, 0), "/blocks/0/chart/segments/0/value", "must be greater than 0"),
    ],
)
def test_each_rule_names_the_place_it_was_broken(block: Json, pointer: str, words: str) -> None:
    problems = check_blocks([block])
    assert any(one.pointer == pointer and words in one.message for one in problems), list(map(str, problems))


def test_a_header_cell_of_a_data_table_may_not_be_rich_text() -> None:
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
    problems = check_blocks([{**data_table(2), "rows": [[rich], [cell()]]}])
    assert [one.pointer for one in problems] == ["/blocks/0/rows/0/0"]


def test_two_tables_of_any_kind_are_one_too_many() -> None:
    container = {"type": "container", "title": plain("t"), "child_blocks": [table(2)]}
    for second in (table(2), data_table(2), container):
        assert [one.message for one in check_blocks([data_table(2), second])] == ["only_one_table_allowed"]


def test_three_charts_are_one_too_many() -> None:
    assert [one.pointer for one in check_blocks([bars(), pie(2), bars()])] == ["/blocks/2"]


def test_a_message_takes_fifty_blocks_and_a_view_a_hundred() -> None:
    assert check_blocks([{"type": "divider"}] * 50) == []
    assert check_blocks([{"type": "divider"}] * 51)[0].constraint == 50
    assert check_blocks([{"type": "divider"}] * 100, "modal") == []


def test_the_text_of_all_blocks_has_a_limit_of_its_own() -> None:
    assert check_blocks([section("x" * 2600)] * 5) == []
    assert [one.code for one in check_blocks([section("x" * 2600)] * 5 + [section("y")])] == [
        "msg_blocks_too_long"
    ]


def test_repeated_ids_are_refused() -> None:
    blocks = [{"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}]
    assert "already exists" in check_blocks(blocks)[0].message
    twice = {"type": "actions", "elements": [*actions(1)["elements"], *actions(1)["elements"]]}
    assert "already exists" in check_blocks([twice])[0].message


def test_an_initial_option_must_be_one_of_the_options() -> None:
    select = {
        "type": "static_select",
        "options": [{"text": plain("One"), "value": "1"}],
        "initial_option": {"text": plain("one"), "value": "1"},
    }
    assert "exactly match" in check_blocks([{"type": "actions", "elements": [select]}])[0].message


def test_tables_and_charts_are_for_messages_only() -> None:
    for block in (table(2), data_table(2), bars(), {"type": "markdown", "text": "x"}):
        assert check_blocks([block], "modal")
        assert check_blocks([block], "home")


def test_a_block_type_that_the_workspace_does_not_know_is_refused() -> None:
    assert check_blocks([data_table(2)], refused={"data_table"})[0].pointer == "/blocks/0/type"


def test_nothing_that_is_no_list_of_objects_passes() -> None:
    rubbish: Any
    for rubbish in (None, "x", 1, {}, [None], [[]], [{}], [{"type": 1}], [{"type": "section", "text": 7}]):
        assert check_blocks(rubbish)


def test_a_form_with_inputs_needs_a_submit_button() -> None:
    element = {"type": "plain_text_input", "action_id": "x"}
    view = {
        "type": "modal",
        "title": plain("t"),
        "blocks": [{"type": "input", "label": plain("l"), "element": element}],
    }
    assert "submit" in check_view(view)[0].message
    assert check_view({**view, "submit": plain("Go")}) == []
    assert check_view({**view, "submit": plain("x" * 25)})[0].pointer == "/view/submit/text"
    assert check_view({**view, "submit": plain("Go"), "private_metadata": "x" * 3001})


def test_metadata_is_a_type_and_a_payload() -> None:
    assert check_metadata({"event_type": "run", "event_payload": {"id": "1"}}) == []
    assert check_metadata({"event_type": "run"})
    assert check_metadata({"event_type": "run", "event_payload": "1"})


def agrees(make: Callable[[], Any], block: Json) -> bool:
    """Whether slackblocks and our rules say the same of a block."""
    try:
        make()
    except InvalidUsageError:
        return bool(check_blocks([block]))
    return not check_blocks([block])


@given(st.integers(1, 110), st.integers(1, 22))
def test_slackblocks_agrees_on_the_size_of_tables(rows: int, columns: int) -> None:
    cells = [[so.RawText("x") for _ in range(columns)] for _ in range(rows)]
    assert agrees(lambda: sb.TableBlock(cells), table(rows, columns))  # type: ignore[arg-type]  # its own types


@given(st.integers(1, 203), st.integers(1, 22), st.integers(-1, 102))
def test_slackblocks_agrees_on_the_size_of_data_tables(rows: int, columns: int, page: int) -> None:
    cells: Any = [[so.RawText("x") for _ in range(columns)] for _ in range(rows)]
    block = data_table(rows, columns, page_size=page)
    assert agrees(lambda: sb.DataTableBlock(cells, "Calls", page), block)


@given(st.integers(0, 14), st.sampled_from([0, 1, 2.5]), st.integers(1, 60))
def test_slackblocks_agrees_on_pies(count: int, value: float, title: int) -> None:
    def make() -> Any:
        segments = [so.ChartSegment(f"s{n}", value) for n in range(count)]
        return sb.DataVisualizationBlock("t" * title, so.PieChart(segments))

    assert agrees(make, {**pie(count, value), "title": "t" * title})


@given(st.integers(1, 14), st.integers(1, 22), st.integers(1, 25))
def test_slackblocks_agrees_on_bars(series: int, categories: int, name: int) -> None:
    labels = [f"c{n}" for n in range(categories)]
    names = [f"{n:02}".ljust(name, "x") for n in range(series)]

    def make() -> Any:
        rows = [so.DataSeries(one, [so.DataPoint(label, 1) for label in labels]) for one in names]
        return sb.DataVisualizationBlock("t", so.BarChart(rows, so.AxisConfig(labels)))

    block = bars(series, categories)
    for one, words in zip(block["chart"]["series"], names, strict=True):
        one["name"] = words
    assert agrees(make, block)


@given(st.integers(1, 3100), st.integers(1, 160))
def test_slackblocks_agrees_on_the_length_of_text(length: int, head: int) -> None:
    assert agrees(lambda: sb.SectionBlock("x" * length), section("x" * length))
    assert agrees(lambda: sb.HeaderBlock("x" * head), {"type": "header", "text": plain("x" * head)})


def test_what_slackblocks_draws_is_what_the_rules_take() -> None:
    """The shapes of the newer blocks are slackblocks' own, to the letter."""
    rows: Any = [[so.RawText("Client"), so.RawText("Calls")], [so.RawText("a"), so.RawNumber(3, "3")]]
    points = [so.DataPoint("a", 1), so.DataPoint("b", 2)]
    axes = so.AxisConfig(["a", "b"], "x", "y")
    drawn = [
        sb.DataTableBlock(rows, "Calls", 10),
        sb.DataVisualizationBlock("t", so.LineChart([so.DataSeries("s", points)], axes)),
        sb.DataVisualizationBlock("p", so.PieChart([so.ChartSegment("a", 1)])),
    ]
    assert check_blocks([block._resolve() for block in drawn]) == []  # noqa: SLF001 - its only way out as a dict


def test_the_limits_are_those_of_slackblocks() -> None:
    from slackblocks import _limits as theirs

    ours = {
        "SECTION_TEXT_MAX_LENGTH": limits.SECTION_TEXT,
        "SECTION_FIELDS_MAX_ITEMS": limits.SECTION_FIELDS,
        "SECTION_FIELDS_ITEM_MAX_LENGTH": limits.SECTION_FIELD,
        "HEADER_TEXT_MAX_LENGTH": limits.HEADER_TEXT,
        "BUTTON_TEXT_MAX_LENGTH": limits.BUTTON_TEXT,
        "BUTTON_VALUE_MAX_LENGTH": limits.BUTTON_VALUE,
        "OPTION_VALUE_MAX_LENGTH": limits.OPTION_VALUE,
        "OVERFLOW_OPTIONS_MAX_ITEMS": limits.OVERFLOW_OPTIONS,
        "INPUT_LABEL_MAX_LENGTH": limits.INPUT_LABEL,
        "TABLE_ROWS_MAX_ITEMS": limits.TABLE_ROWS,
        "TABLE_COLUMNS_MAX_ITEMS": limits.TABLE_COLUMNS,
        "DATA_TABLE_ROWS_MAX_ITEMS": limits.DATA_TABLE_ROWS,
        "DATA_TABLE_CONTENT_MAX_LENGTH": limits.DATA_TABLE_TEXT,
        "MESSAGE_BLOCKS_MAX_ITEMS": limits.BLOCKS,
        "MESSAGE_DATA_VISUALIZATIONS_MAX_ITEMS": limits.CHARTS,
        "VIEW_BLOCKS_MAX_ITEMS": limits.VIEW_BLOCKS,
        "VIEW_TITLE_MAX_LENGTH": limits.VIEW_TITLE,
        "CONTEXT_ELEMENTS_MAX_ITEMS": limits.CONTEXT_ELEMENTS,
        "ACTIONS_ELEMENTS_MAX_ITEMS": limits.ACTIONS_ELEMENTS,
    }
    assert {name: getattr(theirs, name) for name in ours} == ours
