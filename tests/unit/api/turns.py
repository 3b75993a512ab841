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
    ids.generation_id(MESSAGE),
    CONVERSATION,
    USER,
    MESSAGE,
    MESSAGE,
    "chat",
    "m",
    PRICE,
    "hash",
    Position(0, 1, 5),
    Position(0, 0, 0),
)
