"""Settings: the only reader of the environment, and of the files in which it says that secrets lie.

AWS's own variables are boto3's alone.
"""

from __future__ import annotations

import difflib
import os
import re
from datetime import date  # noqa: TC003 - pydantic needs it
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from bot import engines, secrets
from bot.environment import PREFIX, Section
from bot.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationInfo
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails


_TOKENS: Final = {"xoxb-": "a bot's token", "xapp-": "an app-level token", "xoxp-": "a person's token"}
"""What Slack's tokens begin with (docs: tokens), and what each is."""


_IS_SECRET: Final = re.compile(r"xox[a-z]-|xapp-|[a-z+]+://", re.IGNORECASE)
"""A token or a database's URL, where the name of its file should be."""


def _held(path: str) -> SecretStr:
    """The secret in the file `path`, without the line's end that editors leave."""
    if _IS_SECRET.match(path):
        raise _wrong("takes a file's name, and holds the secret itself")
    try:
        held = Path(path).expanduser().read_text(encoding="utf-8").strip("\r\n")
    except OSError as error:
        raise _wrong(f"{path!r} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _wrong(f"{path!r} holds no text") from error
    if not held.strip():
        raise _wrong(f"{path!r} is empty")
    if "\n" in held:
        raise _wrong(f"{path!r} holds several lines, and not one secret")
    return SecretStr(held)


def _wrong(words: str) -> PydanticCustomError:
    """What is wrong with a secret, in words that follow its name and do not show it."""
    return PydanticCustomError("secret", "{words}", {"words": words})


_SecretFile = Annotated[SecretStr, BeforeValidator(_held)]
"""A secret that the environment names the file of, as systemd, Kubernetes and Docker hand them over."""


def _data_folder() -> Path:
    # the XDG base directory specification, 0.8
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "tls-audit"


def _ids(kinds: str) -> str:
    """The pattern of Slack's ids, each of which begins with a letter for its kind (docs: conversations, users
    and usergroups). A name would let nobody in, and say so to nobody."""
    return rf"^[\s,]*([{kinds}][A-Z0-9_]+([\s,]+|$))*$"


class Settings(Section):
    """What the environment asks for, but for what is an engine's own."""

    engine: str = Field(default=engines.DEFAULT_ENGINE, description="The engine that answers.")
    logs: str = Field(
        default="",
        description="CloudTrail log files: folders, or `s3://bucket/prefix`, separated by commas.",
    )
    logs_queue: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+(/[^/\s]+)+)?$",
        examples=["a queue's URL: https://sqs.eu-west-1.amazonaws.com/111122223333/trail"],
        description="The URL of a queue of SQS that S3 tells of new log files, for `serve`; unset: none.",
    )
    since: date | None = Field(
        default=None,
        examples=["a day, 2026-11-01"],
        description="The first day that is read of folders that tell theirs; unset: all that is there.",
    )
    logs_except: str = Field(
        default="",
        examples=["patterns: *.tmp,tmp/*"],
        description="What not to read there: patterns such as `*.tmp` or `tmp/*`, separated by commas.",
    )
    data: Path = Field(default_factory=_data_folder, description="The folder for what the bot keeps.")
    archive: Path | None = Field(
        default=None, description="The embedded engine's Parquet; `archive` in the data folder."
    )
    archive_keep: int | None = Field(
        default=None, ge=1, description="Days for which the archive keeps events; unset: for ever."
    )
    views: Path | None = Field(default=None, description="A folder of your own views, `.sql` files.")
    accounts: Path | None = Field(
        default=None, description="A file of accounts and their names, as AWS Organizations exports it."
    )
    owners: Path | None = Field(
        default=None, description="A file that says which team owns what: YAML, or CSV by its suffix `.csv`."
    )
    max_window: int = Field(
        default=366, ge=1, le=3653, description="The longest window of a question, in days."
    )
    max_rows: int = Field(default=1_000_000, ge=1, description="The most rows an answer may have.")
    reuse: float = Field(
        default=10, ge=0, description="Minutes in which the same question gets the same answer, unpaid."
    )
    confirm_gb: float | None = Field(
        default=None, gt=0, description="Gigabytes above which the asker is asked first; unset: never."
    )

    database_url_file: _SecretFile = Field(
        default=SecretStr(""),
        validate_default=False,
        description="A file with the database's URL, instead.",
    )
    database_url: str = Field(
        default_factory=lambda read: read["database_url_file"].get_secret_value(),
        description="`sqlite:///…` or `postgresql://…`; `runs.sqlite` in the data folder.",
    )
    users: str = Field(
        default="",
        pattern=_ids("UWS"),
        examples=["ids: U012AB3CD,S045EF6GH"],
        description="Who may ask: ids of people and user groups, separated by commas; unset: all but guests.",
    )
    channels: str = Field(
        default="",
        pattern=_ids("CGD"),
        examples=["ids: C012AB3CD,G045EF6GH"],
        description="Where they may ask: ids of channels; unset: everywhere but in channels shared outside.",
    )
    admins: str = Field(
        default="",
        pattern=_ids("UW"),
        examples=["ids: U012AB3CD,W045EF6GH"],
        description="Who may always ask, and cancel and delete what others asked: ids, separated by commas.",
    )
    digests_by: str = Field(
        default="owner",
        pattern="^(owner|channel)$",
        examples=["owner", "channel"],
        description="Who changes a digest beside admins: its `owner`, or everyone in its `channel`.",
    )
    max_questions: int = Field(default=30, ge=1, description="Questions that a person may ask in a minute.")
    max_forms: int = Field(default=60, ge=1, description="Forms that a person may open in a minute.")
    max_digests: int = Field(default=50, ge=1, description="Digests that a person may have.")
    max_characters: int = Field(
        default=10_000, ge=100, description="The longest question or order, in characters."
    )
    keep: int = Field(default=90, ge=1, description="Days for which runs, files and findings are kept.")
    stale: float = Field(
        default=6, gt=0, description="Hours without a new event after which a digest says so."
    )
    status_port: int | None = Field(
        default=None, ge=0, le=65535, description="The port of `/healthz` and `/metrics`; unset: none."
    )
    status_host: str = Field(default="127.0.0.1", description="The address they are served at.")
    slack_bot_token_file: _SecretFile = Field(
        default=SecretStr(""),
        validate_default=False,
        validation_alias="SLACK_BOT_TOKEN_FILE",
        description="A file with the bot's token, instead.",
    )
    slack_bot_token: SecretStr = Field(
        default_factory=lambda read: read["slack_bot_token_file"],
        validation_alias="SLACK_BOT_TOKEN",
        description="The bot's token, `xoxb-…`.",
    )
    slack_app_token_file: _SecretFile = Field(
        default=SecretStr(""),
        validate_default=False,
        validation_alias="SLACK_APP_TOKEN_FILE",
        description="A file with the app-level token, instead.",
    )
    slack_app_token: SecretStr = Field(
        default_factory=lambda read: read["slack_app_token_file"],
        validation_alias="SLACK_APP_TOKEN",
        description="The app-level token for Socket Mode, `xapp-…`.",
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias="SLACK_API_URL",
        pattern=r"^https?://.+",
        examples=["https://slack.com/api/"],
        description="The Web API's base.",
    )

    @field_validator("slack_bot_token", "slack_app_token", mode="before")
    @classmethod
    def _strip(cls, token: object) -> object:
        # a secret that comes from a file often ends with a line end, which no header may hold
        said = token.get_secret_value() if isinstance(token, SecretStr) else token
        if isinstance(said, str):
            said = said.strip()
            if not (said.isascii() and said.isprintable() and " " not in said):
                raise PydanticCustomError("unusable_token", "as Slack shows it, in one line")
        return said

    @field_validator("data", "archive", "views", "accounts", "owners")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("engine")
    @classmethod
    def _is_one(cls, name: str) -> str:
        if name not in engines.ENGINES:
            *others, last = (repr(each) for each in engines.ENGINES)
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise PydanticCustomError("unknown_engine", "{wanted}", {"wanted": wanted})
        return name

    @field_validator("slack_bot_token", "slack_app_token")
    @classmethod
    def _is_the_right_one(cls, token: SecretStr, about: ValidationInfo) -> SecretStr:
        bare = token.get_secret_value()
        wanted = {"slack_bot_token": "xoxb-", "slack_app_token": "xapp-"}[str(about.field_name)]
        for begins, what in _TOKENS.items():
            if bare.startswith(begins) and begins != wanted:
                raise _wrong(f"holds {what} ({begins}…), and takes {_TOKENS[wanted]} ({wanted}…)")
        return token

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        for secret in ("database_url", "slack_bot_token", "slack_app_token"):
            if {secret, f"{secret}_file"} <= self.model_fields_set:
                name = names()[secret]
                raise ValueError(f"{name} and {name}_FILE are both set: keep one.")
        return self

    @cached_property
    def engines(self) -> Mapping[str, Section]:
        """Each engine's own settings, by its name in `bot.engines.ENGINES`, read when they are asked for."""
        return engines.Each(engines.ENGINES, lambda name: engines.find(name).Settings())

    @property
    def places(self) -> tuple[str, ...]:
        """Where the log files are. A folder that is there may have a comma in its name."""
        if Path(self.logs).expanduser().exists():
            return (self.logs,) if self.logs else ()
        return tuple(place for each in self.logs.split(",") if (place := each.strip()))

    @property
    def left_out(self) -> tuple[str, ...]:
        """The patterns of what is not to be read."""
        return tuple(part for each in self.logs_except.split(",") if (part := each.strip()))

    @property
    def database(self) -> str:
        """The URL of the database of runs, for SQLAlchemy."""
        return self.database_url or f"sqlite:///{self.data / 'runs.sqlite'}"

    @property
    def secrets(self) -> list[str]:
        """What must not be written anywhere."""
        tokens = [self.slack_bot_token.get_secret_value(), self.slack_app_token.get_secret_value()]
        held = [*tokens, *secrets.of_url(self.database_url), *secrets.of_environment(os.environ)]
        return [secret for secret in dict.fromkeys(held) if secret]

    @property
    def archive_folder(self) -> Path:
        """Where the archive is."""
        return self.archive or self.data / "archive"


