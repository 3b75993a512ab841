"""Token counts cached by message: a conversation's history is counted once, not with every prompt."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from infra.runtime.bounded import Bounded
from schemas.conversation import ChatMessage
from schemas.envelope import plain
from streams.conversation.ports import Counter

REMEMBERED = 50_000
_Key = tuple[str, str | None, bytes]


class RememberedCounts:
    """A Counter in front of another one. Holds digests, no content."""

    def __init__(self, counter: Counter, most: int = REMEMBERED) -> None:
        self._counter = counter
        self._counts: Bounded[_Key, int] = Bounded(most)

    @property
    def frame(self) -> int:
        return self._counter.frame

    def count_message(self, message: ChatMessage) -> int:
        key = self._key(message)
        known = self._counts.get(key)
        if known is None:
            known = self._counts[key] = self._counter.count_message(message)
        return known

    def remember(self, message: ChatMessage, tokens: int) -> None:
        """`message` was counted elsewhere, with the same tokenizer."""
        self._counts[self._key(message)] = tokens

    def count_messages(self, messages: Sequence[ChatMessage]) -> int:
        return self.frame + sum(map(self.count_message, messages))

    @staticmethod
    def _key(message: ChatMessage) -> _Key:
        return message.role, message.name, blake2b(_said(message), digest_size=16).digest()


def _said(message: ChatMessage) -> bytes:
    """What tells this message from others of its role and name: text, or parts."""
    if not message.parts:
        return plain(message.content).encode()
    return repr(message.parts).encode("utf-8", "surrogatepass")
