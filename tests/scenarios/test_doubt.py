"""What was not read reaches whoever asked: in Slack, in a digest, in the terminal, and in what is watched.

`pytest tests/scenarios/test_doubt.py --renew-golden` writes the golden texts anew; read their diff.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bot.archive.archive import Archive
from bot.engines import Sources
from bot.engines.local import Local
from tests.archive.bucket import Object, serving
from tests.conftest import NOW
from tests.scenarios.office import close, open_office, words
from tests.scenarios.on_call import ordered, said, told
from tests.support.logs import quietly

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from bot.question.views import View
    from tests.scenarios.office import Office
    from tests.scenarios.on_call import Trail
    from tests.support.terminal import TlsAudit

MODERN: Final = {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"}
OLD: Final = {"tlsVersion": "TLSv1.1", "cipherSuite": "AES128-SHA", "keyExchange": "secp256r1"}
BROKEN: Final = '{"Records": [{"eventTime": "2026-11-22T10:00:00Z", "eventSource": "s3.amazonaws.com"'
GOLDEN: Final = Path(__file__).parents[1] / "golden" / "doubt"
LEFT_OUT: Final = "1 file of this window could not be read: tls-audit doctor names it."


def event(day: int, number: int, tls: dict[str, str] | None) -> dict[str, Any]:
    """An event of a day of November."""
    made = {
        "eventVersion": "1.10",
        "eventTime": f"2026-11-{day:02}T07:00:{number:02}Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "eventID": f"{day}-{number}",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/alice"},
        "userAgent": "Boto/2.38.0",
        "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
    }
    return made | ({} if tls is None else {"tlsDetails": tls})


WEEK: Final = [event(day, 0, MODERN) for day in range(16, 24)]


@pytest.fixture
def logs(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of logs: events in one file, and other files by name."""

    def make(events: list[dict[str, Any]], **files: str) -> Path:
        folder = tmp_path / "logs"
        folder.mkdir(exist_ok=True)
        (folder / "a.json").write_text(json.dumps({"Records": events}))
        for name, text in files.items():
            (folder / f"{name}.json").write_text(text)
        return folder

    return make


