"""What is written down of every run that has ended: one line of audit, and the figures."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bot.ops.metrics import PHASES
from bot.store.run import DigestTask, PreviewTask, UrgentTask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.ops.metrics import Metrics
    from bot.store.run import Run
    from bot.store.schema import Kind

log = logging.getLogger("tls_audit.audit")
"""A logger of its own, so that these lines can be kept apart and longer."""

SQL_CHARS: Final = 10_000
"""Statements are seldom longer; a longer one is cut, and Show SQL has all of it."""

PUBLIC_KINDS: Final[Mapping[Kind, str]] = {
    "question": "question",
    "scan": "reading",
    "digest": "digest",
    "preview": "digest",
    "watch": "watch",
    "urgent": "urgent",
}
"""What a kind of run is called in metrics and in these lines, which dashboards and alerts are built on."""


def ended(run: Run, metrics: Metrics) -> None:
    """Write down who asked what where, what its engine was asked, and how it ended."""
    kind = PUBLIC_KINDS[run.kind]
    log.info(
        kind,
        extra={
            "run": run.id,
            "who": run.user,
            "where": run.channel,
            "what": run.typed or run.text,
            "engine": run.engine,
            "sql": [step.statement.sql[:SQL_CHARS] for step in run.steps],
            "bytes": run.scanned,
            "rows": run.rows,
            "belief": run.belief,
            "outcome": run.state,
            "error": run.error,
            "digest": run.task.digest
            if isinstance(run.task, DigestTask | PreviewTask | UrgentTask)
            else None,
        },
    )
    metrics.ended(run.state, kind)
    if run.belief is not None:
        metrics.answered(run.belief)
    if run.scanned:
        metrics.scanned(run.engine, run.scanned)
    marks = (run.created, run.started, run.answered, run.finished)
    for phase, (begun, done) in zip(PHASES, pairwise(marks), strict=True):
        if begun is not None and done is not None:
            metrics.took(phase, max(0.0, (done - begun).total_seconds()))
