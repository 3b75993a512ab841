"""The messages from a leaf, parent by parent, to the root. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from projections.messages.answers import Said, answer_message, appended_message, each_answered, without_orphans
from projections.messages.hidden import NOTHING, Hidden
from projections.messages.rows import AppendedRow, MessageRow, SaidRow, TurnRow
from schemas.conversation import ChatMessage


class Chain:
    """Walks over a conversation's turns, newest first; parents are always older than their children.

    What a policy refused stays out, prompt and answer, for it must reach no engine; so does an answer that has neither
    text nor calls. `told` leaves out what its user deleted too, with the results of calls that are gone with it, and
    puts a prompt without an answer together with the next one.
    A prompt that is itself the leaf is always there: it gets a new verdict.
    """

    def __init__(self, leaf_message_id: str, most: int) -> None:
        """`most`: how many messages at most, the newest ones. `reached`: order key of the last turn found."""
        self.wanted: str | None = leaf_message_id
        self.is_open = False
        self.truncated = False
        self.reached: int | None = None
        self._most = most
        self._newest_first: list[Said] = []
        self._judged = False
        self._came_by: Literal["nothing", "message", "answer", "refusal"] = "nothing"

    @property
    def finished(self) -> bool:
        """Whether nothing more is wanted: the root is reached, or `most`, or an answer that is still running."""
        return self.wanted is None or self.is_open or self.truncated

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """What has been found, oldest first."""
        return tuple(said.message for said in reversed(self._newest_first))

    def unjudged(self, hidden: Hidden) -> tuple[ChatMessage, ...]:
        """Of what may be told that which no prompt was judged with: messages that no turn brought, appended or
        imported, behind the newest answer that has completed. Oldest first."""
        return tuple(
            said.message for said in reversed(self._newest_first) if not said.judged and said.owner not in hidden.told
        )

    def told(self, hidden: Hidden = NOTHING) -> tuple[tuple[ChatMessage, ...], bool]:
        """Of what has been found that which engines may be told, oldest first; and whether it ends with a prompt that
        has no answer."""
        said = [said for said in reversed(self._newest_first) if said.owner not in hidden.told]
        messages, unanswered = each_answered(said)
        return without_orphans(messages) if hidden.told else messages, unanswered

    def take(self, rows: Iterable[SaidRow]) -> bool:
        """Walk on over older rows; whether any of them belongs to the chain."""
        before = self.wanted
        for row in rows:
            if self.finished:
                break
            if isinstance(row, AppendedRow):
                self._take_appended(row)
            else:
                self._take(row)
        return self.wanted != before or self.finished

    def _take(self, turn: TurnRow) -> None:
        reply, prompt = turn.reply, turn.prompt
        if self.wanted == reply.message_id:
            if not self._may_pass(turn):
                return
            if self._came_by == "answer" and (answered := answer_message(reply)) is not None:
                self._add(reply, (answered,))
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
                self._add(prompt, prompt.messages or (ChatMessage("user", prompt.content),), asks=True)
            self.wanted = prompt.parent_message_id
            self._came_by = "message"

    def _take_appended(self, row: AppendedRow) -> None:
        last = True
        for message in reversed(row.messages):
            if self.wanted != message.message_id or self.truncated:
                continue
            self.reached = row.cause
            said = appended_message(message)
            if said is not None:
                self._add(message, (said,), judged=self._judged, asks=last)
            # What stands before an answer that is left out has none.
            last = said is None
            self.wanted = message.parent_message_id
            self._came_by = "message"

    def _may_pass(self, turn: TurnRow) -> bool:
        self.reached = turn.cause
        status = turn.reply.status
        if status == "running":
            self.is_open = True
            return False
        self._came_by = "refusal" if status == "refused" else "answer"
        # Its prompt was judged together with all that it followed, for a model has answered it.
        self._judged = self._judged or status == "completed"
        return True

    def _add(
        self, row: MessageRow, messages: tuple[ChatMessage, ...], *, judged: bool = True, asks: bool = False
    ) -> None:
        for message in reversed(messages):
            if len(self._newest_first) == self._most:
                self.truncated = True
                return
            self._newest_first.append(Said(row.message_id, message, judged, asks))
            asks = False