@pytest.fixture
def opened_on(
    tmp_path: Path, catalogue: dict[str, View], closing: list[threading.Thread]
) -> Iterator[Callable[[Path | str], Office]]:
    """Opens an office whose engine has read a folder of logs."""
    stack = ExitStack()

    def open_one(folder: Path | str) -> Office:
        archive = Archive(tmp_path / "archive")
        archive.ingest([str(folder)], progress=quietly)
        engine = Local(archive, memory="1GB", seconds=60, at_once=2)
        return stack.enter_context(open_office(tmp_path, catalogue, [engine], NOW))

    yield open_one
    closing.append(close(stack))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Holds a text, but for its run's id and its seconds, against the golden file of that name."""

    def hold(name: str, text: str) -> None:
        file = GOLDEN / f"{name}.txt"
        text = re.sub(r"\d+\.\d s\b", "… s", re.sub(r"\brun [0-9a-f]{8}\b", "run …", text))
        if request.config.getoption("--renew-golden"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return hold


def state(office: Office, text: str) -> tuple[str, str]:
    """The last line of a question's parent message, and the words under it."""
    run = office.answered(text)
    return words(office.parent(run)).splitlines()[-1], words(office.table(run))


# --- a zero in Slack: the first table of what an attack on the promise found


def test_forty_events_without_tls_details_are_doubted_in_the_parent_and_in_the_thread(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    office = opened_on(logs([event(16 + n % 8, n, None) for n in range(40)]))

    parent, thread = state(office, "last 7d")

    assert parent == "⚠️ No call over TLS older than 1.2 found, but this proves nothing"
    assert "None of these events says its TLS version." in thread


def test_a_key_exchange_that_is_hardly_ever_recorded_proves_nothing_and_is_said_beside_rows(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    recorded = event(22, 1, OLD)
    office = opened_on(logs([*WEEK, recorded]))

    parent, thread = state(office, "last 7d kx=classical min=1.1")
    zero, why = state(office, "last 7d kx=classical min=1.1 service=s3 agent=nobody")

    assert parent.startswith("🔴 1 call")
    assert "do not say their key exchange." in thread
    assert zero.startswith("⚠️ ")
    assert "No event at all was read" in why


def test_a_file_that_cannot_be_read_is_told_to_whoever_asked(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    office = opened_on(logs(WEEK, broken=BROKEN))

    parent, thread = state(office, "last 7d")
    _, versions = state(office, "last 7d by=versions")

    assert parent == "⚠️ No call over TLS older than 1.2 found, but not all was read"
    assert LEFT_OUT in thread
    assert LEFT_OUT in versions
    assert "⚠️" not in versions


def test_a_trail_that_stopped_a_week_ago_is_not_believed(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    office = opened_on(logs([event(16, n, MODERN) for n in range(9)]))

    parent, thread = state(office, "last 7d service=s3")

    assert parent == "⚠️ No call over TLS older than 1.2 to s3 found, but this proves nothing"
    assert "The newest event is of 16 Nov 2026, 7 days before the window ends." in thread


def test_a_day_without_any_event_is_said(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    office = opened_on(logs([each for each in WEEK if "2026-11-19" not in each["eventTime"]]))

    parent, thread = state(office, "last 7d")

    assert parent == "⚠️ No call over TLS older than 1.2 found, but not all was read"
    assert "There is no event at all of 19 Nov 2026." in thread


def test_a_believed_zero_and_findings_bear_their_signs_everywhere(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office]
) -> None:
    office = opened_on(logs([*WEEK, event(22, 1, OLD)]))

    assert state(office, "last 7d min=1.1")[0] == "✅ No call over TLS older than 1.1"
    assert state(office, "last 7d")[0] == "🔴 1 call to 1 service"
    assert state(office, "last 7d by=versions")[0].startswith("8 calls")
    office.type("runs")
    history = words(office.whisper())
    assert "✅ last 7d min=1.1" in history
    assert "believed zero · 0 rows" in history
    assert "🔴 last 7d · " in history
    assert "findings · 1 row" in history


def test_an_answer_in_slack_says_what_was_not_read_word_for_word(
    logs: Callable[..., Path], opened_on: Callable[[Path], Office], golden: Callable[[str, str], None]
) -> None:
    office = opened_on(logs([each for each in WEEK if "2026-11-19" not in each["eventTime"]], broken=BROKEN))

    run = office.answered("last 7d")

    golden("slack", f"{words(office.parent(run))}\n--- in the thread\n{words(office.table(run))}\n")


# --- a digest


def test_a_digest_over_files_that_could_not_be_read_is_not_all_clear(on_call: Office, trail: Trail) -> None:
    trail.calls, trail.known = {}, Sources(left_out={"denied": 2})
    ordered(on_call)

    parent = words(told(on_call))

    assert "⚠️ " in parent
    assert "but this is not all clear." in parent
    assert "2 files of this window could not be read: tls-audit doctor names them." in parent


def test_a_digest_says_what_was_not_read_word_for_word(
    on_call: Office, trail: Trail, golden: Callable[[str, str], None]
) -> None:
    trail.calls, trail.known = {}, Sources(left_out={"denied": 2}, lost=1)
    ordered(on_call)

    golden("digest", f"{words(told(on_call))}\n")


def test_telling_a_digest_now_reads_anew(on_call: Office, trail: Trail) -> None:
    confirmation = ordered(on_call)
    assert "100 calls" in words(told(on_call))
    trail.calls = {"Boto/2.38.0": 230}
    on_call.later(3600)

    on_call.click(confirmation, "tell_now")

    assert "Preview: TLS older than 1.2, the last 24 hours: 1 still open" in words(said(on_call, "230 calls"))


# --- the terminal


@pytest.mark.usefixtures("own_home")
def test_the_terminal_says_what_was_not_read_and_one_bad_file_fails_once(
    logs: Callable[..., Path], tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = logs(WEEK, broken=BROKEN)
    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", str(tmp_path / "archive"))

    first, again = tls_audit("ingest", str(folder)), tls_audit("ingest", str(folder))
    named = tls_audit("ingest", "--verbose", str(folder))
    asked = tls_audit("ask", "2026-11-16..2026-11-23")

    assert (first.code, again.code) == (1, 0)
    assert "broken.json" in first.out
    assert "broken.json" not in again.out
    assert "1 file could not be read before, and still cannot." in again.out
    assert "broken.json" in named.out
    assert asked.code == 0
    assert "⚠️ No call over TLS older than 1.2 found, but not all was read." in asked.out
    assert "1 file of this window could not be read: `tls-audit doctor` names it." in asked.out

    monkeypatch.setenv("TLS_AUDIT_LOGS_EXCEPT", "broken.*")
    assert tls_audit("ingest", str(folder)).code == 0
    assert "✅ No call over TLS older than 1.2." in tls_audit("ask", "2026-11-16..2026-11-23").out


@pytest.mark.usefixtures("own_home")
def test_an_answer_in_the_terminal_says_what_was_not_read_word_for_word(
    logs: Callable[..., Path],
    tls_audit: TlsAudit,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    golden: Callable[[str, str], None],
) -> None:
    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("COLUMNS", "100")
    days = [each for each in WEEK if "2026-11-19" not in each["eventTime"]]
    tls_audit("ingest", str(logs(days, broken=BROKEN)))

    asked = tls_audit("ask", "2026-11-16..2026-11-24")

    golden("terminal", asked.out)


@pytest.mark.usefixtures("own_home")
def test_a_cap_for_answers_caps_nothing_that_they_are_judged_by(
    logs: Callable[..., Path], tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    many = [event(16, n, MODERN) | {"eventSource": f"s{n}.amazonaws.com"} for n in range(9)]
    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("TLS_AUDIT_MAX_ROWS", "2")
    tls_audit("ingest", str(logs(many)))

    assert "9 events read" in tls_audit("ask", "2026-11-16").out


# --- S3: archived, denied, a folder, gone


@pytest.mark.usefixtures("own_home")
def test_objects_that_cannot_be_read_are_told_everywhere_and_the_others_are_read(
    tls_audit: TlsAudit,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    opened_on: Callable[[str], Office],
) -> None:
    day = "AWSLogs/1/CloudTrail/eu-west-1/2026/11/20/1_CloudTrail_eu-west-1_20261120T1005Z_{}.json"
    good = json.dumps({"Records": WEEK}).encode()
    with serving() as bucket:
        for name, value in {
            "AWS_ENDPOINT_URL_S3": bucket.url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_MAX_ATTEMPTS": "1",
            "TLS_AUDIT_ARCHIVE": str(tmp_path / "archive"),
            "TLS_AUDIT_LOGS": "s3://logs/AWSLogs",
        }.items():
            monkeypatch.setenv(name, value)
        bucket.objects = {
            "AWSLogs/": Object(b""),
            day.format("good"): Object(good),
            day.format("cold"): Object(good, storage="DEEP_ARCHIVE"),
            day.format("kms"): Object(good, refusal=(403, "AccessDenied", "no kms:Decrypt")),
            day.format("gone"): Object(good, refusal=(404, "NoSuchKey", "gone")),
        }
        asked = tls_audit("ask", "2026-11-16..2026-11-23")
        before = tls_audit("ask", "2026-11-16..2026-11-18")
        doctor = tls_audit("doctor")
        office = opened_on("s3://logs/AWSLogs")

        parent, thread = state(office, "2026-11-16..2026-11-23")

        engine = Local(Archive(tmp_path / "archive"), memory="1GB", seconds=60, at_once=2)
        checks = [each for each in engine.checks(is_default=True) if each.warns]

    assert asked.code == 0
    assert "⚠️ No call over TLS older than 1.2 found, but not all was read. 7 events read" in asked.out
    assert "3 files of this window could not be read: `tls-audit doctor` names them." in asked.out
    assert "✅ No call over TLS older than 1.2." in before.out, "they are of another day"
    assert (doctor.code, doctor.out.count("✗")) == (0, 0), "they are known, and the others are read"
    assert "! 3 files could not be read, or not all of it:" in doctor.out
    assert parent.startswith("⚠️ ")
    assert "3 files of this window could not be read" in thread
    (named,) = checks
    assert named.passed
    assert "it is archived (DEEP_ARCHIVE)" in named.what
    assert "AccessDenied" in named.what
    assert "kms:Decrypt" in named.what
    assert "it was deleted meanwhile" in named.what
    known = Archive(tmp_path / "archive").sources()
    assert {str(outcome): count for outcome, count in known.outcomes.items()} == {
        "archived": 1,
        "denied": 1,
        "gone": 1,
    }
