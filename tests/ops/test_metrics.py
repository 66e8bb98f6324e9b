"""What Prometheus reads of the bot."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.util import setup_testing_defaults

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import SurfaceDown
from bot.ops.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
NEWEST = datetime(2026, 11, 23, 8, 10, tzinfo=UTC)


def text(metrics: Metrics) -> str:
    """What a scrape of `metrics` reads."""
    environ: dict[str, object] = {}
    setup_testing_defaults(environ)
    return b"".join(metrics.page(environ, lambda *_: len)).decode()


def samples(metrics: Metrics) -> dict[str, float]:
    """Every sample as Prometheus reads it: `name{label=value,…}` and its value."""
    families = text_string_to_metric_families(text(metrics))
    return {
        each.name + "{" + ",".join(f"{key}={value}" for key, value in sorted(each.labels.items())) + "}": (
            each.value
        )
        for family in families
        for each in family.samples
    }


def kinds(metrics: Metrics) -> dict[str, str]:
    return {family.name: family.type for family in text_string_to_metric_families(text(metrics))}


@pytest.fixture
def watched() -> Metrics:
    metrics = Metrics()
    metrics.watch(
        states=lambda: {"queued": 3, "running": 1, "done": 0},
        sockets=lambda: (2, 5),
        newest=lambda: {"local": NEWEST},
    )
    return metrics


def test_runs_are_counted_by_outcome_and_kind() -> None:
    metrics = Metrics()
    for outcome, kind in (("done", "question"), ("done", "question"), ("failed", "digest")):
        metrics.ended(outcome, kind)

    said = samples(metrics)
    assert said["tls_audit_runs_ended_total{kind=question,outcome=done}"] == 2
    assert said["tls_audit_runs_ended_total{kind=digest,outcome=failed}"] == 1


def test_phases_are_there_before_the_first_run() -> None:
    said = samples(Metrics())

    for phase in ("queued", "asking", "posting"):
        assert said[f"tls_audit_run_seconds_count{{phase={phase}}}"] == 0


def test_the_seconds_of_a_phase_fall_into_buckets() -> None:
    metrics = Metrics()
    metrics.took("asking", 1.5)
    metrics.took("asking", 3600)

    said = samples(metrics)
    assert said["tls_audit_run_seconds_bucket{le=1.0,phase=asking}"] == 0
    assert said["tls_audit_run_seconds_bucket{le=2.0,phase=asking}"] == 1
    assert said["tls_audit_run_seconds_bucket{le=+Inf,phase=asking}"] == 2
    assert said["tls_audit_run_seconds_sum{phase=asking}"] == 3601.5


def test_bytes_add_up_by_engine() -> None:
    metrics = Metrics()
    metrics.scanned("lake", 10**12)
    metrics.scanned("lake", 1)

    assert samples(metrics)["tls_audit_scanned_bytes_total{engine=lake}"] == 10**12 + 1


def test_messages_of_the_queue_add_up_by_kind() -> None:
    metrics = Metrics()
    metrics.watch(
        states=dict, sockets=lambda: (0, 0), newest=dict, untold=lambda: {"q": 2}, oldest=lambda: {"q": 7.5}
    )
    metrics.received("told", 990)
    metrics.received("told", 10)

    said = samples(metrics)
    assert said["tls_audit_queue_messages_total{kind=told}"] == 1000
    assert said["tls_audit_queue_untold_files{queue=q}"] == 2
    assert said["tls_audit_queue_oldest_message_seconds{queue=q}"] == 7.5


def test_refusals_are_counted_by_method_and_error() -> None:
    metrics = Metrics()
    metrics.refused("chat.postMessage", "ratelimited")

    said = samples(metrics)
    assert said["tls_audit_slack_refusals_total{error=ratelimited,method=chat.postMessage}"] == 1


def test_gauges_say_what_holds_when_they_are_read(watched: Metrics) -> None:
    said = samples(watched)

    assert said["tls_audit_runs{state=queued}"] == 3
    assert said["tls_audit_runs{state=done}"] == 0
    assert said["tls_audit_sockets{whose=held}"] == 2
    assert said["tls_audit_sockets{whose=known}"] == 5
    assert said["tls_audit_newest_event_timestamp_seconds{engine=local}"] == NEWEST.timestamp()


def test_a_gauge_is_asked_anew_each_time() -> None:
    counts = iter([1, 2])
    metrics = Metrics()
    metrics.watch(states=lambda: {"queued": next(counts)}, sockets=lambda: (1, 1), newest=dict)

    read = [samples(metrics)["tls_audit_runs{state=queued}"] for _ in range(2)]

    assert read == [1, 2]


def test_a_gauge_that_cannot_be_asked_is_left_out_and_the_rest_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away() -> Mapping[str, int]:
        raise SurfaceDown("The database is away.")

    metrics = Metrics()
    metrics.ended("done", "question")
    metrics.watch(states=away, sockets=lambda: (1, 1), newest=dict)

    said = samples(metrics)

    assert not any(name.startswith("tls_audit_runs{") for name in said)
    assert said["tls_audit_sockets{whose=held}"] == 1
    assert said["tls_audit_runs_ended_total{kind=question,outcome=done}"] == 1
    assert [(each.levelno, each.message) for each in caplog.records] == [
        (logging.ERROR, "tls_audit_runs could not be asked")
    ]


def test_everything_has_its_name_and_its_kind(watched: Metrics) -> None:
    assert kinds(watched) == {
        "tls_audit_runs_ended": "counter",
        "tls_audit_answers": "counter",
        "tls_audit_left_out_files": "gauge",
        "tls_audit_run_seconds": "histogram",
        "tls_audit_scanned_bytes": "counter",
        "tls_audit_slack_refusals": "counter",
        "tls_audit_runs": "gauge",
        "tls_audit_sockets": "gauge",
        "tls_audit_newest_event_timestamp_seconds": "gauge",
        "tls_audit_queue_messages": "counter",
        "tls_audit_queue_untold_files": "gauge",
        "tls_audit_queue_oldest_message_seconds": "gauge",
    }


def test_one_bots_metrics_are_not_anothers() -> None:
    one, other = Metrics(), Metrics()
    one.ended("done", "question")

    assert not any(name.startswith("tls_audit_runs_ended_total") for name in samples(other))


def test_strangers_labels_stay_one_line() -> None:
    odd = 'odd"\n# TYPE x counter\\'
    metrics = Metrics()
    metrics.refused("chat.update", odd)

    assert samples(metrics)[f"tls_audit_slack_refusals_total{{error={odd},method=chat.update}}"] == 1
    assert "x" not in kinds(metrics)


def test_threads_may_count_together() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(1000):
            metrics.ended("done", "question")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert samples(metrics)["tls_audit_runs_ended_total{kind=question,outcome=done}"] == 4000


def test_what_is_not_measured_is_not_loaded() -> None:
    program = "import bot.ops.metrics, bot.ops.health, sys; sys.exit('prometheus_client' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
