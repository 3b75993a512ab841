"""Ended jobs without an outcome: asks the log whether their generation has an end.

An attempt that a zombie superseded wrote an end that no reader counts; without this its generation would stay open
until the watchdog.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from inference_workers.job_table import Job, JobTable
from inference_workers.lookback import Lookback
from inference_workers.metrics import CHECKS_FULL
from infra.clock import monotonic_s
from infra.logging import get_logger
from schemas.codec import NewerRecord
from topics.errors import LogError

SWEEP_EVERY_S = 1.0
OUTCOME_WAIT_S = 5.0
MAX_CHECKS_A_SWEEP = 64

_log = get_logger(__name__)


class Verification:
    """`finish` is called with a job whose generation has its end, `again` with one whose has not."""

    def __init__(
        self, jobs: JobTable, lookback: Lookback, finish: Callable[[Job], None], again: Callable[[Job], None]
    ) -> None:
        self._jobs = jobs
        self._lookback = lookback
        self._finish = finish
        self._again = again

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            late_before = monotonic_s() - OUTCOME_WAIT_S
            late = [job for job in self._jobs if job.ended_at_s is not None and job.ended_at_s < late_before]
            if len(late) > MAX_CHECKS_A_SWEEP:
                CHECKS_FULL()
            await asyncio.gather(*map(self._verify, late[:MAX_CHECKS_A_SWEEP]))

    async def _verify(self, job: Job) -> None:
        try:
            past = await self._lookback.past(job.request.turn)
        except NewerRecord:
            raise
        except LogError as error:
            _log.warning("an ended job cannot be verified", generation=job.generation_id, reason=str(error))
            return
        except Exception as error:
            # What one generation's records lead to must not end the others; the watchdog ends it at its deadline.
            _log.error("an ended job cannot be verified", generation=job.generation_id, error=type(error).__name__)
            return
        if job.ended_at_s is None or self._jobs.get(job.generation_id) is not job:
            return
        if past.fold.finished:
            self._finish(job)
        else:
            _log.warning("an end was not accepted, trying again", generation=job.generation_id)
            self._again(job)
