"""A scheduling domain: the queue of one worker process, and what each pick of it says for the log. Pure.

A pick depends on what the domain has seen and on nothing else: which jobs came and went, which slots came free, and up
to where in token-chunks it has counted its output. Each pick tells what is new of that since the pick before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from schemas.picks import ChunksRead, FlowLead, JobRead, LostPick, Pick, PickRules, Seen, TierWeight
from topics.fairness.flows import Flow, Rules
from topics.fairness.queue import FairQueue, Waiting

T = TypeVar("T")


class Domain(Generic[T]):
    """`name`: drawn, one a process. Jobs are told apart by `==`."""

    def __init__(self, name: str, rules: Rules) -> None:
        self.name = name
        self.rules = rules
        self._queue: FairQueue[T] = FairQueue(rules)
        self._places: dict[T, tuple[Waiting[T], JobRead]] = {}
        self._reads: dict[JobRead, None] = {}
        self._left: list[JobRead] = []
        self._ended: list[int] = []
        self._counted: dict[int, ChunksRead] = {}
        self._inherited: list[FlowLead] = []
        self._lost: list[LostPick] = []
        self._untold: dict[int, Pick] = {}
        self._flows: dict[int, tuple[Flow, int]] = {}
        self._doubtful = self._rules_told = False

    def __len__(self) -> int:
        return len(self._queue)

    def read(self, job: T, place: JobRead, flow: Flow, prompt_tokens: int, *, overflow: bool = False) -> None:
        """A job waits for a slot."""
        waiting = self._queue.add(job, flow, self.rules.start_work(prompt_tokens), overflow=overflow)
        self._places[job] = waiting, place
        self._reads[place] = None

    def left(self, job: T) -> None:
        """A job waits no more, and is not to be picked; one that does not wait is passed over."""
        found = self._places.pop(job, None)
        if found is None:
            return
        waiting, place = found
        self._queue.remove(waiting)
        if place in self._reads:
            del self._reads[place]
        else:
            self._left.append(place)

    def served(self, number: int, tokens: int) -> None:
        """The log has accepted more output of a pick."""
        self._queue.served(self._flows[number][0], tokens)

    def counted(self, partition: int, below: int) -> None:
        """What `served` was told is all output of this domain below an offset of a partition of token-chunks."""
        self._counted[partition] = ChunksRead(partition, below)

    def inherit(self, leads: Iterable[FlowLead]) -> None:
        """Flows were served more than others by the workers whose jobs are ours now."""
        self._inherited += leads

    def doubt(self) -> None:
        """The log did not say whether it took a record."""
        self._doubtful = True

    def told(self, number: int) -> None:
        """An attempt of this pick was begun, and says so."""
        if self._untold.pop(number, None) is not None:
            self._rules_told = True

    def ended(self, number: int) -> None:
        """A pick gave its slot back. Of one that began nothing the next pick tells, and its flow is charged nothing."""
        flow, work = self._flows[number]
        self._queue.finished(flow.user_id)
        self._ended.append(number)
        if (lost := self._untold.pop(number, None)) is not None:
            self._queue.refund(flow, work)
            self._lost += (*lost.lost, LostPick(number=number, job=lost.job, seen=lost.seen))

    def forget(self, number: int) -> None:
        """No more output comes of a pick that has ended."""
        self._flows.pop(number, None)

    def next(self) -> tuple[T, Pick] | None:
        """The job to begin now, counted as running until `ended`, and why; None if none may begin."""
        if not self._queue.can_pick():
            return None
        for lead in self._inherited:
            flow = Flow(lead.service_class, lead.tier, lead.account, lead.user_id)
            self._queue.inherit(flow, lead.lead)
        picked = self._queue.next()
        if picked is None:  # for mypy: it can
            return None
        _, place = self._places.pop(picked.job)
        pick = Pick(
            domain=self.name,
            reason=picked.reason,
            number=picked.number,
            job=place,
            charged=picked.charged,
            floor=picked.floor,
            work=picked.work,
            weight_milli=picked.weight_milli,
            seen=self._seen(),
            lost=tuple(self._lost),
            rules=None if self._rules_told else recorded(self.rules),
            doubtful=self._doubtful,
        )
        self._lost = []
        self._untold[pick.number] = pick
        self._flows[pick.number] = picked.flow, picked.work
        return picked.job, pick

    def _seen(self) -> Seen:
        seen = Seen(
            reads=tuple(self._reads),
            left=tuple(self._left),
            ended=tuple(self._ended),
            counted=tuple(self._counted.values()),
            inherited=tuple(self._inherited),
        )
        self._reads, self._left, self._ended, self._counted, self._inherited = {}, [], [], {}, []
        return seen


def recorded(rules: Rules) -> PickRules:
    """The rules as a pick names them."""
    return PickRules(
        slots=rules.slots,
        user_limit=rules.user_limit,
        held_back=rules.held_back,
        lowest_share=rules.lowest_share,
        input_weight=rules.input_weight,
        output_weight=rules.output_weight,
        tiers=tuple(TierWeight(tier, weight) for tier, weight in sorted(rules.tier_weights_milli.items())),
    )


def rules_of(rules: PickRules) -> Rules:
    """The rules that a pick names."""
    return Rules(
        slots=rules.slots,
        user_limit=rules.user_limit,
        held_back=rules.held_back,
        lowest_share=rules.lowest_share,
        input_weight=rules.input_weight,
        output_weight=rules.output_weight,
        tier_weights_milli={weight.tier: weight.weight_milli for weight in rules.tiers},
    )
