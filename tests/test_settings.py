from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from bot import engines, settings
from bot.engines.lake.engine import LakeSettings
from bot.engines.local import LocalSettings
from bot.environment import Section
from bot.errors import UserError

_S = TypeVar("_S", bound=Section)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in settings.names().values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def own(engine: str, section: type[_S]) -> _S:
    """An engine's own settings, as they are loaded."""
    loaded = settings.load().engines[engine]
    assert isinstance(loaded, section)
    return loaded


def test_without_any_setting_the_embedded_engine_answers_from_the_data_folder(tmp_path: Path) -> None:
    chosen = settings.load()

    assert chosen.engine == "local"
    assert chosen.logs == ""
    assert chosen.views is None
    assert chosen.archive_folder == tmp_path / ".local/share/tls-audit/archive"


def test_the_data_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")

    assert settings.load().archive_folder == Path("/somewhere/tls-audit/archive")


def test_the_archive_can_be_elsewhere_than_the_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TLS_AUDIT_DATA", "~/data")
    assert settings.load().archive_folder == tmp_path / "data/archive"

    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", "~/parquet")
    assert settings.load().archive_folder == tmp_path / "parquet"


def test_a_folder_is_where_it_was_when_the_process_began(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLS_AUDIT_VIEWS", "mine")

    assert settings.load().views == tmp_path / "mine"


def test_an_empty_setting_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_MAX_ROWS", "")
    monkeypatch.setenv("TLS_AUDIT_VIEWS", "")

    assert settings.load().max_rows == 1_000_000
    assert settings.load().views is None


@pytest.mark.parametrize("memory", ["2GB", "500MB", "1GiB", "800 MB"])
def test_memory_is_said_as_people_say_it(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOCAL_MEMORY", memory)

    assert own("local", LocalSettings).local_memory == memory


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("ENGINE", "oracle", "write 'local', 'lake', 'athena' or 'cloudwatch'."),
        ("MAX_WINDOW", "0", "write a whole number from 1 to 3653, as in 366."),
        ("MAX_WINDOW", "a year", "write a whole number from 1 to 3653, as in 366."),
        ("MAX_ROWS", "-1", "write a whole number from 1, as in 1000000."),
        ("LOCAL_SECONDS", "0", "write a number above 0, as in 600."),
        ("LOCAL_MEMORY", "lots", "write it as 2GB"),
        ("LOCAL_MEMORY", "0GB", "write it as 2GB"),
        ("LOCAL_MEMORY", "80%", "write it as 2GB"),
        ("LAKE_CONCURRENCY", "11", "write a whole number from 1 to 10, as in 8."),
        ("LAKE_DELIVERY", "bucket/prefix", "write it as s3://bucket/prefix"),
        ("CONFIRM_GB", "0", "write a number above 0."),
        ("CONFIRM_GB", "much", "write a number above 0."),
        ("STATUS_PORT", "http", "write a whole number from 0 to 65535."),
        ("REUSE", "-1", "write a number from 0, as in 10."),
        ("USERS", "alice", "write it as ids: U012AB3CD,S045EF6GH."),
        ("USERS", "U012AB3CD,@bob", "write it as ids: "),
        ("CHANNELS", "#security", "write it as ids: C012AB3CD,G045EF6GH."),
        ("CHANNELS", "security", "write it as ids: "),
        ("ADMINS", "S045EF6GH", "write it as ids: U012AB3CD,W045EF6GH."),
    ],
)
def test_a_wrong_setting_names_itself_its_value_and_the_reason(
    name: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TLS_AUDIT_{name}", value)

    with pytest.raises(UserError) as caught:
        settings.load()

    assert caught.value.message.startswith(f"TLS_AUDIT_{name}={value!r}: ")
    assert why in caught.value.message
    assert "docs/settings.md" in caught.value.hint


def test_every_wrong_setting_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOG", "logs")
    monkeypatch.setenv("TLS_AUDIT_ENGINE", "oracle")
    monkeypatch.setenv("TLS_AUDIT_MAX_ROWS", "many")

    with pytest.raises(UserError) as caught:
        settings.load()

    lines = caught.value.message.splitlines()
    assert lines[0] == "No setting TLS_AUDIT_LOG: did you mean TLS_AUDIT_LOGS?"
    assert [line.partition("=")[0] for line in lines[1:]] == ["TLS_AUDIT_ENGINE", "TLS_AUDIT_MAX_ROWS"]


def test_a_setting_like_no_other_is_named_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_QWXZ", "1")

    with pytest.raises(UserError, match=r"^No setting TLS_AUDIT_QWXZ\."):
        settings.load()


def test_settings_do_not_change_once_read() -> None:
    chosen = settings.load()

    with pytest.raises(ValueError, match="frozen"):
        chosen.max_rows = 5
    with pytest.raises(ValueError, match="frozen"):
        own("local", LocalSettings).local_seconds = 5


def test_no_two_parts_of_the_settings_have_a_name_in_common() -> None:
    own_names = [set(engines.find(name).Settings.model_fields) for name in engines.ENGINES]

    assert len(set(settings.Settings.model_fields).union(*own_names)) == sum(
        map(len, own_names), len(settings.Settings.model_fields)
    )


def test_what_is_wrong_with_an_engines_own_settings_is_reported_with_all_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LAKE_PRIZE", "1")
    monkeypatch.setenv("TLS_AUDIT_LOCAL_MEMORY", "lots")
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", "mine")
    monkeypatch.setenv("TLS_AUDIT_KEEP", "0")

    with pytest.raises(UserError) as caught:
        settings.load()

    unknown, keep, memory, store = caught.value.message.splitlines()
    assert unknown == "No setting TLS_AUDIT_LAKE_PRIZE: did you mean TLS_AUDIT_LAKE_PRICE?"
    assert keep.startswith("TLS_AUDIT_KEEP=")
    assert memory.startswith("TLS_AUDIT_LOCAL_MEMORY=")
    assert store.startswith("TLS_AUDIT_EVENT_DATA_STORE: `mine` is no event data store.")


def test_stores_are_read_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    store = "7e5d2c1a-9b3f-4e6d-8a70-0c1d2e3f4a5b"
    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", f"prod={store}")
    assert list(own("lake", LakeSettings).stores) == ["prod"]

    monkeypatch.setenv("TLS_AUDIT_EVENT_DATA_STORE", "prod=mine")
    with pytest.raises(UserError, match="TLS_AUDIT_EVENT_DATA_STORE: `prod=mine` is no event data store"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("USERS", "U012AB3CD"),
        ("USERS", " U_ALICE, W045EF6GH S_ONCALL,"),
        ("CHANNELS", "C_SECURITY,G045EF6GH, D012AB3CD"),
        ("ADMINS", "U_ALICE,U_BOB"),
    ],
)
def test_people_and_places_are_named_by_their_ids(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TLS_AUDIT_{name}", value)

    assert getattr(settings.load(), name.lower()) == value


def test_slacks_address_is_one_of_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://127.0.0.1:8765/api/")
    assert settings.load().slack_api_url == "http://127.0.0.1:8765/api/"

    monkeypatch.setenv("SLACK_API_URL", "foo")
    with pytest.raises(UserError, match=r"^SLACK_API_URL='foo': write it as https://slack\.com/api/\."):
        settings.load()


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://bot:pa[s:s@host/runs", ["pa[s:s"]),
        ("postgresql://bot:p%40ss@host:5432/runs", ["p%40ss", "p@ss"]),
        ("postgresql://bot@host/runs", []),
        ("sqlite:////data/a:b@c.sqlite", []),
    ],
)
def test_the_databases_password_is_a_secret_whatever_it_holds(url: str, secrets: list[str]) -> None:
    assert settings.Settings(database_url=url).secrets == secrets


