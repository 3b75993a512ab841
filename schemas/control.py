"""control: cancel notices for workers. The truth is in token-chunks; a lost cancel notice costs time, never truth.

Key: generation_id.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """A GenerationEnded for `generation_id` stands in token-chunks: stop its engine call."""

    envelope: Envelope
    generation_id: str
    conversation_id: str
    reason: str


RECORDS = (CancelRequested,)
