"""What people put into inputs: Slack's `state`, and what a form is not sent for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.shapes import Json

# element type → the key of its value in `state`, the key of what it starts with
KEYS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "multi_static_select": ("selected_options", "initial_options"),
    "checkboxes": ("selected_options", "initial_options"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "users_select": ("selected_user", "initial_user"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
}
REQUIRED = "Please complete this required field."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_WEB = re.compile(r"https?://\S+")
_NUMBER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Every (block, element) a person can act on."""
    for block in blocks:
        if block["type"] == "input":
            yield block, block["element"]
        elif block["type"] == "section" and block.get("accessory", {}).get("type", "image") != "image":
            yield block, block["accessory"]
        elif block["type"] == "actions":
            yield from ((block, element) for element in block["elements"])
        elif block["type"] == "container":
            yield from elements(block["child_blocks"])


def options(element: Json) -> list[Json]:
    """What an element offers, groups laid flat."""
    grouped = [option for group in element.get("option_groups", []) for option in group["options"]]
    return [*element.get("options", []), *grouped]


def entry(element: Json, given: Any) -> Json:
    """What `state`, or an action, says of an element once someone put `given` in.

    Options are given by their value or their text. Raises ValueError for one that is not offered.
    """
    kind = element["type"]
    if kind == "button":
        return {"type": "button", **({"value": element["value"]} if "value" in element else {})}
    key = KEYS[kind][0]
    if key == "selected_option":
        return {"type": kind, key: None if given in (None, "") else _option(element, given)}
    if key == "selected_options":
        return {"type": kind, key: [_option(element, one) for one in given or []]}
    if kind.startswith("multi_"):
        return {"type": kind, key: list(given or [])}
    return {"type": kind, key: None if given in (None, "") else given}


def _option(element: Json, given: Any) -> Json:
    wanted = given.get("value") if isinstance(given, dict) else given
    for option in options(element):
        if wanted in (option["value"], option["text"]["text"]):
            return option
    offered = ", ".join(option["value"] for option in options(element))
    raise ValueError(f"{given!r} is not offered; there are: {offered}")


def initial(element: Json, here: str = "") -> Json | None:
    """What `state` says of an element that nobody touched; None where Slack leaves it out."""
    if element["type"] in ("button", "overflow"):
        return None
    key, first = KEYS[element["type"]]
    given = element.get(first)
    if given is None and element.get("default_to_current_conversation"):
        given = here
    return {"type": element["type"], key: given if given is not None else ([] if key.endswith("s") else None)}


def initial_state(blocks: list[Json], here: str = "", kept: Any = None) -> dict[str, dict[str, Json]]:
    """The state of fresh blocks; `kept` is the state before, which inputs of the same ids keep."""
    state: dict[str, dict[str, Json]] = {}
    for block, element in elements(blocks):
        first = initial(element, here)
        if first is None:
            continue
        before = (kept or {}).get(block["block_id"], {}).get(element["action_id"])
        same = before is not None and before["type"] == first["type"]
        state.setdefault(block["block_id"], {})[element["action_id"]] = before if same else first
    return state


def complaints(blocks: list[Json], state: Any) -> dict[str, str]:
    """What Slack itself tells a person before it sends a form: block_id → words."""
    found: dict[str, str] = {}
    for block, element in elements(blocks):
        if block["type"] != "input":
            continue
        value = state.get(block["block_id"], {}).get(element["action_id"], {}).get(KEYS[element["type"]][0])
        words = _complaint(element, value, optional=block.get("optional", False))
        if words:
            found[block["block_id"]] = words
    return found


def _complaint(element: Json, value: Any, *, optional: bool) -> str:
    if value in (None, "", []):
        return "" if optional else REQUIRED
    kind = element["type"]
    if kind == "plain_text_input":
        return _length_complaint(element, value)
    if kind == "email_text_input" and not _EMAIL.fullmatch(value):
        return "Enter a valid email address."
    if kind == "url_text_input" and not _WEB.fullmatch(value):
        return "Enter a valid URL."
    if kind == "number_input":
        return _number_complaint(element, value)
    if len(value) > element.get("max_selected_items", 100) if isinstance(value, list) else False:
        return f"Choose at most {element['max_selected_items']}."
    return ""


def _length_complaint(element: Json, value: str) -> str:
    if len(value) < element.get("min_length", 0):
        return f"Enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Enter at most {element.get('max_length', 3000)} characters."
    return ""


def _number_complaint(element: Json, value: str) -> str:
    if not (_DECIMAL if element["is_decimal_allowed"] else _NUMBER).fullmatch(value):
        return "Enter a number." if element["is_decimal_allowed"] else "Enter a whole number."
    if "min_value" in element and float(value) < float(element["min_value"]):
        return f"Enter at least {element['min_value']}."
    if "max_value" in element and float(value) > float(element["max_value"]):
        return f"Enter at most {element['max_value']}."
    return ""
