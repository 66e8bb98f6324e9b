"""What the bot counts and measures, for Prometheus; named as prometheus.io/docs/practices/naming asks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from wsgiref.types import WSGIApplication

    from prometheus_client.core import GaugeMetricFamily

log = logging.getLogger(__name__)

Phase = Literal["queued", "asking", "posting"]
PHASES: Final[tuple[Phase, ...]] = ("queued", "asking", "posting")

SECONDS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800)
"""The buckets of a phase: from an embedded query to a big scan behind a long queue."""


class Metrics:
    """Counters of what happened, and gauges that are asked for when they are read. Safe from any thread."""

    def __init__(self) -> None:
        # imported here, as it takes a while and most commands measure nothing
        import prometheus_client as prometheus

        # when a counter began is of no use here, and as many lines again
        prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's
        self._registry = prometheus.CollectorRegistry()
        self.page: Final[WSGIApplication] = prometheus.make_wsgi_app(self._registry)
        """Tells everything, in whichever of Prometheus' formats is asked for. What cannot be asked now is
        left out, and logged."""
        self._ended = prometheus.Counter(
            "tls_audit_runs_ended_total",
            "Runs that came to their end, by outcome and kind.",
            ["outcome", "kind"],
            registry=self._registry,
        )
        self._seconds = prometheus.Histogram(
            "tls_audit_run_seconds",
            "Seconds that runs spent in each phase.",
            ["phase"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._scanned = prometheus.Counter(
            "tls_audit_scanned_bytes_total",
            "Bytes that engines read for runs.",
            ["engine"],
            registry=self._registry,
        )
        self._refused = prometheus.Counter(
            "tls_audit_slack_refusals_total",
            "Calls that Slack refused, by method and error; a 429 is `ratelimited`.",
            ["method", "error"],
            registry=self._registry,
        )
        self._answers = prometheus.Counter(
            "tls_audit_answers_total",
            "Answers, by what they may claim: findings, partial, believed zero, doubtful zero, shown.",
            ["belief"],
            registry=self._registry,
        )
        self._received = prometheus.Counter(
            "tls_audit_queue_messages_total",
            "Messages of the queue of TLS_AUDIT_LOGS_QUEUE, by kind; `strange` ones are left in it.",
            ["kind"],
            registry=self._registry,
        )
        for phase in PHASES:
            self._seconds.labels(phase)  # there from the start, at zero

    def ended(self, outcome: str, kind: str) -> None:
        """Count a run that came to its end."""
        self._ended.labels(outcome, kind).inc()

    def answered(self, belief: str) -> None:
        """Count an answer, by what it may claim."""
        self._answers.labels(belief).inc()

    def took(self, phase: Phase, seconds: float) -> None:
        """Count a phase of a run, and how long it was."""
        self._seconds.labels(phase).observe(seconds)

    def scanned(self, engine: str, bytes_: int) -> None:
        """Count bytes that an engine read."""
        self._scanned.labels(engine).inc(bytes_)

    def refused(self, method: str, error: str) -> None:
        """Count a call that Slack refused."""
        self._refused.labels(method, error).inc()

    def received(self, kind: str, number: int) -> None:
        """Count messages that tell of log files, or of none."""
        self._received.labels(kind).inc(number)

    def watch(
        self,
        *,
        states: Callable[[], Mapping[str, int]],
        sockets: Callable[[], tuple[int, int]],
        newest: Callable[[], Mapping[str, datetime]],
        left_out: Callable[[], Mapping[str, int]] = dict,
        untold: Callable[[], Mapping[str, int]] = dict,
        oldest: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """Ask these whenever the metrics are read; to be said once.

        `states` tells how many runs are in each state, the empty ones too; `sockets` how many connections
        this process holds, and how many Slack knows of; `newest` the time of each engine's newest event;
        `left_out` how many log files are not in the answers, by reason; `untold` how many a queue never
        told of, and `oldest` how many seconds old its oldest message was when it was read, by its name.
        """
        self._registry.register(_Watched(states, sockets, newest, left_out, untold, oldest))


class _Watched:
    """The gauges: each asks for its numbers when it is collected."""

    def __init__(
        self,
        states: Callable[[], Mapping[str, int]],
        sockets: Callable[[], tuple[int, int]],
        newest: Callable[[], Mapping[str, datetime]],
        left_out: Callable[[], Mapping[str, int]],
        untold: Callable[[], Mapping[str, int]],
        oldest: Callable[[], Mapping[str, float]],
    ) -> None:
        self._states = states
        self._sockets = sockets
        self._newest = newest
        self._left_out = left_out
        self._untold = untold
        self._oldest = oldest

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """As prometheus_client asks of a collector."""
        from prometheus_client.core import GaugeMetricFamily

        asked: tuple[tuple[str, str, str, Callable[[], Mapping[str, float]]], ...] = (
            ("tls_audit_runs", "Runs in each state; those queued are the queue.", "state", self._by_state),
            (
                "tls_audit_sockets",
                "Socket Mode connections: held by this process, and known to Slack.",
                "whose",
                self._by_holder,
            ),
            (
                "tls_audit_newest_event_timestamp_seconds",
                "When the newest event that an engine knows happened, since 1970.",
                "engine",
                self._by_engine,
            ),
            (
                "tls_audit_left_out_files",
                "Log files of which nothing, or not all, could be read, by reason.",
                "reason",
                self._left_out,
            ),
            (
                "tls_audit_queue_untold_files",
                "Log files of the last eight days that a listing found and the queue never told of.",
                "queue",
                self._untold,
            ),
            (
                "tls_audit_queue_oldest_message_seconds",
                "How old the queue's oldest message was when it was last read.",
                "queue",
                self._oldest,
            ),
        )
        for name, about, label, ask in asked:
            try:
                found = ask()
            except Exception:  # with the database away, all the others are worth more than ever
                log.exception("%s could not be asked", name)
                continue
            gauge = GaugeMetricFamily(name, about, labels=[label])
            for value, number in found.items():
                gauge.add_metric([value], number)
            yield gauge

    def _by_state(self) -> Mapping[str, float]:
        return self._states()

    def _by_holder(self) -> Mapping[str, float]:
        held, known = self._sockets()
        return {"held": held, "known": known}

    def _by_engine(self) -> Mapping[str, float]:
        return {engine: moment.timestamp() for engine, moment in self._newest().items()}
