"""What is shared fairly: work, among flows. Pure, and in whole numbers: a replay gets the same to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.generation import AttemptStarted, GenerationRequested
from schemas.limits import MAX_TOKENS
from topics.catalogue import pool_and_class

CLASS_WEIGHTS_MILLI: Mapping[str, int] = {"interactive": 8000, "background": 1000}
INPUT_WEIGHT = 1
OUTPUT_WEIGHT = 2
"""The work of a token of a prompt, and of an answer. What is generated takes a step of the engine for each token."""
SHARE_SCALE = 1_000_000
DEFAULT_TIER = "default"
LIGHT_WAITING = 2
"""So many waiting jobs has a light user at most."""
MAX_WEIGHT_MILLI = 1_000_000


class Flow(NamedTuple):
    """Whose turn it is. All jobs of one flow are served in their order."""

    service_class: str
    tier: str
    account: str
    user_id: str

    @property
    def band(self) -> tuple[str, str]:
        """Class and tier: within one all flows weigh the same."""
        return self[0], self[1]


@dataclass(frozen=True, slots=True)
class Rules:
    """What one worker goes by.

    `slots`: how many jobs run at once, `user_limit`: how many of them of one user. `held_back`: so many slots only
    light users get. `lowest_share`: percent of the work that the lowest band gets while it waits, however many do.
    """

    slots: int
    user_limit: int
    held_back: int = 0
    lowest_share: int = 5
    input_weight: int = INPUT_WEIGHT
    output_weight: int = OUTPUT_WEIGHT
    tier_weights_milli: Mapping[str, int] = field(default_factory=dict)

    def weight_milli(self, service_class: str, tier: str) -> int:
        """A flow's weight in thousandths; a tier that is not named weighs 1, as does a class."""
        weight = CLASS_WEIGHTS_MILLI.get(service_class, 1000) * self.tier_weights_milli.get(tier, 1000) // 1000
        return min(max(weight, 1), MAX_WEIGHT_MILLI)

    def start_work(self, prompt_tokens: int) -> int:
        """What a start is charged."""
        return min(max(prompt_tokens, 0), MAX_TOKENS) * self.input_weight


def usual_user_limit(slots: int) -> int:
    """Some slots are always out of one user's reach, so that another's first job finds one soon."""
    return max(1, slots - max(1, slots // 8))


def flow_of(job: GenerationRequested) -> Flow:
    """The flow of a job."""
    turn = job.turn
    account = turn.user_id if turn.attribution is None else turn.attribution.account
    return Flow(job.service_class, job.tier, account, turn.user_id)


def flow_of_start(started: AttemptStarted, topic: str) -> Flow:
    """The flow of an attempt whose job stood in `topic`."""
    turn = started.turn
    service_class = pool_and_class(topic)[1]
    if turn.attribution is None:
        return Flow(service_class, DEFAULT_TIER, turn.user_id, turn.user_id)
    return Flow(service_class, turn.attribution.tier, turn.attribution.account, turn.user_id)
