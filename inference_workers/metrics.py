"""Metrics of a worker: counted per job, attempt or change, never per token."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from infra.runtime.metrics import GIVEN_UP, RETRIES, ConsumerMetrics, bound

CONSUMER = "worker"
CONSUMED = ConsumerMetrics(CONSUMER)
RUNNING = Gauge("verbatim_worker_running_jobs", "Jobs that an engine answers now.")
SLOTS = Gauge("verbatim_worker_slots", "Jobs that may run at once.")
WAITING = Gauge("verbatim_worker_waiting_jobs", "Jobs that wait for a slot.")
HELD = Gauge("verbatim_worker_held_jobs", "Jobs between their delivery and their commit.")
ATTEMPTS = Counter("verbatim_worker_attempts_total", "Attempts, by how they ended.", ("end",))
TICK = Gauge(
    "verbatim_worker_tick_seconds", "How far the ticks are apart for which later tokens wait; 0: they leave at once."
)
TOKENS = Counter("verbatim_worker_tokens_total", "Tokens of ended attempts.")
ENDED = ATTEMPTS.labels("ended").inc
AGAIN = ATTEMPTS.labels("again").inc
INTERRUPTED = ATTEMPTS.labels("interrupted").inc
JOBS_GIVEN_UP = Counter("verbatim_worker_jobs_given_up_total", "Jobs that failed at themselves too often.").inc

WINDOW_FULL = bound("worker.window")
UNCOMMITTED_FULL = bound("worker.uncommitted")
LETTERS_FULL = bound("worker.letters")
BATCHES_AHEAD = bound("worker.batches_ahead")
HAND_OVER_LATE = bound("worker.hand_over")
READS_FULL = bound("worker.reads")
CHECKS_FULL = bound("worker.checks")
OVERTAKEN = bound("worker.starts")
WORN_OUT = bound("worker.engine_calls")
NOTICES_FULL = bound("worker.cancel_notices")
ENGINE_RETRIED = RETRIES.labels("worker.engine").inc
ENGINE_GIVEN_UP = GIVEN_UP.labels("worker.engine").inc
