"""The messages from a leaf, parent by parent, to the root. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from projections.messages.rows import TurnRow
from schemas.conversation import ChatMessage


class Chain:
    """Walks over a conversation's turns, newest first; parents are always older than their children.

    What a policy refused stays out, prompt and answer, for it must reach no engine; so does an answer that has no text.
    A prompt that is itself the leaf is always there: it gets a new verdict.
    """

    def __init__(self, leaf_message_id: str, most: int) -> None:
        """`most`: how many messages at most, the newest ones. `reached`: order key of the last turn found."""
        self.wanted: str | None = leaf_message_id
        self.is_open = False
        self.truncated = False
        self.reached: int | None = None
        self._most = most
        self._newest_first: list[ChatMessage] = []
        self._came_by: Literal["nothing", "message", "answer", "refusal"] = "nothing"

    @property
    def finished(self) -> bool:
        """Whether nothing more is wanted: the root is reached, or `most`, or an answer that is still running."""
        return self.wanted is None or self.is_open or self.truncated

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """What has been found, oldest first."""
        return tuple(reversed(self._newest_first))

    def take(self, turns: Iterable[TurnRow]) -> bool:
        """Walk on over older turns; whether any of them belongs to the chain."""
        before = self.wanted
        for turn in turns:
            if self.finished:
                break
            self._take(turn)
        return self.wanted != before or self.finished

    def _take(self, turn: TurnRow) -> None:
        reply, prompt = turn.reply, turn.prompt
        if self.wanted == reply.message_id:
            if not self._may_pass(turn):
                return
            if self._came_by == "answer" and reply.content:
                self._add(ChatMessage("assistant", reply.content))
            self.wanted = reply.parent_message_id
        elif prompt is not None and self.wanted == prompt.message_id:
            # Led here by another answer to this prompt, that one decides; else this turn's own does.
            if self._came_by == "message" and not self._may_pass(turn):
                return
            self.reached = turn.cause
        else:
            return
        if prompt is not None and self.wanted == prompt.message_id and not self.truncated:
            if self._came_by != "refusal":
                self._add(ChatMessage("user", prompt.content))
            self.wanted = prompt.parent_message_id
            self._came_by = "message"

    def _may_pass(self, turn: TurnRow) -> bool:
        self.reached = turn.cause
        status = turn.reply.status
        if status == "running":
            self.is_open = True
            return False
        self._came_by = "refusal" if status == "refused" else "answer"
        return True

    def _add(self, message: ChatMessage) -> None:
        if len(self._newest_first) == self._most:
            self.truncated = True
        else:
            self._newest_first.append(message)
