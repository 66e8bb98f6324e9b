"""Block Kit's text objects and elements, as tables of what Slack takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox import limits
from bot.sandbox.shapes import (
    Check,
    Problem,
    anything,
    boolean,
    both,
    each,
    nullable,
    number,
    one_of,
    shape,
    string,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def plain(most: int, least: int = 1) -> Check:
    """A plain_text object."""
    return typed({"plain_text": shape({"text": string(most, least)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A plain_text or mrkdwn object."""
    return typed(
        {
            "plain_text": shape({"text": string(most)}, {"emoji": boolean}),
            "mrkdwn": shape({"text": string(most)}, {"verbatim": boolean}),
        }
    )


ID = string(limits.ELEMENT_ID)
PLACEHOLDER = plain(limits.PLACEHOLDER_TEXT)
CONFIRM = shape(
    {"title": plain(limits.CONFIRM_TITLE), "text": text(limits.CONFIRM_TEXT)},
    {
        "confirm": plain(limits.CONFIRM_BUTTON),
        "deny": plain(limits.CONFIRM_BUTTON),
        "style": one_of("primary", "danger"),
    },
)
OPTION = shape(
    {"text": text(limits.OPTION_TEXT), "value": string(limits.OPTION_VALUE)},
    {"description": text(limits.OPTION_TEXT), "url": string(limits.URL)},
)
PLAIN_OPTION = shape(
    {"text": plain(limits.OPTION_TEXT), "value": string(limits.OPTION_VALUE)},
    {"description": plain(limits.OPTION_TEXT), "url": string(limits.URL)},
)
GROUP = shape({"label": plain(limits.OPTION_TEXT), "options": each(PLAIN_OPTION, limits.OPTIONS)})
DISPATCH = shape({}, {"trigger_actions_on": each(one_of("on_enter_pressed", "on_character_entered"), 2)})
FILTER = shape(
    {},
    {
        "include": each(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
COMMON: dict[str, Check] = {"action_id": ID, "focus_on_load": boolean}
PICKED: dict[str, Check] = {**COMMON, "placeholder": PLACEHOLDER, "confirm": CONFIRM}
MANY: dict[str, Check] = {"max_selected_items": number(1, whole=True)}


def initial_among_options(element: Any, at: str) -> Iterator[Problem]:
    """What is chosen at first is one of the options, to the letter: the commonest slip with selects."""
    groups = [group["options"] for group in element.get("option_groups", [])]
    offered = [option for options in [element.get("options", []), *groups] for option in options]
    chosen = element.get("initial_options") or (
        [element["initial_option"]] if element.get("initial_option") else []
    )
    for option in chosen:
        if option not in offered:
            yield Problem(
                at, "invalid_initial", "initial option(s) must exactly match one of the options provided"
            )
    if "options" in element and "option_groups" in element:
        yield Problem(at, "ambiguous", "must define only one of options or option_groups")


def _input(**extra: Check) -> Check:
    return shape(
        {},
        {
            **COMMON,
            "placeholder": PLACEHOLDER,
            "initial_value": string(limits.INPUT_LENGTH, 0),
            "dispatch_action_config": DISPATCH,
            **extra,
        },
    )


_OFFERED: dict[str, Check] = {
    "options": each(PLAIN_OPTION, limits.OPTIONS),
    "option_groups": each(GROUP, limits.OPTION_GROUPS),
}
_LENGTHS: dict[str, Check] = {
    "min_length": number(0, limits.INPUT_LENGTH, whole=True),
    "max_length": number(1, limits.INPUT_LENGTH, whole=True),
}
_DECIMAL: dict[str, Check] = {"min_value": string(), "max_value": string()}

BUTTON = shape(
    {"text": plain(limits.BUTTON_TEXT)},
    {
        "action_id": ID,
        "url": string(limits.URL),
        "value": string(limits.BUTTON_VALUE),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(limits.ACCESSIBILITY_LABEL),
    },
)
STATIC_SELECT = both(
    shape({}, {**PICKED, **_OFFERED, "initial_option": PLAIN_OPTION}, any_of=("options", "option_groups")),
    initial_among_options,
)
MULTI_STATIC_SELECT = both(
    shape(
        {},
        {**PICKED, **MANY, **_OFFERED, "initial_options": each(PLAIN_OPTION, limits.OPTIONS)},
        any_of=("options", "option_groups"),
    ),
    initial_among_options,
)
OVERFLOW = shape(
    {"options": each(PLAIN_OPTION, limits.OVERFLOW_OPTIONS)}, {"action_id": ID, "confirm": CONFIRM}
)
CHECKBOXES = both(
    shape(
        {"options": each(OPTION, limits.CHECKBOX_OPTIONS)},
        {**COMMON, "initial_options": each(OPTION, limits.CHECKBOX_OPTIONS), "confirm": CONFIRM},
    ),
    initial_among_options,
)
RADIO_BUTTONS = both(
    shape(
        {"options": each(OPTION, limits.CHECKBOX_OPTIONS)},
        {**COMMON, "initial_option": OPTION, "confirm": CONFIRM},
    ),
    initial_among_options,
)
IMAGE = shape(
    {"alt_text": string(limits.IMAGE_TEXT)},
    {"image_url": string(limits.URL), "slack_file": anything},
    any_of=("image_url", "slack_file"),
)

CLICKABLE: dict[str, Check] = {
    "button": BUTTON,
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_STATIC_SELECT,
    "users_select": shape({}, {**PICKED, "initial_user": string()}),
    "multi_users_select": shape({}, {**PICKED, **MANY, "initial_users": each(string(), limits.OPTIONS)}),
    "channels_select": shape({}, {**PICKED, "initial_channel": string(), "response_url_enabled": boolean}),
    "multi_channels_select": shape(
        {}, {**PICKED, **MANY, "initial_channels": each(string(), limits.OPTIONS)}
    ),
    "conversations_select": shape(
        {},
        {
            **PICKED,
            "initial_conversation": string(),
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": FILTER,
        },
    ),
    "overflow": OVERFLOW,
    "datepicker": shape({}, {**PICKED, "initial_date": string(10, 10)}),
    "timepicker": shape({}, {**PICKED, "initial_time": string(5, 5), "timezone": string()}),
    "datetimepicker": shape({}, {**COMMON, "confirm": CONFIRM, "initial_date_time": number(whole=True)}),
    "checkboxes": CHECKBOXES,
    "radio_buttons": RADIO_BUTTONS,
}
WRITABLE: dict[str, Check] = {
    "plain_text_input": _input(multiline=boolean, **_LENGTHS),
    "email_text_input": _input(),
    "url_text_input": _input(),
    "number_input": shape(
        {"is_decimal_allowed": boolean},
        {
            **COMMON,
            "placeholder": PLACEHOLDER,
            "initial_value": string(),
            "dispatch_action_config": DISPATCH,
            **_DECIMAL,
        },
    ),
}
INPUTS = {
    **{name: check for name, check in CLICKABLE.items() if name not in {"button", "overflow"}},
    **WRITABLE,
}
ACCESSORIES = {**CLICKABLE, "image": IMAGE}

# Rich text
STYLE = shape(
    {},
    dict.fromkeys(
        ("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"), boolean
    ),
)
_RUN = typed(
    {
        "text": shape({"text": string()}, {"style": STYLE}),
        "link": shape({"url": string(limits.URL)}, {"text": string(), "unsafe": boolean, "style": STYLE}),
        "emoji": shape({"name": string()}, {"unicode": string(), "skin_tone": number(), "style": STYLE}),
        "user": shape({"user_id": string()}, {"style": STYLE}),
        "channel": shape({"channel_id": string()}, {"style": STYLE}),
        "usergroup": shape({"usergroup_id": string()}, {"style": STYLE}),
        "broadcast": shape({"range": one_of("here", "channel", "everyone")}, {"style": STYLE}),
        "color": shape({"value": string()}, {"style": STYLE}),
        "date": shape(
            {"timestamp": number(whole=True), "format": string()},
            {"url": string(limits.URL), "fallback": string(), "style": STYLE},
        ),
    }
)
_BORDER = number(0, 1, whole=True)
_SECTION = shape({"elements": each(_RUN, least=0)})
RICH_TEXT = shape(
    {
        "elements": each(
            typed(
                {
                    "rich_text_section": _SECTION,
                    "rich_text_list": shape(
                        {
                            "style": one_of("bullet", "ordered"),
                            "elements": each(typed({"rich_text_section": _SECTION})),
                        },
                        {
                            "indent": number(0, limits.LIST_INDENT, whole=True),
                            "offset": number(0, whole=True),
                            "border": _BORDER,
                        },
                    ),
                    "rich_text_preformatted": shape(
                        {"elements": each(_RUN, least=0)}, {"border": _BORDER, "language": string()}
                    ),
                    "rich_text_quote": shape({"elements": each(_RUN, least=0)}, {"border": _BORDER}),
                }
            )
        )
    },
    {"block_id": ID},
)
COLUMN = nullable(shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean}))
