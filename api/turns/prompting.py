"""Building the commands that ask a model for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from api.http.errors import bad_request, context_length_exceeded
from infra.clock import now_us
from infra.models.catalogue import ModelSpec
from infra.models.tokenizers import TokenCounter
from schemas.conversation import ChatMessage
from schemas.messages import characters

Counted = TypeVar("Counted")
INLINE_CHARACTERS = 4_096
"""Texts up to this length are counted on the loop; longer ones in a thread."""
_A_MESSAGE = 64
"""Characters that one message more is as much work as."""
SERVICE_CLASS: Final = "interactive"
MAX_LONG_AT_ONCE = 2


class PromptSizes:
    """Counts the tokens of prompts: so many long ones at once, in threads."""

    def __init__(self, max_long: int = MAX_LONG_AT_ONCE) -> None:
        self._long = asyncio.Semaphore(max_long)

    async def check_context(self, spec: ModelSpec, messages: Sequence[ChatMessage], param: str) -> int:
        """The tokens of a prompt of these messages. Raises ApiError 400 when they leave the model none to answer
        with."""
        counter = TokenCounter.of(spec)
        if sum(characters(message) + _A_MESSAGE for message in messages) <= INLINE_CHARACTERS:
            tokens = counter.count_messages(messages)
        else:
            async with self._long:
                tokens = await asyncio.to_thread(counter.count_messages, messages)
        if tokens >= spec.context_tokens:
            counted = str(tokens) if tokens < counter.most else f"at least {tokens}"
            raise context_length_exceeded(spec.context_tokens, counted, param)
        return tokens

    async def counted(self, size: int, count: Callable[[], Counted]) -> Counted:
        """What `count` makes of texts of so many characters: in a thread, if they are many."""
        if size <= INLINE_CHARACTERS:
            return count()
        async with self._long:
            return await asyncio.to_thread(count)


def deadline_us(spec: ModelSpec) -> int:
    """The deadline of a turn that begins now."""
    return now_us() + int(spec.deadlines.total_s * 1_000_000)


def required_text(text: str, param: str) -> str:
    """`text`, if it says anything. Raises ApiError 400."""
    if not text.strip():
        raise bad_request(f"Invalid value for '{param}': it is empty.", param=param)
    return text
