"""The reactor of conversations, with models and limits as a test needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from infra.moderation.policy import Policy
from infra.moderation.policy_file import load_policy
from schemas.conversation import ChatMessage, Sampling
from schemas.envelope import plain
from schemas.generation import GenerationEnded, GenerationRequested
from schemas.price import Price
from schemas.turns import Command, turn_of
from streams.conversation.ports import Context, NoHistory
from streams.conversation.reactor import End, Job, Verdict, react
from tests.records import CAUSE
from topics.catalogue import MODERATION_VERDICTS, TOKEN_CHUNKS

POLICY = load_policy()
PRICE = Price("v", "USD", 1, 1, 1)
NOTHING = NoHistory()


class Words:
    """Counts words; a prompt's frame is 2 tokens, a message's 1."""

    frame = 2

    def count_message(self, message: ChatMessage) -> int:
        return 1 + len(plain(message.content).split())

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        return self.frame + sum(map(self.count_message, messages))


@dataclass(frozen=True)
class Limits:
    first_token_s: float = 30.0
    inter_token_s: float = 20.0


@dataclass(frozen=True)
class SmallModel:
    id: str = "model"
    pool: str = "default"
    context_tokens: int = 100
    price: Price = PRICE
    system_prompt: str | None = None
    deadlines: Limits = Limits()

    def sampling(self, asked: Sampling) -> Sampling:
        return replace(asked, max_tokens=min(asked.max_tokens or 40, 40))


def follow(
    command: Command, context: Context | None = NOTHING, model: Any = SmallModel(), policy: Policy = POLICY
) -> tuple[Verdict, Job | End]:
    return react(command, turn_of(command, CAUSE, PRICE), context, model, Words(), policy, maybe_repeat=False)


def job_of(outs: tuple[Verdict, Job | End]) -> GenerationRequested:
    assert outs[0].topic == MODERATION_VERDICTS
    assert isinstance(outs[1].record, GenerationRequested)
    return outs[1].record


def end_of(outs: tuple[Verdict, Job | End]) -> GenerationEnded:
    assert [out.topic for out in outs] == [MODERATION_VERDICTS, TOKEN_CHUNKS]
    assert isinstance(outs[1].record, GenerationEnded)
    return outs[1].record
