"""docs/migrating.md shows what `tls-audit ask --sql` prints, for every engine.

`pytest tests/test_migrating.py --renew-golden` writes its questions anew; read their diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bot import engines

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question
    from tests.support.terminal import TlsAudit

PAGE: Final = Path(__file__).parents[1] / "docs" / "migrating.md"
BEGIN: Final = "## Ten questions, four ways\n"

DAYS: Final = "2026-11-16..2026-11-23"
QUESTIONS: Final = (
    "by=services",
    "service=s3",
    "by=addresses",
    "by=callers account=111122223333",
    "min=1.3 by=clients",
    "min=1.3 by=principals region=eu-*",
    "cipher=weak by=principals",
    "kx=classical by=accounts",
    "by=versions",
    "by=coverage",
)
SETTINGS: Final = {
    "TLS_AUDIT_EVENT_DATA_STORE": "11111111-2222-3333-4444-555555555555",
    "TLS_AUDIT_ATHENA_TABLE": "security.cloudtrail_logs",
    "TLS_AUDIT_CLOUDWATCH_LOG_GROUPS": "aws/cloudtrail/managementevents",
}
TITLES: Final = {
    "lake": ("CloudTrail Lake", "sql"),
    "athena": ("Athena", "sql"),
    "cloudwatch": ("CloudWatch Logs Insights", ""),
    "local": ("Plain log files, by the embedded engine", "sql"),
}


@pytest.fixture
def printed(tls_audit: TlsAudit, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """What a question prints, where nothing of AWS's can be reached."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)

    def ask(words: str) -> str:
        done = tls_audit("ask", words, "--sql")
        assert done.code == 0, done.err
        return done.out.strip()

    return ask


LITERAL: Final = re.compile(r"/\*.*?\*/|'((?:[^']|'')*)'", re.DOTALL)
LIST: Final = re.compile(r"\(\n\s+([^()]+?)\n\s*\)")


def laid_out(text: str) -> str:
    """The text with each list on one line, and without the blanks that nobody could see."""
    text = LITERAL.sub(
        lambda found: "'…'" if len(found[1] or "") > 1 and found[1].isspace() else found[0], text
    )
    return LIST.sub(lambda found: "(" + re.sub(r",\s+", ", ", found[1]) + ")", text)


def test_the_page_shows_what_every_engine_is_asked(
    printed: Callable[[str], str], ask: Callable[[str], Question], request: pytest.FixtureRequest
) -> None:
    parts = []
    for words in QUESTIONS:
        title = ask(f"{DAYS} {words}").words()
        parts.append(f'### {title[:1].upper()}{title[1:]}\n\n`tls-audit ask "{DAYS} {words}" --sql`\n')
        for name in engines.ENGINES:
            title, language = TITLES[name]
            text = laid_out(printed(f"{DAYS} {words} engine={name}"))
            parts.append(f"<details><summary>{title}</summary>\n\n```{language}\n{text}\n```\n\n</details>\n")
    made = "\n".join(parts)

    page = PAGE.read_text(encoding="utf-8")
    before, _, after = page.partition(BEGIN)
    said, _, questions = after.partition("\n### ")
    if request.config.getoption("--renew-golden"):
        PAGE.write_text(f"{before}{BEGIN}{said}\n{made}", encoding="utf-8")
        questions = made.removeprefix("### ")
    assert f"### {questions}" == made
