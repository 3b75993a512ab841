"""How a conversation is compacted: what the model is told to do with it. Pure.

Who asks for it gives the answer to a later prompt in place of the messages that it stands for.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.conversation import ChatMessage

INSTRUCTION = (
    "Summarise the conversation above so that it can be continued from your summary alone. Keep all facts, decisions,"
    " names, numbers, code and open questions that may matter later, and what the user asks for. Write in the language"
    " of the conversation. Answer with the summary and nothing else."
)


def compaction_messages(given: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
    """What follows the history: the messages that the request brought, and the instruction."""
    return (*given, ChatMessage("user", INSTRUCTION))
