"""What Slack refuses: pure functions from JSON to problems, each with the pointer Slack would name."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from bot.sandbox import limits
from bot.sandbox.elements import (
    ACCESSORIES,
    CLICKABLE,
    COLUMN,
    ID,
    IMAGE,
    INPUTS,
    RICH_TEXT,
    plain,
    text,
)
from bot.sandbox.shapes import (
    Check,
    Json,
    Problem,
    anything,
    boolean,
    both,
    each,
    number,
    one_of,
    shape,
    string,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MESSAGE_TOO_LONG = "msg_blocks_too_long"
ONE_TABLE = "only_one_table_allowed"


def _same_width(block: Any, at: str) -> Iterator[Problem]:
    width = len(block["rows"][0])
    for index, row in enumerate(block["rows"]):
        if len(row) != width:
            yield Problem(
                f"{at}/rows/{index}", "unequal_rows", f"must have {width} cells, as the first row", width
            )
    header = block.get("row_header_column_index", 0)
    if header >= width:
        yield Problem(f"{at}/row_header_column_index", "too_large", f"must be less than {width}", width)
    for index, cell in enumerate(block["rows"][0]):
        if cell["type"] == "rich_text":
            yield Problem(f"{at}/rows/0/{index}", "rich_header", "header cells may not be rich_text")


def _matching_points(block: Any, at: str) -> Iterator[Problem]:
    chart = block["chart"]
    if chart["type"] == "pie":
        return
    categories = chart["axis_config"]["categories"]
    if len(set(categories)) != len(categories):
        yield Problem(f"{at}/chart/axis_config/categories", "duplicate", "categories must be unique")
    names = [series["name"] for series in chart["series"]]
    if len(set(names)) != len(names):
        yield Problem(f"{at}/chart/series", "duplicate", "series names must be unique")
    for index, series in enumerate(chart["series"]):
        if sorted(point["label"] for point in series["data"]) != sorted(categories):
            where = f"{at}/chart/series/{index}/data"
            yield Problem(where, "unmatched", "must hold exactly one point for every category", categories)


def _positive(value: Any, at: str) -> Iterator[Problem]:
    yield from number()(value, at)
    if isinstance(value, int | float) and value <= 0:
        yield Problem(at, "too_small", "must be greater than 0", 0)


RAW_TEXT = shape({"text": string()}, {"emoji": boolean})
RAW_NUMBER = shape({"value": number(), "text": string()})
CELL = typed({"raw_text": RAW_TEXT, "raw_number": RAW_NUMBER, "rich_text": RICH_TEXT})
_LABEL = string(limits.CHART_LABEL)
_POINT = shape({"label": _LABEL, "value": number()})
_AXES = shape(
    {"categories": each(_LABEL, limits.CHART_CATEGORIES)},
    {"x_label": string(limits.CHART_AXIS_LABEL), "y_label": string(limits.CHART_AXIS_LABEL)},
)
_SERIES = shape(
    {
        "series": each(
            shape({"name": _LABEL, "data": each(_POINT, limits.CHART_CATEGORIES)}), limits.CHART_SERIES
        ),
        "axis_config": _AXES,
    }
)
_PIE = shape(
    {"segments": each(shape({"label": _LABEL, "value": _positive}), limits.CHART_SEGMENTS)},
)
CHART = typed({"pie": _PIE, "bar": _SERIES, "area": _SERIES, "line": _SERIES})
_BLOCK: dict[str, Check] = {"block_id": ID}

SIMPLE: dict[str, Check] = {
    "section": shape(
        {},
        {
            **_BLOCK,
            "text": text(limits.SECTION_TEXT),
            "fields": each(text(limits.SECTION_FIELD), limits.SECTION_FIELDS),
            "accessory": typed(ACCESSORIES),
            "expand": boolean,
        },
        any_of=("text", "fields"),
    ),
    "header": shape({"text": plain(limits.HEADER_TEXT)}, {**_BLOCK, "level": number(1, 6, whole=True)}),
    "divider": shape({}, _BLOCK),
    "context": shape(
        {
            "elements": each(
                typed(
                    {
                        "image": IMAGE,
                        "mrkdwn": shape({"text": string()}, {"verbatim": boolean}),
                        "plain_text": shape({"text": string()}, {"emoji": boolean}),
                    }
                ),
                limits.CONTEXT_ELEMENTS,
            )
        },
        _BLOCK,
    ),
    "actions": shape({"elements": each(typed(CLICKABLE), limits.ACTIONS_ELEMENTS)}, _BLOCK),
    "image": shape(
        {"alt_text": string(limits.IMAGE_TEXT)},
        {
            **_BLOCK,
            "image_url": string(limits.URL),
            "slack_file": anything,
            "title": plain(limits.IMAGE_TEXT),
        },
        any_of=("image_url", "slack_file"),
    ),
    "input": shape(
        {"label": plain(limits.INPUT_LABEL), "element": typed(INPUTS)},
        {**_BLOCK, "hint": plain(limits.INPUT_LABEL), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": RICH_TEXT,
    "table": shape(
        {"rows": each(each(CELL, limits.TABLE_COLUMNS), limits.TABLE_ROWS)},
        {**_BLOCK, "column_settings": each(COLUMN, limits.TABLE_COLUMNS, 0)},
    ),
}
MESSAGE: dict[str, Check] = {
    **SIMPLE,
    "markdown": shape({"text": string(limits.MARKDOWN_BLOCK)}, _BLOCK),
    "data_table": both(
        shape(
            {
                "caption": string(),
                "rows": each(each(CELL, limits.TABLE_COLUMNS), limits.DATA_TABLE_ROWS, 2),
            },
            {
                **_BLOCK,
                "page_size": number(1, limits.DATA_TABLE_PAGE, whole=True),
                "row_header_column_index": number(0, limits.TABLE_COLUMNS - 1, whole=True),
            },
        ),
        _same_width,
    ),
    "data_visualization": both(
        shape({"title": string(limits.CHART_TITLE), "chart": CHART}, _BLOCK), _matching_points
    ),
    "container": shape(
        {"child_blocks": each(typed(SIMPLE), limits.CONTAINER_BLOCKS)},
        {
            **_BLOCK,
            "title": plain(limits.CONTAINER_TITLE),
            "rich_text_title": RICH_TEXT,
            "subtitle": text(limits.CONTAINER_TITLE),
            "width": one_of("narrow", "standard", "wide", "full"),
            "icon": IMAGE,
            "is_collapsible": boolean,
            "default_collapsed": boolean,
            "has_header_divider": boolean,
        },
        any_of=("title", "rich_text_title"),
    ),
}
# docs: blocks.json, available-in-surfaces: tables, charts and markdown are for messages, alerts for modals
HOME = {name: check for name, check in SIMPLE.items() if name != "table"}
MODAL = {
    **HOME,
    "alert": shape(
        {"text": text(limits.ALERT_TEXT)},
        {**_BLOCK, "level": one_of("default", "info", "warning", "error", "success")},
    ),
}
TABLE_TYPES = frozenset({"table", "data_table"})
SURFACES = {
    "message": (MESSAGE, limits.BLOCKS),
    "modal": (MODAL, limits.VIEW_BLOCKS),
    "home": (HOME, limits.VIEW_BLOCKS),
}


def check_blocks(
    blocks: Any, surface: str = "message", *, at: str = "/blocks", refused: Collection[str] = ()
) -> list[Problem]:
    """Everything Slack would refuse about these blocks on this surface: message, modal or home.

    `refused` names block types that this workspace does not know (yet). Empty when all is well.
    """
    table, most = SURFACES[surface]
    known = {name: check for name, check in table.items() if name not in refused}
    problems = list(each(typed(known), most, 0)(blocks, at))
    if not problems:
        problems += _ids(blocks, at)
    if not problems and surface == "message":
        problems += _message_sums(blocks, at)
    return problems


def every_block(blocks: list[Json]) -> Iterator[Json]:
    """The blocks and those within containers."""
    for block in blocks:
        yield block
        yield from block.get("child_blocks", ())


def _ids(blocks: list[Json], at: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        identity = block.get("block_id")
        if identity is not None and identity in seen:
            where = f"{at}/{index}/block_id"
            yield Problem(where, "duplicate_id", f"block_id `{identity}` already exists")
        elif identity is not None:
            seen.add(identity)
        actions = Counter(element.get("action_id") for element in block.get("elements", ()))
        for action, times in actions.items():
            if action is not None and times > 1:
                yield Problem(f"{at}/{index}", "duplicate_id", f"action_id `{action}` already exists")


def _message_sums(blocks: list[Json], at: str) -> Iterator[Problem]:
    tables = charts = in_tables = in_markdown = total = 0
    for index, block in enumerate(blocks):
        where, inner = f"{at}/{index}", list(every_block([block]))
        mine = [one for one in inner if one["type"] in TABLE_TYPES]
        tables += len(mine)
        if mine and tables > limits.TABLES_A_MESSAGE:
            yield Problem(where, ONE_TABLE, ONE_TABLE, limits.TABLES_A_MESSAGE)
        charts += sum(one["type"] == "data_visualization" for one in inner)
        if charts > limits.CHARTS and block["type"] == "data_visualization":
            yield Problem(
                where, "too_many_charts", f"no more than {limits.CHARTS} charts allowed", limits.CHARTS
            )
        in_tables += sum(text_length(one["rows"]) for one in mine)
        if mine and in_tables > limits.TABLE_TEXT:
            message = f"the cells of all tables must hold less than {limits.TABLE_TEXT + 1} characters"
            yield Problem(where, "too_long", message, limits.TABLE_TEXT)
        in_markdown += len(block["text"]) if block["type"] == "markdown" else 0
        if block["type"] == "markdown" and in_markdown > limits.MARKDOWN_BLOCK:
            message = f"all markdown blocks must hold less than {limits.MARKDOWN_BLOCK + 1} characters"
            yield Problem(where, "too_long", message, limits.MARKDOWN_BLOCK)
        total += text_length(block)
    if total > limits.BLOCKS_TEXT:
        message = (
            f"{total:,} characters of text in blocks; Slack refuses more than about {limits.BLOCKS_TEXT:,}"
        )
        yield Problem(at, MESSAGE_TOO_LONG, message, limits.BLOCKS_TEXT)


def text_length(value: Any) -> int:
    """How many characters stand under `text`, at any depth."""
    if isinstance(value, dict):
        return sum(
            len(inner) if key == "text" and isinstance(inner, str) else text_length(inner)
            for key, inner in value.items()
        )
    return sum(map(text_length, value)) if isinstance(value, list) else 0


_VIEW_FIELDS: dict[str, Check] = {
    "blocks": anything,
    "private_metadata": string(limits.VIEW_METADATA, 0),
    "callback_id": string(limits.ELEMENT_ID, 0),
    "external_id": string(limits.ELEMENT_ID, 0),
}
VIEW = typed(
    {
        "modal": shape(
            {"title": plain(limits.VIEW_TITLE), "blocks": anything},
            {
                **_VIEW_FIELDS,
                "submit": plain(limits.VIEW_TITLE),
                "close": plain(limits.VIEW_TITLE),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
        ),
        "home": shape({"blocks": anything}, _VIEW_FIELDS),
    }
)


def check_view(view: Any, *, refused: Collection[str] = ()) -> list[Problem]:
    """Everything Slack would refuse about a modal or a Home tab; the size is `view_too_large`'s to say."""
    problems = list(VIEW(view, "/view"))
    if problems:
        return problems
    problems = check_blocks(view["blocks"], view["type"], at="/view/blocks", refused=refused)
    needs_submit = view["type"] == "modal" and "submit" not in view
    if not problems and needs_submit and any(block["type"] == "input" for block in view["blocks"]):
        problems.append(Problem("/view", "missing_field", "missing required field: submit", "submit"))
    return problems


def view_too_large(view: Any) -> bool:
    """Whether a view passes Slack's size limit, in bytes of JSON."""
    return len(json.dumps(view, separators=(",", ":")).encode()) > limits.VIEW_BYTES


METADATA = shape({"event_type": string(limits.EVENT_TYPE), "event_payload": anything}, {"entities": anything})


def check_metadata(metadata: Any) -> list[Problem]:
    """What is wrong with a message's metadata: an event type and a payload object."""
    problems = list(METADATA(metadata, "/metadata"))
    if not problems and not isinstance(metadata["event_payload"], dict):
        problems.append(Problem("/metadata/event_payload", "invalid_type", "must provide an object"))
    return problems
