"""moderation-verdicts: decisions of the policy and of reviewers. Key: conversation_id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.envelope import Content, Envelope
from schemas.families import members

Stage = Literal["prompt", "answer"]
Decision = Literal["allow", "block", "review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationVerdict:
    """`rule` names what matched (None: nothing did); never the text that did."""

    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    generation_id: str
    stage: Stage
    decision: Decision
    categories: tuple[str, ...]
    policy_version: str
    rule: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecided:
    envelope: Envelope
    conversation_id: str
    user_id: str
    message_id: str
    generation_id: str
    reviewer: str
    decision: Decision
    note: Content | None


ModerationEvent = ModerationVerdict | ReviewDecided
RECORDS = members(ModerationEvent)
