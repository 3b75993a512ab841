"""Recent writes of this process, so that its own clients see them, with or without a position token.

A cache, bounded and lossy: tokens are what reads may rely on. It spares a client who does not send them the surprise
of a conversation that is not there yet, a deleted one that still is, or a prompt answered without its last turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from api.consistency.position_tokens import PositionToken, join, token_of
from infra.runtime.bounded import Bounded
from schemas.envelope import Position
from topics.catalogue import CONVERSATION_EVENTS

MAX_CONVERSATIONS = 20_000
MAX_USERS = 20_000


@dataclass(frozen=True, slots=True)
class Written:
    """`started`: it was begun here, by `user_id`, with this model. `seen`: what a read of it should show."""

    user_id: str
    seen: PositionToken
    started: bool = False
    deleted: bool = False
    model: str | None = None


class OwnWrites:
    """By conversation, and by user for what lists them; the least recently written is forgotten first."""

    def __init__(self, most: int = MAX_CONVERSATIONS, most_users: int = MAX_USERS) -> None:
        self._written: Bounded[str, Written] = Bounded(most)
        self._by_user: Bounded[str, PositionToken] = Bounded(most_users)

    def find(self, conversation_id: str) -> Written | None:
        return self._written.get(conversation_id)

    def seen(self, conversation_id: str) -> PositionToken:
        written = self._written.get(conversation_id)
        return PositionToken() if written is None else written.seen

    def started(self, conversation_id: str, user_id: str, model: str | None, at: Position) -> PositionToken:
        return self._note(conversation_id, Written(user_id, PositionToken(), started=True, model=model), at)

    def wrote(self, conversation_id: str, user_id: str, at: Position) -> PositionToken:
        """A command of the conversation stands at `at`. Returns the token to answer."""
        return self._note(conversation_id, self._of(conversation_id, user_id), at)

    def deleted(self, conversation_id: str, user_id: str, at: Position) -> PositionToken:
        return self._note(conversation_id, replace(self._of(conversation_id, user_id), deleted=True), at)

    def finished(self, conversation_id: str, generation_id: str) -> None:
        """An answer of the conversation was seen to end: its outcome is to be waited for."""
        written = self._written.get(conversation_id)
        if written is not None:
            newest = PositionToken(written.seen.offsets, (generation_id,))
            self._written[conversation_id] = replace(written, seen=newest)

    def deleted_here(self, conversation_id: str) -> bool:
        """Whether it is known here that the conversation is gone, whatever reads still show."""
        written = self._written.get(conversation_id)
        return written is not None and written.deleted

    def in_lists(self, user_id: str, topic: str) -> PositionToken:
        """What the user's lists should show of a topic."""
        token = self._by_user.get(user_id) or PositionToken()
        return PositionToken(tuple((place, offset) for place, offset in token.offsets if place[0] == topic))

    def shown(self, user_id: str, token: PositionToken) -> None:
        """Reads have shown this: it is waited for no more."""
        known = self._by_user.get(user_id)
        if known is None:
            return
        left = tuple(part for part in known.offsets if part not in token.offsets)
        if left:
            self._by_user[user_id] = PositionToken(left)
        else:
            del self._by_user[user_id]

    def wrote_of_user(self, user_id: str, topic: str, at: Position) -> PositionToken:
        """A command of the user's own stands at `at` in a topic. Returns the token to answer."""
        token = token_of([(topic, at.partition, at.offset)])
        self._by_user[user_id] = join(self._by_user.get(user_id) or PositionToken(), token)
        return token

    def _of(self, conversation_id: str, user_id: str) -> Written:
        return self._written.get(conversation_id) or Written(user_id, PositionToken())

    def _note(self, conversation_id: str, written: Written, at: Position) -> PositionToken:
        token = self.wrote_of_user(written.user_id, CONVERSATION_EVENTS, at)
        self._written[conversation_id] = replace(written, seen=join(written.seen, token))
        return token
