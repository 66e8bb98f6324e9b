"""Accounts by the names that people have for them, read from a file once.

The file is what AWS Organizations gives: the console's export (CSV with the columns "Account ID" and "Name";
Organizations user guide, "Export details for all accounts"), or what `aws organizations list-accounts` prints
as JSON or YAML. Names are chosen by whoever owns an account: they are shown literally, and behind them
stands the number that AWS gave.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bot.errors import UserError
from bot.text import literal
from bot.wording import listed, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ACCOUNT_NAME_CHARS: Final = 50
"""The longest name of an account (Organizations API, Account)."""

ACCOUNTS_SETTING: Final = "TLS_AUDIT_ACCOUNTS"

_ID: Final = re.compile(r"[0-9]{12}")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):([^\s:()][^\s()]*)")
_HEADS: Final = {"id": ("accountid", "id", "account"), "name": ("name", "accountname")}
"""How columns may be headed, in small letters and without spaces."""
_EXPORTED: Final = "Export it again: the console's CSV, or what `aws organizations list-accounts` prints."


@dataclass(frozen=True, slots=True)
class Accounts:
    """The names of accounts, by their twelve digits."""

    names: Mapping[str, str] = field(default_factory=dict)

    def shown(self, account: str) -> str:
        """`prod (111122223333)`; what has no name, as it is."""
        name = self.names.get(account)
        return account if name is None else f"{literal(name)} ({account})"

    def called(self, name: str) -> tuple[str, ...]:
        """The accounts of that name, in capitals or not, by number."""
        wanted = _folded(name)
        return tuple(sorted(account for account, each in self.names.items() if _folded(each) == wanted))

    def of_principal(self, text: str, shared: str | None) -> str:
        """A principal for people: of an ARN in `shared` the part that tells it from others, as in `role/ci`;
        of another, the ARN and the name of its account."""
        found = _ARN.fullmatch(text)
        if found is None:
            return text
        if found[1] == shared:
            return found[2]
        name = self.names.get(found[1])
        return text if name is None else f"{text} ({literal(name)})"


UNNAMED: Final = Accounts()


def of_arn(text: str) -> str | None:
    """The account of a principal's ARN; None where that is none."""
    found = _ARN.fullmatch(text)
    return None if found is None else found[1]


class _Entry(NamedTuple):
    """An account as the file has it, and where."""

    where: str
    account: object
    name: object


def read(path: Path | None) -> Accounts:
    """The names in the file `path`; none without one. UserError says which line, or account, is wrong."""
    if path is None:
        return UNNAMED
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no text"
        raise UserError(
            f"{ACCOUNTS_SETTING}: {path} cannot be read: {why}.", "Name a file that can."
        ) from error
    names: dict[str, str] = {}
    for where, account, name in _entries(text, path):
        account, name = str(account or "").strip(), str(name or "").strip()
        if not _ID.fullmatch(account):
            why = f"`{literal(account)[:ACCOUNT_NAME_CHARS]}` is not an account"
            raise _wrong(path, where, why, "An account is 12 digits; spreadsheets cut leading zeros.")
        if not 1 <= len(name) <= ACCOUNT_NAME_CHARS:
            why = (
                f"{account} has a name of {number(len(name))} characters"
                if name
                else f"{account} has no name"
            )
            raise _wrong(path, where, why, f"A name has 1 to {ACCOUNT_NAME_CHARS} characters.")
        if names.setdefault(account, name) != name:
            raise _wrong(path, where, f"{account} has two names", "Keep one.")
    return Accounts(names)


def doubled(accounts: Accounts) -> list[str]:
    """The names that more than one account has, so that no question can use them."""
    counts = Counter(map(_folded, accounts.names.values()))
    return sorted({name for name in accounts.names.values() if counts[_folded(name)] > 1})


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _wrong(path: Path, where: str, why: str, hint: str) -> UserError:
    return UserError(f"{ACCOUNTS_SETTING}: {path}, {where}: {why}.", hint)


def _entries(text: str, path: Path) -> Iterable[_Entry]:
    if text.lstrip().startswith("{"):
        import json

        try:
            return _listed(json.loads(text), path)
        except json.JSONDecodeError as error:
            raise _wrong(path, f"line {error.lineno}", f"this is no JSON: {error.msg}", _EXPORTED) from error
    if path.suffix.lower() in {".yaml", ".yml"}:
        import yaml

        try:
            # the base loader makes no number of 012345678901, and nothing but text of anything
            return _listed(yaml.load(text, yaml.BaseLoader), path)  # noqa: S506 - it makes nothing but text
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = "somewhere" if mark is None else f"line {mark.line + 1}"
            raise _wrong(path, where, "this is no YAML", _EXPORTED) from error
    return _rows(text, path)


def _listed(document: Any, path: Path) -> Iterator[_Entry]:
    """The accounts of what `aws organizations list-accounts` prints."""
    accounts = document.get("Accounts") if isinstance(document, dict) else None
    if not isinstance(accounts, list) or not all(isinstance(each, dict) for each in accounts):
        raise _wrong(path, "at the top", "there is no list of `Accounts`", _EXPORTED)
    if document.get("NextToken"):
        raise _wrong(path, "NextToken", "this is the beginning of a list", "Leave out --max-items.")
    for place, each in enumerate(accounts, start=1):
        yield _Entry(f"account {place}", each.get("Id"), each.get("Name"))


def _rows(text: str, path: Path) -> Iterator[_Entry]:
    """The accounts of a CSV file whose first line heads its columns."""
    import csv

    rows = csv.reader(text.splitlines(keepends=True))
    heads = ["".join(head.lower().split()) for head in next(rows, [])]
    places = {what: _place(heads, wanted) for what, wanted in _HEADS.items()}
    if None in places.values():
        columns = listed([f"`{what}`" for what in ("Account ID", "Name")])
        raise _wrong(path, "line 1", f"there are no columns {columns}", _EXPORTED)
    for row in rows:
        if any(cell.strip() for cell in row):
            cells = [
                row[place] if place is not None and place < len(row) else "" for place in places.values()
            ]
            yield _Entry(f"line {rows.line_num}", *cells)


def _place(heads: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((heads.index(each) for each in wanted if each in heads), None)
