"""Views: the questions that can be asked, one `.sql` file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Column:
    """One column a view promises. `type` is TEXT, INTEGER, NUMBER, TIME or FLAG."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A question with its blanks: SQL in Lake's dialect, read from `name`.sql."""

    name: str
    title: str
    about: str
    select: exp.Select
    columns: tuple[Column, ...]
    has_policy: bool
    """Whether the SQL says `:outdated`; a view without it refuses policy words."""
