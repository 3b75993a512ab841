"""A turn for tests of single parts."""

from __future__ import annotations

from schemas import ids
from schemas.envelope import Position
from tests import records
from tests.unit.api.memory_log import PRICE

USER = ids.user_id("alice")
CONVERSATION = ids.conversation_id(USER, "k")
MESSAGE = ids.message_id(USER, CONVERSATION, "k")
TURN = records.turn(
    generation_id=ids.generation_id(MESSAGE),
    conversation_id=CONVERSATION,
    user_id=USER,
    message_id=MESSAGE,
    prompt_message_id=MESSAGE,
    model="m",
    price=PRICE,
    cause=Position(0, 1, 5),
)