def load() -> Settings:
    """The settings of this process. UserError names every setting that is wrong, at once."""
    problems: list[str] = []
    sections: list[Section] = []
    # an engine is imported for its settings only where one may be set: most questions are asked of one engine
    own = {_name(field, about) for field, about in Settings.model_fields.items()}
    others = [name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in own]
    if others:
        known = set(names().values())
        problems = [_unknown(name) for name in others if name.startswith(PREFIX) and name not in known]
    for section in _sections() if others else [Settings]:
        try:
            sections.append(section())
        except ValidationError as error:
            # a secret is taken from its file only where that could be read, of which a line tells already
            problems += [
                _explain(problem)
                for problem in error.errors()
                if problem["type"] != "default_factory_not_called"
            ]
    if problems:
        raise UserError("\n".join(problems), "docs/settings.md lists every setting.")
    return next(each for each in sections if isinstance(each, Settings))


def names() -> dict[str, str]:
    """Every setting's name in the environment, by its field's."""
    return {field: _name(field, about) for field, about in fields().items()}


def fields() -> dict[str, FieldInfo]:
    """What there is to know of every setting, the bot's own first and then each engine's, by its field."""
    return {field: about for section in _sections() for field, about in section.model_fields.items()}


def _sections() -> list[type[Section]]:
    return [Settings, *(engines.find(name).Settings for name in engines.ENGINES)]


