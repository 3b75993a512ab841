"""Why a job was started when it was: what a worker's scheduler saw, so that anyone can work its picks out again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PickReason = Literal["fair", "aged", "held_back"]


@dataclass(frozen=True, slots=True)
class JobRead:
    """A job of a jobs topic, by its place."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class ChunksRead:
    """How far a partition of token-chunks was read: the offset of the next record."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class FlowLead:
    """How far a flow was ahead of the others where its jobs came from, in units of its share of work."""

    service_class: str
    tier: str
    account: str
    user_id: str
    lead: int


@dataclass(frozen=True, slots=True)
class TierWeight:
    """The weight of a tier, in thousandths."""

    tier: str
    weight_milli: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRules:
    """What a domain goes by from its first pick on: `topics.fairness.flows.Rules`."""

    slots: int
    user_limit: int
    held_back: int
    lowest_share: int
    input_weight: int
    output_weight: int
    tiers: tuple[TierWeight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What has changed in a domain since the pick before, which is all that a pick depends on.

    `reads`: jobs that began to wait, in their order. `left`: jobs that wait no more without having been picked.
    `ended`: the numbers of picks whose slots came free. `counted`: up to where in each partition of token-chunks the
    output of the domain's attempts is counted. `inherited`: leads of flows whose jobs came from another worker.
    """

    reads: tuple[JobRead, ...] = ()
    left: tuple[JobRead, ...] = ()
    ended: tuple[int, ...] = ()
    counted: tuple[ChunksRead, ...] = ()
    inherited: tuple[FlowLead, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LostPick:
    """A pick of which no attempt came: its generation had ended, or the worker did not own it any more."""

    number: int
    job: JobRead
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """Why a worker started this job before the others that waited: enough to work it out again from the log.

    `domain`: the picks of one worker process, and `number` the pick's among them, from 1. `job`: the one picked.
    `charged`: the counter of the job's flow before the pick, `floor` that of the last fair pick: in units of its share.
    `work`: what the start is charged, in units of work. `weight_milli`: the weight of the flow, in thousandths.
    `lost`: picks before it that began nothing and have ended. `rules`: those of the domain, at its first picks.
    `doubtful`: the log did not say of a record of this domain whether it took it, so counters may be off by it.
    """

    domain: str
    reason: PickReason
    number: int
    job: JobRead
    charged: int
    floor: int
    work: int
    weight_milli: int
    seen: Seen
    lost: tuple[LostPick, ...] = ()
    rules: PickRules | None = None
    doubtful: bool = False
