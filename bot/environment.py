"""How settings are read from the environment: the same for the bot's own and for each engine's."""

from __future__ import annotations

from typing import Final

from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "TLS_AUDIT_"


class Section(BaseSettings):
    """Some of the settings: every field is `TLS_AUDIT_` and its name in capitals, and says what it is for.

    A field that a pattern checks has `examples`, which a person is told who wrote it otherwise. What is
    empty is as good as not set. Once read, nothing changes.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="ignore")
