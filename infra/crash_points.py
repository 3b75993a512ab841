"""Named points at which a test can kill the process.

`crash_point("worker.after_first_chunk")` does nothing, unless that very point was planted in this process when it
started (see infra/planted.py): then the process is gone at once, as by kill -9, the n-th time it comes by.
"""

from __future__ import annotations

import os

from infra.planted import planted

POINTS: tuple[str, ...] = (
    "api.before_cancel",
    "api.after_cancel",
    "api.before_command",
    "api.after_command",
    "api.before_embeddings",
    "api.after_embeddings",
    "api.after_embeddings_requested",
    "api.before_embeddings_settled",
    "api.after_embeddings_settled",
    "api.mid_import",
    "conversation.before_record",
    "conversation.after_records_fired",
    "conversation.after_records_acknowledged",
    "conversation.after_lease_requested",
    "conversation.before_announcement",
    "worker.before_commit",
    "worker.after_record_fired",
    "worker.after_start_acknowledged",
    "worker.mid_stream",
    "worker.before_attempt_ended",
    "worker.after_attempt_ended",
    "worker.before_attempt_started",
    "worker.before_extension_requested",
    "recorder.before_outcome",
    "recorder.after_outcome_fired",
    "recorder.after_outcome_acknowledged",
    "recorder.before_commit",
    "recorder.after_commit",
    "metering.before_usage",
    "metering.after_usage",
    "metering.before_settlement",
    "metering.after_settlement",
    "metering.before_embeddings",
    "metering.after_embeddings",
    "metering.before_given_up",
    "watchdog.after_command",
    "watchdog.before_expiry",
    "watchdog.after_expiry",
    "projector.before_write",
    "projector.before_sums",
    "projector.before_bills",
    "projector.after_write",
    "projector.after_watermarks",
    "rebuild.after_row",
    "rebuild.after_tables",
    "rebuild.after_filling",
    "rebuild.after_cut",
    "rebuild.mid_fill",
    "rebuild.after_fill",
    "rebuild.counted",
    "rebuild.after_watermarks",
    "rebuild.after_verify",
    "rebuild.after_pointer",
    "rebuild.after_ready",
    "rebuild.after_dropping",
    "rebuild.mid_drop",
    "stream.before_commit",
    "stream.after_commit",
    "stream.before_acknowledge",
    "backfill.before_log",
    "backfill.before_promoted",
    "import.mid_append",
)
"""Every point, ROLE.PLACE: ROLE is that of the process that passes it; `stream` is any Faust process."""

EXIT_STATUS = 137


class UnknownCrashPoint(Exception):
    """A test planted a crash at a point that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no crash point {name}: see infra/crash_points.py")


class Countdown:
    """Says when the planted point has been passed often enough."""

    def __init__(self, wanted: str) -> None:
        """`wanted`: NAME or NAME:N (N from 1). Raises UnknownCrashPoint, ValueError."""
        self._name, _, count = wanted.partition(":")
        self._left = int(count) if count else 1
        if self._name not in POINTS:
            raise UnknownCrashPoint(self._name)
        if self._left < 1:
            raise ValueError(f"{wanted}: points are counted from 1")

    def struck(self, name: str) -> bool:
        """The point `name` is passed now: whether the process is to end."""
        if name != self._name:
            return False
        self._left -= 1
        return self._left == 0


_countdown = Countdown(planted().crash_point) if planted().crash_point else None


def crash_point(name: str) -> None:
    """Die here if a test planted it; else nothing."""
    if _countdown is not None and _countdown.struck(name):
        os._exit(EXIT_STATUS)
