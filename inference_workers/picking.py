"""Which job a worker starts next, and what its attempts tell the log about it. The rule is `topics.fairness`.

Output counts once the log has acknowledged it: each pick says up to where in token-chunks that was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inference_workers.job_table import Delivery, Job, Started
from inference_workers.publishing import Outlet
from schemas.picks import FlowLead, JobRead
from topics.fairness.domain import Domain
from topics.fairness.flows import Rules, flow_of


@dataclass(slots=True)
class _Serving:
    started: Started
    counted: int = 0
    ended: bool = False


class Picking:
    """`name`: the domain's, drawn."""

    def __init__(self, name: str, rules: Rules, outlet: Outlet) -> None:
        self.name = name
        self._domain: Domain[Job] = Domain(name, rules)
        self._outlet = outlet
        self._serving: dict[int, _Serving] = {}
        self._below: dict[int, int] = {}
        self._overflow: set[Job] = set()

    def __len__(self) -> int:
        return len(self._domain)

    @property
    def overflow(self) -> int:
        """How many of those that wait came by an overflow lane."""
        return len(self._overflow)

    def wait(self, job: Job) -> None:
        """A job waits for a slot."""
        request, place = job.request, _place(job.deliveries[0])
        self._domain.read(job, place, flow_of(request), request.prompt_tokens, overflow=bool(request.lane))
        if request.lane:
            self._overflow.add(job)

    def left(self, job: Job) -> None:
        """A job is not to be started any more; one that does not wait is passed over."""
        self._domain.left(job)
        self._overflow.discard(job)

    def inherit(self, leads: Iterable[FlowLead]) -> None:
        """What the workers before us had served to some users beyond others."""
        self._domain.inherit(leads)

    def next(self) -> Job | None:
        """The job to begin now, which knows why from now on; None if none may begin."""
        self._count()
        found = self._domain.next()
        if found is None:
            return None
        job, pick = found
        self._overflow.discard(job)
        job.started = Started(pick)
        self._serving[pick.number] = _Serving(job.started)
        return job

    def stopped(self, job: Job) -> None:
        """It gave its slot back. Output that is still on its way counts when it is acknowledged."""
        started, job.started = job.started, None
        if started is None:
            return
        number = started.pick.number
        if started.told:
            self._domain.told(number)
        self._domain.ended(number)
        self._serving[number].ended = True

    def _count(self) -> None:
        done: list[int] = []
        for number, serving in self._serving.items():
            writers = serving.started.writers
            if serving.started.told:
                self._domain.told(number)
            accepted = sum(writer.accepted for writer in writers)
            if accepted > serving.counted:
                self._domain.served(number, accepted - serving.counted)
                serving.counted = accepted
            if any(writer.doubtful for writer in writers):
                self._domain.doubt()
            if serving.ended and not any(writer.under_way for writer in writers):
                done.append(number)
        for number in done:
            del self._serving[number]
            self._domain.forget(number)
        for partition, below in self._outlet.accepted_below():
            if self._below.get(partition) != below:
                self._below[partition] = below
                self._domain.counted(partition, below)


def _place(delivery: Delivery) -> JobRead:
    return JobRead(delivery.topic, delivery.partition, delivery.offset)
