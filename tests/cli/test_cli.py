"""The command line, from the console script's entry to exit codes, stdout and stderr."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.archive.ledger import LOCK
from tests.support.logs import odd_records, write_logs
from tests.support.terminal import SCRIPT

if TYPE_CHECKING:
    from bot.archive.archive import Archive
    from tests.support.terminal import TlsAudit

REAL_LOGS = Path(__file__).parents[3] / "shared" / "data" / "cloudtrail"
FORTNIGHT = "2026-11-09..2026-11-23"


@pytest.fixture(autouse=True)
def _own_home(own_home: None) -> None:
    del own_home


@pytest.fixture
def _filled(monkeypatch: pytest.MonkeyPatch, archive: Archive) -> None:
    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", str(archive.folder))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- an answer


@pytest.mark.usefixtures("_filled")
def test_an_answer_is_a_title_a_table_a_line_and_cards_on_stdout(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", FORTNIGHT, "service=s3", "by=clients")

    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0] == (
        "Calls over TLS older than 1.2 to s3, by client · Mon 9 Nov 00:00 – Mon 23 Nov 00:00 UTC"
    )
    assert lines[2].split() == ["Calls", "TLS", "Client", "Principals"]
    assert any("Boto/2.49.0 Python/2.7.5" in line for line in lines)
    cards = lines.index("What to do about it")
    assert "events read" in lines[cards - 2]
    assert lines[cards - 2].endswith(" s")
    assert lines[cards + 2].endswith(" calls")
    assert lines[cards + 3] == "Calls itself Boto 2.49.0, Python 2.7.5 on Linux 3.10.0"


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("words", [["-q"], ["-f", "csv"], ["by=services"]])
def test_who_wants_rows_alone_gets_no_cards(tls_audit: TlsAudit, words: list[str]) -> None:
    done = tls_audit("ask", FORTNIGHT, *(["by=clients"] if words[0][0] == "-" else []), *words)

    assert "What to do" not in done.out + done.err


@pytest.mark.usefixtures("_filled")
def test_one_word_or_many_are_one_question(tls_audit: TlsAudit) -> None:
    split, joined = (
        tls_audit("ask", *words, "--format", "csv")
        for words in ([FORTNIGHT, "service=s3"], [f"{FORTNIGHT} service=s3"])
    )

    assert split.out == joined.out != ""


@pytest.mark.usefixtures("_filled")
def test_csv_is_all_that_stdout_gets_and_the_words_go_to_stderr(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", FORTNIGHT, "--format", "csv")

    assert done.code == 0
    assert set(rows_of(done.out)[0]) == {"eventSource", "numOutdatedTlsCalls"}
    assert done.err.startswith("Calls over TLS older than 1.2 · ")
    assert "events read" in done.err


@pytest.mark.usefixtures("_filled")
def test_json_and_csv_hold_the_same(tls_audit: TlsAudit) -> None:
    as_csv = tls_audit("ask", FORTNIGHT, "by=services", "--format", "csv")
    as_json = tls_audit("ask", FORTNIGHT, "by=services", "--format", "json")

    expected = [
        {**row, "numOutdatedTlsCalls": int(row["numOutdatedTlsCalls"])} for row in rows_of(as_csv.out)
    ]
    assert json.loads(as_json.out) == expected != []


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "markdown", "table"])
def test_output_takes_the_rows_and_leaves_the_words_on_stdout(
    form: str, tls_audit: TlsAudit, tmp_path: Path
) -> None:
    done = tls_audit("ask", FORTNIGHT, "--format", form, "--output", str(tmp_path / "rows"))

    assert (done.code, done.err) == (0, "")
    assert "s3" in (tmp_path / "rows").read_text()
    assert "s3" not in done.out
    assert "events read" in done.out


@pytest.mark.usefixtures("_filled")
def test_a_file_is_written_as_its_suffix_says_and_how_many_rows_is_told(
    tls_audit: TlsAudit, tmp_path: Path
) -> None:
    answers = {
        suffix: tls_audit("ask", FORTNIGHT, "by=services", "-o", str(tmp_path / f"rows.{suffix}"))
        for suffix in ("csv", "json", "ndjson", "md", "txt")
    }

    rows = json.loads((tmp_path / "rows.json").read_text())
    assert f"wrote {len(rows)} rows to {tmp_path / 'rows.json'}" in answers["json"].out
    lines = (tmp_path / "rows.ndjson").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert len(rows_of((tmp_path / "rows.csv").read_text())) == len(rows)
    assert (tmp_path / "rows.md").read_text().startswith("| Service | Calls |\n| --- | ---: |\n| ")
    assert (tmp_path / "rows.txt").read_text().startswith("Calls  Service")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("_filled")
def test_a_file_that_could_not_be_written_whole_stays_as_it_was(tls_audit: TlsAudit, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("before")
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, most))
    try:
        done = tls_audit("ask", FORTNIGHT, "by=services", "-o", str(tmp_path / "rows.csv"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        signal.signal(signal.SIGXFSZ, before)

    assert done.code == 1
    assert "The answer could not be written: File too large." in done.err
    assert [path.read_text() for path in tmp_path.glob("*rows*")] == ["before"]


@pytest.mark.usefixtures("_filled")
def test_a_quiet_answer_is_its_rows_and_nothing_else(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", FORTNIGHT, "by=services", "-q", "-f", "csv")
    table = tls_audit("ask", FORTNIGHT, "by=services", "-q")

    assert (done.err, table.err) == ("", "")
    assert table.out.startswith("Calls  Service")
    assert "read" not in table.out


@pytest.mark.usefixtures("_filled")
def test_a_question_is_read_from_stdin(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", "-", "-f", "csv", typed=f"{FORTNIGHT} service=s3\n")

    assert done.out == tls_audit("ask", FORTNIGHT, "service=s3", "-f", "csv").out != ""


@pytest.mark.usefixtures("_filled")
@pytest.mark.parametrize(
    ("words", "code"),
    [("service=s3", 3), ("service=iam", 0), ("service=nosuchservice", 4), ("versions", 2)],
)
def test_findings_and_an_unsure_zero_fail_whoever_asks_for_that(
    words: str, code: int, tls_audit: TlsAudit
) -> None:
    assert tls_audit("ask", FORTNIGHT, words, "--fail-on-findings").code == code
    assert tls_audit("ask", FORTNIGHT, words).code == 0


@pytest.mark.usefixtures("_filled")
def test_a_plain_question_is_answered_with_the_words_that_it_was_read_as(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", "which", "clients", "use", "old", "tls", "on", "s3", f"{FORTNIGHT}", "--sql")
    shown = tls_audit("ask", "which clients use old tls on s3", FORTNIGHT)

    assert "userAgent" in done.out
    assert shown.out.splitlines()[1] == f"Read as: by=clients {FORTNIGHT} service=s3"


def test_an_option_that_is_a_word_of_the_question_is_one(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", "last", "7d", "--service", "s3", "--sql")

    assert (done.code, done.err) == (0, "")
    assert "'s3.amazonaws.com'" in done.out


def test_what_can_be_meant_in_two_ways_is_asked_back(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", "by service and region")

    assert (done.code, done.out) == (2, "")
    assert done.err == "I can read that in two ways.\nAsk `by=services` or `by=regions`.\n"


@pytest.mark.parametrize("typed", [["help"], ["help", "me"]])
def test_help_is_what_asks_for_it_get(typed: list[str], tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", *typed)

    assert (done.code, done.err) == (0, "")
    assert "tls-audit ask last 7d service=s3" in done.out


def test_help_says_what_exit_codes_mean(tls_audit: TlsAudit) -> None:
    for arguments in (["--help"], ["ask", "--help"]):
        said = " ".join(tls_audit(*arguments).out.split())
        assert "0 an answer, 1 a failure, 2 a bad question" in said


def test_a_port_that_is_none_is_a_sentence(tls_audit: TlsAudit) -> None:
    done = tls_audit("demo", "--port", "99999", "--no-browser")

    assert done.code == 2
    assert "less than or equal to 65535" in " ".join(done.err.split())
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("_filled")
def test_a_zero_says_why_it_may_be_believed(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", FORTNIGHT, "service=iam")

    assert done.code == 0
    assert "No call over TLS older than 1.2 to iam." in done.out
    assert "AWS refuses older handshakes" in done.out
    assert "---" not in done.out


@pytest.mark.usefixtures("_filled")
def test_hostile_names_act_neither_on_a_screen_nor_in_a_spreadsheet(tls_audit: TlsAudit) -> None:
    table = tls_audit("ask", FORTNIGHT, "by=clients").out
    cells = [
        row["userAgent"] for row in rows_of(tls_audit("ask", FORTNIGHT, "by=clients", "--format", "csv").out)
    ]

    assert "line\\nbreak \\u202etxt.exe \\u0000nul" in table
    assert "line\\nbreak \\u202etxt.exe \\u0000nul" in cells
    assert "'=cmd|' /C calc'!A0" in cells


def test_sql_prints_what_would_run_and_needs_no_events(tls_audit: TlsAudit, tmp_path: Path) -> None:
    done = tls_audit("ask", FORTNIGHT, "agent=it's", "--sql")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("SELECT\n")
    assert "'%it''s%'" in done.out
    assert not (tmp_path / "home").exists()


def test_the_sample_says_that_it_is_one(tls_audit: TlsAudit, tmp_path: Path) -> None:
    done = tls_audit("ask", "last 7d", "--sample", "--format", "csv")

    assert done.code == 0
    assert done.err.startswith("SAMPLE DATA, invented")
    assert {row["eventSource"] for row in rows_of(done.out)} >= {"s3.amazonaws.com", "dynamodb.amazonaws.com"}
    assert not (tmp_path / "home").exists()


# --- where events come from


def test_without_logs_there_is_an_error_with_a_hint_and_never_a_sample(
    tls_audit: TlsAudit,
) -> None:
    done = tls_audit("ask", "last 7d")

    assert (done.code, done.out) == (2, "")
    assert "There are no events to ask yet." in done.err
    for way in ("TLS_AUDIT_LOGS", "tls-audit ingest", "--sample"):
        assert way in done.err


def test_logs_are_read_before_they_are_asked_and_once_only(
    tls_audit: TlsAudit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = write_logs(tmp_path / "logs", odd_records())
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(logs.parent))

    first, second = (tls_audit("ask", FORTNIGHT, "min=1.3", "--format", "csv") for _ in range(2))

    assert rows_of(first.out) == [{"eventSource": "s3.amazonaws.com", "numOutdatedTlsCalls": "12"}]
    assert second.out == first.out
    assert "1 file known already" in tls_audit("ingest").out


def test_an_ingest_reads_what_it_is_given_and_fails_for_a_bad_file(
    tls_audit: TlsAudit, tmp_path: Path
) -> None:
    logs = write_logs(tmp_path / "logs", odd_records()).parent

    good = tls_audit("ingest", str(logs))
    (logs / "broken.json.gz").write_bytes(b"\x1f\x8b this is no gzip")
    bad = tls_audit("ingest", str(logs))

    assert (good.code, good.err) == (0, "")
    assert good.out.startswith("1 file read, 15 events. ")
    assert bad.code == 1
    assert "1 file could not be read" in bad.out
    assert "broken.json.gz" in bad.out


def test_an_answer_is_given_although_a_log_file_is_bad_and_the_file_is_named(
    tls_audit: TlsAudit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = write_logs(tmp_path / "logs", odd_records()).parent
    (logs / "broken.json.gz").write_bytes(b"\x1f\x8b this is no gzip")
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(logs))

    done = tls_audit("ask", FORTNIGHT, "--format", "csv")

    assert done.code == 0
    assert len(rows_of(done.out)) == 1
    assert "broken.json.gz" in done.err


@pytest.mark.skipif(not REAL_LOGS.exists(), reason="the real events lie beside the project, not in it")
def test_real_events_of_strangers_are_answered_rightly(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(REAL_LOGS))
    window = "2024-07-01..2024-12-01"

    def total(*words: str) -> tuple[int, str]:
        done = tls_audit("ask", window, *words, "--format", "csv")
        assert done.code == 0
        return sum(int(row["numOutdatedTlsCalls"]) for row in rows_of(done.out)), done.err

    assert total("min=1.3")[0] == 138
    assert total("min=1.3", "service=ssm")[0] == 138
    none, words = total("min=1.3", "service=sts")
    assert none == 0
    assert (
        "No call over TLS older than 1.3 to sts found, but not all was read. 16 events read, none without "
        "TLS details, newest 30 Nov 2024 08:43. The oldest event read is of 30 Jul 2024. There is no event "
        "at all of "
    ) in words


# --- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "last 7d servce=s3"], "No `servce=`: did you mean `service=`?\nTry: `last 7d service=s3`\n"),
        (["ask", "last 7d", "--format", "xml"], "'xml' is not one of"),
        (
            ["ask"],
            "Say what to ask.\nAsk which clients still call AWS with old TLS:\n    tls-audit ask last 7d\n",
        ),
        (["aks"], "No such command 'aks'"),
        (["ingest"], "No log files to read."),
        (["ingest", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_a_bad_question_is_exit_code_2_and_a_hint_on_stderr(
    arguments: list[str], said: str, tls_audit: TlsAudit
) -> None:
    done = tls_audit(*arguments)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_every_wrong_setting_is_told_at_once(tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLS_AUDIT_LGOS", "x")
    monkeypatch.setenv("TLS_AUDIT_MAX_ROWS", "many")
    monkeypatch.setenv("TLS_AUDIT_LOCAL_MEMORY", "lots")

    done = tls_audit("ask", "last 7d")

    assert done.code == 2
    for name in (
        "TLS_AUDIT_LGOS: did you mean TLS_AUDIT_LOGS",
        "TLS_AUDIT_MAX_ROWS='many'",
        "TLS_AUDIT_LOCAL_MEMORY",
    ):
        assert name in done.err


@pytest.mark.usefixtures("_filled")
def test_an_engine_that_fails_is_exit_code_1(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "archive" / "day=2026-11-10"
    folder.mkdir(parents=True)
    (folder / "x.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")
    monkeypatch.setenv("TLS_AUDIT_ARCHIVE", str(folder.parent))

    done = tls_audit("ask", FORTNIGHT)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("The embedded engine failed: ")


@pytest.mark.usefixtures("_filled")
def test_a_file_that_cannot_be_written_is_named(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", FORTNIGHT, "--output", "/nowhere/rows.csv")

    assert done.code == 2
    assert "Cannot write /nowhere/rows.csv: No such file or directory." in done.err
    assert "Name another file." in done.err


@pytest.mark.parametrize(
    ("typed", "instead"),
    [("views", "`tls-audit views`"), ("Runs", "`/tls-audit runs`"), ("digests", "`/tls-digest help`")],
)
def test_what_is_asked_otherwise_in_a_terminal_is_not_answered_as_a_question(
    typed: str, instead: str, tls_audit: TlsAudit
) -> None:
    done = tls_audit("ask", typed)

    assert (done.code, done.out) == (2, "")
    assert f"`{typed}` is no question here." in done.err
    assert instead in done.err


# --- views


def test_views_lists_every_view_with_its_columns_and_its_source(tls_audit: TlsAudit) -> None:
    done = tls_audit("views")

    assert done.code == 0
    assert "services\n    Calls per service over outdated TLS." in done.out
    assert "    eventSource, numOutdatedTlsCalls\n" in done.out
    assert "AWS Security Blog" in done.out


@pytest.mark.usefixtures("_filled")
def test_a_folder_of_ones_own_views_can_be_asked_at_once(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "buckets.sql").write_text(
        "-- title: Calls per bucket\n-- about: How many calls each bucket got.\n-- by: bucket\n"
        "SELECT element_at(requestParameters, 'bucketName') AS bucket, COUNT(*) AS numCalls, "
        "ROUND(100.0 * COUNT(*) / 10, 1) AS percentTen FROM $EDS_ID "
        "WHERE :outdated AND eventTime >= :start AND eventTime < :end "
        "GROUP BY element_at(requestParameters, 'bucketName')"
    )
    monkeypatch.setenv("TLS_AUDIT_VIEWS", str(tmp_path))

    assert "buckets\n    Calls per bucket." in tls_audit("views").out
    done = tls_audit("ask", "buckets", FORTNIGHT, "service=s3", "top=1", "--format", "json")
    (row,) = json.loads(done.out)
    assert row["bucket"] == "111122223333-data"
    assert row["percentTen"] == pytest.approx(row["numCalls"] * 10)


def test_a_broken_view_of_ones_own_is_named_with_its_line(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken.sql").write_text("-- title: x\n-- about: y\nSELECT FROM\n")
    monkeypatch.setenv("TLS_AUDIT_VIEWS", str(tmp_path))

    done = tls_audit("views")

    assert done.code == 2
    assert f"{tmp_path / 'broken.sql'}:3" in done.err


# --- the real console script


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, **more}


def test_help_is_there(tmp_path: Path) -> None:
    done = subprocess.run([SCRIPT, "--help"], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert "Which clients still call AWS with old TLS?" in done.stdout


def test_a_reader_that_has_read_enough_is_no_failure_to_talk_about(archive: Archive) -> None:
    command = [SCRIPT, "ask", FORTNIGHT, "by=requests", "min=1.3", "--format", "csv"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TLS_AUDIT_ARCHIVE=str(archive.folder)),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        process.wait()

    assert process.returncode == 0
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_plain_error(archive: Archive) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [SCRIPT, "ask", FORTNIGHT],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment(TLS_AUDIT_ARCHIVE=str(archive.folder)),
        )

    assert done.returncode == 1
    assert done.stderr == "The answer could not be written: No space left on device.\n"


def test_ctrl_c_stops_at_once_and_says_so(tmp_path: Path) -> None:
    import fcntl

    folder = tmp_path / "archive"
    folder.mkdir()
    logs = write_logs(tmp_path / "logs", odd_records())
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # so that the ingest waits, however quick it is
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [SCRIPT, "ingest", str(logs)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environment(TLS_AUDIT_ARCHIVE=str(folder), TERM="xterm"),
            # a shell's background jobs ignore Ctrl-C, and what they start does so too
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        os.close(theirs)
        said = _read_until(ours, b"looking for log files")
        process.send_signal(signal.SIGINT)
        said += _read_until(ours, b"Stopped.")
        assert process.communicate()[0] == b""
        os.close(ours)

    assert process.returncode == 130
    assert b"Traceback" not in said


def test_a_bot_that_is_told_to_stop_while_it_starts_ends_although_slack_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as slack:
        process = subprocess.Popen(
            [SCRIPT, "serve"],
            stderr=subprocess.PIPE,
            env=environment(
                SLACK_API_URL=f"http://127.0.0.1:{slack.getsockname()[1]}/api/",
                SLACK_BOT_TOKEN="xoxb-1",  # noqa: S106 - of no Slack
                SLACK_APP_TOKEN="xapp-1",  # noqa: S106 - of no Slack
                TLS_AUDIT_DATA=str(tmp_path),
            ),
        )
        asking, _ = slack.accept()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        asking.close()

    assert process.returncode == 0
    assert b"Traceback" not in said


def _read_until(terminal: int, words: bytes) -> bytes:
    said = b""
    while words not in said:
        said += os.read(terminal, 1024)
    return said


# --- what a newcomer met


def test_a_sample_is_asked_of_the_embedded_engine_only(tls_audit: TlsAudit) -> None:
    done = tls_audit("ask", "--sample", "engine=lake")

    assert (done.code, done.out) == (2, "")
    assert done.err == "No engine `lake`.\nEngines: local\n"


def test_a_folder_without_log_files_is_named(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("TLS_AUDIT_LOGS", str(tmp_path / "logs"))

    done = tls_audit("ask", FORTNIGHT)

    assert (done.code, done.err) == (0, f"No log files in {tmp_path / 'logs'}.\n")
    (tmp_path / "logs" / "notes.txt").write_text("no log")
    assert "No log files in" in tls_audit("ask", FORTNIGHT).err
    write_logs(tmp_path / "logs", odd_records())
    assert tls_audit("ask", FORTNIGHT).err == ""


def test_views_names_other_peoples_work_only(tls_audit: TlsAudit) -> None:
    done = tls_audit("views")

    assert "From: AWS Security Blog" in done.out
    assert "From: TLS Audit" not in done.out


def test_the_documents_view_that_finds_nothing_claims_nothing(
    tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")
    (tmp_path / "by-error.sql").write_text(document.split("```sql\n")[1].split("```")[0])
    monkeypatch.setenv("TLS_AUDIT_VIEWS", str(tmp_path))

    done = tls_audit("ask", "--sample", "last 7d by-error")

    assert "Nothing found: Failed calls over outdated TLS." in done.out
    assert "No call" not in done.out
    assert "AWS refuses" not in done.out


# --- what is loaded


SLOW = {"sqlglot", "duckdb", "boto3", "slack_sdk", "slack_bolt", "sqlalchemy"}
"""What takes long to import."""

OTHERS = {
    *("bot.engines.lake.engine", "bot.engines.athena.engine", "bot.engines.cloudwatch.engine"),
    *("bot.cli.serve", "bot.cli.lake", "bot.archive.sqs", "bot.clients.agent"),
}
"""What of ours a question has no use for that is asked of the embedded engine, and names no client."""

UNASKED = OTHERS | {"bot.archive.ingest", "bot.archive.sources", "bot.answers.cards"}
"""And what it has no use for where nothing is read and nothing answered."""


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["health"]])
def test_a_command_waits_for_nothing_that_it_does_not_need(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from bot.cli.main import main\n"
        f"sys.argv = ['tls-audit', *{arguments!r}]\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print('loaded:', *({SLOW!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment()
    )

    assert done.stderr.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize(
    ("question", "needless"),
    [
        (
            ["last 7d", "--sql"],
            {"duckdb", "boto3", "slack_sdk", "slack_bolt", "sqlalchemy", "aiohttp", "yaml", *UNASKED},
        ),
        (
            ["--sample", "yesterday"],
            {"boto3", "slack_sdk", "slack_bolt", "sqlalchemy", "aiohttp", "yaml", *OTHERS},
        ),
    ],
)
def test_a_question_waits_for_no_slack_no_aws_and_no_database(
    question: list[str], needless: set[str]
) -> None:
    program = (
        "import sys\n"
        "from bot.cli.main import main\n"
        f"sys.argv = ['tls-audit', 'ask', *{question!r}]\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        f"    print('loaded:', *({needless!r} & sys.modules.keys()), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment()
    )

    assert done.stderr == "loaded:\n"