# --- secrets from files

TOKENS = {"SLACK_BOT_TOKEN": "xoxb-not-a-secret", "SLACK_APP_TOKEN": "xapp-not-a-secret"}
URL = "postgresql://bot:not-a-secret@host/runs"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secrets_may_lie_in_files_without_or_with_their_lines_end(
    end: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {**TOKENS, "TLS_AUDIT_DATABASE_URL": URL}.items():
        (tmp_path / name).write_text(value + end)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))

    chosen = settings.load()

    assert chosen.slack_bot_token.get_secret_value() == TOKENS["SLACK_BOT_TOKEN"]
    assert chosen.slack_app_token.get_secret_value() == TOKENS["SLACK_APP_TOKEN"]
    assert chosen.database == URL
    assert set(chosen.secrets) == {*TOKENS.values(), "not-a-secret"}


def test_a_token_in_the_environment_loses_its_lines_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-not-a-secret\n")

    assert settings.load().slack_bot_token.get_secret_value() == "xoxb-not-a-secret"


@pytest.mark.parametrize("name", [*TOKENS, "TLS_AUDIT_DATABASE_URL"])
def test_a_secret_that_is_set_twice_is_not_guessed(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    value = TOKENS.get(name, URL)
    (tmp_path / "held").write_text(value)
    monkeypatch.setenv(name, value)
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "held"))

    with pytest.raises(UserError) as caught:
        settings.load()

    assert caught.value.message == f"{name} and {name}_FILE are both set: keep one."


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (None, "cannot be read: No such file or directory."),
        (b"", "is empty."),
        (b"\n", "is empty."),
        (b"xoxb-not-a-secret\nxapp-not-a-secret\n", "holds several lines, and not one secret."),
        (b"\xff\xfe", "holds no text."),
    ],
)
def test_a_file_without_a_secret_is_named_with_the_reason_and_all_else_that_is_wrong(
    held: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "held"
    if held is not None:
        path.write_bytes(held)
    monkeypatch.setenv("SLACK_BOT_TOKEN_FILE", str(path))
    monkeypatch.setenv("TLS_AUDIT_KEEP", "0")

    with pytest.raises(UserError) as caught:
        settings.load()

    keep, file = sorted(caught.value.message.splitlines(), reverse=True)
    assert keep.startswith("TLS_AUDIT_KEEP=")
    assert file == f"SLACK_BOT_TOKEN_FILE {str(path)!r} {why}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-not-a-secret"),
        ("SLACK_APP_TOKEN", "xapp-no"),
        ("TLS_AUDIT_DATABASE_URL", URL),
    ],
)
def test_a_secret_where_its_files_name_should_be_is_not_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{name}_FILE", value)

    with pytest.raises(UserError) as caught:
        settings.load()

    assert caught.value.message == f"{name}_FILE takes a file's name, and holds the secret itself."


def test_tokens_that_are_swapped_are_recognised_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKENS["SLACK_APP_TOKEN"])
    monkeypatch.setenv("SLACK_APP_TOKEN", TOKENS["SLACK_BOT_TOKEN"])

    with pytest.raises(UserError) as caught:
        settings.load()

    assert caught.value.message.splitlines() == [
        "SLACK_BOT_TOKEN holds an app-level token (xapp-…), and takes a bot's token (xoxb-…).",
        "SLACK_APP_TOKEN holds a bot's token (xoxb-…), and takes an app-level token (xapp-…).",
    ]


def test_a_swapped_token_is_recognised_in_a_file_as_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "held").write_text(TOKENS["SLACK_BOT_TOKEN"])
    monkeypatch.setenv("SLACK_APP_TOKEN_FILE", str(tmp_path / "held"))

    with pytest.raises(UserError, match=r"^SLACK_APP_TOKEN holds a bot's token \(xoxb-…\)"):
        settings.load()
