"""A turn for tests of single parts."""

from __future__ import annotations

from schemas import ids
from schemas.envelope import Position
from schemas.generation import Turn
from tests.unit.api.memory_log import PRICE

USER = ids.user_id("alice")
CONVERSATION = ids.conversation_id(USER, "k")
MESSAGE = ids.message_id(USER, CONVERSATION, "k")
TURN = Turn(
    generation_id=ids.generation_id(MESSAGE),
    conversation_id=CONVERSATION,
    user_id=USER,
    message_id=MESSAGE,
    prompt_message_id=MESSAGE,
    kind="chat",
    model="m",
    price=PRICE,
    request_hash="hash",
    cause=Position(0, 1, 5),
    tail=Position(0, 0, 0),
)