def _name(field: str, about: FieldInfo) -> str:
    return str(about.validation_alias or PREFIX + field.upper())


def _unknown(name: str) -> str:
    # without the prefix, which makes any two names look alike
    ours = {each.removeprefix(PREFIX): each for each in names().values()}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), ours, n=1)
    return f"No setting {name}" + (f": did you mean {ours[near[0]]}?" if near else ".")


def _explain(problem: ErrorDetails) -> str:
    if not problem["loc"]:
        return problem["msg"].removeprefix("Value error, ")
    # pydantic names a field as it was looked for: some by their names in the environment
    ours = {name: field for field, name in names().items()}
    field = ours.get(str(problem["loc"][0]), str(problem["loc"][0]))
    about = fields()[field]
    if problem["type"] == "secret":
        return f"{names()[field]} {problem['msg']}."
    if about.examples:
        wanted = f"it as {' or '.join(about.examples)}"
    elif problem["type"] in ("unknown_engine", "unusable_token"):
        wanted = problem["msg"]
    else:
        wanted = _number(about)
    shown = (
        secrets.HIDDEN if about.annotation is SecretStr else secrets.Secrets().hide(repr(problem["input"]))
    )
    return f"{names()[field]}={shown}: write {wanted}."


def _number(about: FieldInfo) -> str:
    """The numbers a setting may be: `a whole number from 1 to 10, as in 8`."""
    words = ["a whole number" if about.annotation in (int, int | None) else "a number"]
    for each in about.metadata:
        words += [
            f"{word} {getattr(each, bound)}"
            for bound, word in (("ge", "from"), ("gt", "above"), ("le", "to"))
            if hasattr(each, bound)
        ]
    return " ".join(words) + (f", as in {about.default}" if about.default is not None else "")
