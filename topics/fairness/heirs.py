"""How far flows are ahead of others, as the attempts of the workers say whose jobs came to another one. Pure.

Of each domain the last pick of a flow tells its counter, the newest floor where the others are, and the chunks behind
it what it was served since. A flow of several domains is as far ahead as in the one where it is farthest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.runtime.bounded import Bounded
from schemas.generation import AttemptStarted, GenerationRecord, TokenChunk
from schemas.picks import FlowLead
from topics.fairness.flows import OUTPUT_WEIGHT, SHARE_SCALE, Flow, flow_of_start

MAX_ATTEMPTS = 20_000
MAX_LEADS = 1000
Place = tuple[str, int]


@dataclass(slots=True)
class _Counter:
    counter: int
    weight_milli: int
    served: int = 0


@dataclass(slots=True)
class _Domain:
    floor: int = 0
    flows: dict[Flow, _Counter] = field(default_factory=dict)


class Leads:
    """Takes the records of token-chunks in their partitions' order. `places`: the partitions of jobs that came;
    `besides`: the domain that they came to."""

    def __init__(self, places: frozenset[Place], besides: str) -> None:
        self._places = places
        self._besides = besides
        self._domains: dict[str, _Domain] = {}
        self._attempts: Bounded[str, _Counter] = Bounded(MAX_ATTEMPTS)

    def take(self, record: GenerationRecord) -> None:
        """The next record of its partition."""
        if type(record) is TokenChunk:
            counter = self._attempts.get(record.attempt_id)
            if counter is not None:
                counter.served += max(record.tokens, 0)
        elif isinstance(record, AttemptStarted) and record.pick is not None:
            self._started(record)

    def found(self) -> tuple[FlowLead, ...]:
        """The leads, greatest first; MAX_LEADS at most."""
        leads: dict[Flow, int] = {}
        for domain in self._domains.values():
            for flow, counter in domain.flows.items():
                served = counter.served * OUTPUT_WEIGHT * SHARE_SCALE // counter.weight_milli
                lead = counter.counter + served - domain.floor
                leads[flow] = max(leads.get(flow, 0), lead)
        ahead = sorted(((lead, flow) for flow, lead in leads.items() if lead > 0), reverse=True)
        return tuple(FlowLead(*flow, lead) for lead, flow in ahead[:MAX_LEADS])

    def _started(self, started: AttemptStarted) -> None:
        pick = started.pick
        if pick is None or pick.domain == self._besides or (pick.job.topic, pick.job.partition) not in self._places:
            return
        domain = self._domains.setdefault(pick.domain, _Domain())
        domain.floor = max(domain.floor, pick.floor, pick.charged if pick.reason == "fair" else 0)
        flow = flow_of_start(started, pick.job.topic)
        weight = max(pick.weight_milli, 1)
        counter = pick.charged + pick.work * SHARE_SCALE // weight
        known = domain.flows.get(flow)
        if known is None:
            known = domain.flows[flow] = _Counter(counter, weight)
        elif counter > known.counter:
            # What its other attempts were served until now is in what it was charged.
            known.counter, known.served = counter, 0
        self._attempts[started.attempt_id] = known
