"""kill -9 while CloudWatch is asked: whoever takes the run over fetches that very query."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.demo import samples
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.question import select
from tests import oracle
from tests.doubles import cloudwatch as double
from tests.support.logs import FIRST_DAY, quietly

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.question.question import Question

TEXT = "2026-11-10..2026-11-20 by=principals"
TOKEN = "7f3ab2c1/answer"  # noqa: S105 - names an asking, opens nothing

ASKS = f"""
import sys
from datetime import UTC, datetime
from bot import engines
from bot.engines.cloudwatch import groups
from bot.engines.cloudwatch.engine import CloudWatch
from bot.engines.cloudwatch.logs import Logs
from bot.question import select, views
from bot.question.parser import parse

question = parse({TEXT!r}, now=datetime(2026, 11, 23, tzinfo=UTC), zone=UTC, views=views.load(),
                 engines=engines.ENGINES)
engine = CloudWatch(groups.read({double.GROUP!r}), Logs())
asked = engine.translate(select.build(question, cap=1_000_000), question.view.columns)
noted = open(sys.argv[1], "a", buffering=1)
engine.run(asked, token={TOKEN!r}, resume=None, progress=lambda ref, *_: print(ref, file=noted))
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["StartQuery", "GetQueryResults"])
def test_whatever_kill_9_interrupts_is_paid_for_once(
    operation: str, when: Any, ask: Callable[[str], Question], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = samples.day(FIRST_DAY + timedelta(days=3))[::4]
    noted = tmp_path / "noted"
    with double.CloudWatch(double.events(records)) as served:
        served.set_environment(monkeypatch)
        hold = served.hold(operation, when)
        asking = subprocess.Popen([sys.executable, "-c", ASKS, str(noted)], cwd=Path(__file__).parents[3])
        try:
            hold.arrived(60)
        finally:
            asking.kill()
            asking.wait()
            hold.drop()
        ref = noted.read_text(encoding="utf-8").split("\n")[-2]
        question = ask(TEXT)
        engine = CloudWatch(groups.read(double.GROUP), Logs())
        asked = engine.translate(select.build(question, cap=1_000_000), question.view.columns)

        with engine.run(asked, token=TOKEN, resume=ref, progress=quietly) as table:
            assert list(table.rows()) == oracle.answer(question, records)

        assert served.asked() == {f"# run:{TOKEN}": 1}
