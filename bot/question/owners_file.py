"""The file of owners: YAML or CSV, a rule a row, read into `Owners`, or refused by its line.

    account,role,app,team,channel,person,runbook
    111122223333,nightly-*,,payments,C0123ABC,U0456,https://wiki.example/tls

The first row that fits decides. Of `account`, `role` and `app`, several may stand with commas between; a row
that has none of them fits all that is left.
"""

from __future__ import annotations

import csv
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from bot.errors import UserError
from bot.question import filters, owners
from bot.question.filters import BadValue
from bot.question.owners import UNOWNED, Owner, Owners, Rule
from bot.question.tokens import shown
from bot.wording import number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import yaml

FILE_COLUMNS: Final = ("account", "role", "app", "team", "channel", "person", "runbook")

RULES_MOST: Final = 1_000
"""More rules than that are an inventory: patterns say it shorter."""

TEAM_CHARS: Final = 60
"""A team's name stands in an option of a menu, which holds 75 characters (docs: option object)."""

LINK_CHARS: Final = 2_000
"""A longer link is none that browsers are sure to open."""

_CHANNEL: Final = re.compile(r"[CG][A-Z0-9_]{2,}")
_PERSON: Final = re.compile(r"[UWS][A-Z0-9_]{2,}")
_RUNBOOK: Final = re.compile(r"https?://[^\s<>|\"]+")

_Row = tuple[int, "Mapping[str, str]"]
"""The line of a row, and what it says by column."""


def load(path: Path | None) -> Owners:
    """The owners that the file at `path` names; none without one. UserError names the line that is wrong."""
    if path is None:
        return Owners()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(
            f"TLS_AUDIT_OWNERS: {path} cannot be read: {error.strerror}.", "Name a file that is there."
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"TLS_AUDIT_OWNERS: {path} is not UTF-8.", "Save it as UTF-8.") from error
    rows = _of_csv(text) if path.suffix.lower() == ".csv" else _of_yaml(text)
    rules = tuple(_rule(line, row) for line, row in rows)
    if len(rules) > RULES_MOST:
        raise UserError(
            f"TLS_AUDIT_OWNERS has {number(len(rules))} rules; {number(RULES_MOST)} is the most.",
            "`*` stands for many names.",
        )
    return Owners(rules)


def _wrong(line: int, why: str, hint: str = "") -> UserError:
    return UserError(f"TLS_AUDIT_OWNERS, line {line}: {why}", hint or f"Columns: {' '.join(FILE_COLUMNS)}.")


def _of_csv(text: str) -> Iterator[_Row]:
    lines = csv.reader(text.splitlines(keepends=True), strict=True)
    names: list[str] | None = None
    try:
        for cells in lines:
            values = [cell.strip() for cell in cells]
            if not any(values) or values[0].startswith("#"):
                continue
            if names is None:
                names = [value.lower() for value in values]
                _check_columns([(lines.line_num, name) for name in names])
            elif len(values) > len(names):
                raise _wrong(
                    lines.line_num,
                    f"{len(values)} cells under {len(names)} columns.",
                    "Quote what has commas.",
                )
            else:
                yield lines.line_num, dict(zip(names, values, strict=False))
    except csv.Error as error:
        raise _wrong(lines.line_num, f"that is no CSV: {error}.") from error


def _of_yaml(text: str) -> Iterator[_Row]:
    import yaml  # who has no such file need not wait for it

    try:
        # nodes, and not values: they know their lines, and an account stays the digits that were written
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _wrong(line, f"that is no YAML: {error.problem}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise _wrong(1, "that is no YAML.") from error
    if top is None:
        return
    if not isinstance(top, yaml.SequenceNode):
        raise _wrong(top.start_mark.line + 1, "that is no list of rules.", "Begin each rule with `- team:`.")
    for each in top.value:
        line = each.start_mark.line + 1
        if not isinstance(each, yaml.MappingNode):
            raise _wrong(line, "that is no rule.", "Begin each rule with `- team:`.")
        row: dict[str, str] = {}
        named: list[tuple[int, str]] = []
        for key, value in each.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong(at, "that is no column.")
            name = key.value.strip().lower()
            named.append((at, name))
            _check_columns(named)
            row[name] = _of_node(value, at, name)
        yield line, row


def _of_node(node: yaml.Node, line: int, name: str) -> str:
    """A value of YAML as CSV has it: several have commas between."""
    import yaml

    # a list in a list is none: by an alias it may hold itself
    words = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(each, yaml.ScalarNode) for each in words):
        raise _wrong(line, f"`{name}` is no text.", "Write a word, or words with commas between.")
    return ",".join("" if each.tag.endswith(":null") else str(each.value).strip() for each in words)


def _check_columns(named: Sequence[tuple[int, str]]) -> None:
    """UserError for what is no column, or stands there twice."""
    for at, (line, name) in enumerate(named):
        if name in [other for _, other in named[:at]]:
            raise _wrong(line, f"`{shown(name)}` stands there twice.", "Keep one.")
        if name == "tag":
            raise _wrong(
                line,
                "`tag` cannot decide: what a trail delivers says no tags.",
                "Name the accounts or roles that bear the tag.",
            )
        if name not in FILE_COLUMNS:
            near = get_close_matches(name, FILE_COLUMNS, 1)
            meant = f": did you mean `{near[0]}`?" if near else "."
            raise _wrong(line, f"`{shown(name)}` is no column{meant}")


def _rule(line: int, row: Mapping[str, str]) -> Rule:
    """The rule of a row."""

    def several(column: str) -> list[str]:
        return [value for each in row.get(column, "").split(",") if (value := each.strip())]

    try:
        accounts = [filters.read("account", value) for value in several("account")]
    except BadValue as bad:
        raise _wrong(line, bad.why, bad.hint) from None
    return Rule(
        _owner(line, row),
        owners.principals(accounts, several("role")),
        tuple(app.lower() for app in several("app")),
    )


def _owner(line: int, row: Mapping[str, str]) -> Owner:
    team = row.get("team", "")
    if not team:
        raise _wrong(line, "no `team`.", "Each rule names one.")
    if len(team) > TEAM_CHARS or "," in team or "\n" in team:
        raise _wrong(line, f"`{shown(team)}` is no name of a team.", f"One name, of {TEAM_CHARS} characters.")
    if team.lower() == UNOWNED:
        raise _wrong(line, f"`{team}` is what `owner=` takes for nobody.", "Call the team otherwise.")
    for column, form, like in (
        ("channel", _CHANNEL, "its id, as in C0123ABC: in Slack at the end of the channel's details"),
        ("person", _PERSON, "an id, as in U0123ABC, or a user group's, S0123ABC: in Slack in their profile"),
        ("runbook", _RUNBOOK, "a link that begins with https://"),
    ):
        value = row.get(column, "")
        if value and (not form.fullmatch(value) or len(value) > LINK_CHARS):
            raise _wrong(line, f"`{shown(value)}` is no {column}.", f"Write {like}.")
    return Owner(team, *(row.get(column, "") for column in ("channel", "person", "runbook")))
