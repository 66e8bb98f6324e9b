"""The data files of this folder, each read once and only when it is asked for."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read, and the day it was read there."""

    page: str
    read: date


@cache
def table(name: str) -> dict[str, Any]:
    """The data file `name`, without its ending; callers do not change it."""
    return tomllib.loads(files("bot.clients").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
