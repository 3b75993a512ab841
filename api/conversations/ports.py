"""What conversations need of the projections, and of the log as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends

from api.access.own_models import OwnModels
from api.consistency.own_writes import OwnWrites
from api.consistency.ports import PastCommands
from api.http.gates import Gate
from api.http.providing import provided
from projections.conversation_lists.kinds import EVERY, Kind
from projections.conversation_lists.queries import ConversationPage
from projections.conversation_marks.queries import Marks
from projections.conversations.queries import ConversationRow
from projections.feedback.queries import Rating
from projections.messages.branch_queries import BranchPage
from projections.messages.lists import MessageList
from projections.messages.queries import MessagePage
from projections.messages.text_queries import TextPage
from projections.preferences.queries import FolderRow
from projections.replay.as_of import PastConversation
from projections.replay.looking_back import Check, LogSource
from projections.stored_generations.queries import Order
from topics.cuts import Cut

_T = TypeVar("_T")


class SearchReads(Protocol):
    """What a search reads. Every method raises StoreUnavailable when the projections cannot be asked."""

    async def conversations(self, user_id: str, cursor: str | None, limit: int, kind: Kind = EVERY) -> ConversationPage:
        """Raises BadCursor for a cursor that no page had; `cursor_after` a row is one."""

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        """None also for a deleted one."""

    async def texts(self, conversation_id: str, before: int | None, turns: int) -> TextPage:
        """What was said in at most `turns` turns before an order key (None: the newest), newest first."""


class ConversationReads(SearchReads, Protocol):
    """Conversations in the projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def marks(self, user_id: str, conversation_ids: Sequence[str]) -> Mapping[str, Marks]:
        """What the user has put to those of the conversations that have marks or settings of their own."""

    async def own_conversations(self, user_id: str, conversation_ids: Sequence[str]) -> frozenset[str]:
        """Those of the conversations that are there and the user's."""

    async def folders(self, user_id: str) -> Sequence[FolderRow]:
        """The user's folders, oldest first."""

    async def begun_at(self, conversation_id: str) -> int | None:
        """The order key of the conversation's first record; None if it is not there, or deleted."""

    async def messages(self, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        """Oldest first, a prompt before its answers. Raises BadCursor."""

    async def branch(
        self,
        conversation_id: str,
        *,
        leaf: str | None = None,
        through: str | None = None,
        before: str | None = None,
        limit: int = 60,
    ) -> BranchPage | None:
        """At most `limit` messages of a branch: the last ones, or those before `before`.

        It ends in `leaf`; or passes `through` (else `before`) and ends in its newest descendant; or ends in the newest
        message. None: a message that was named is not there, or not on the branch.
        """

    async def message_list(
        self, conversation_id: str, after: str | None = None, order: Order = "asc", limit: int = 100
    ) -> MessageList | None:
        """Messages of all branches in their order, beginning behind one; None: that is not there."""

    async def ratings(self, conversation_id: str, message_ids: Sequence[str]) -> Mapping[str, Rating]:
        """How those of a page's messages are rated that are."""


class PastOutOfReach(Exception):
    """The past cannot be read in the time and size there is for it. The message is the beginning of a sentence."""


class PastBusy(PastOutOfReach):
    """As many read the past as there is room for."""


class History(PastCommands, Protocol):
    """The log, as it was."""

    async def conversation(self, conversation_id: str, first: int, moment: Cut | int) -> tuple[Cut, PastConversation]:
        """A conversation at a cut, or at a time in milliseconds since 1970; and its part of the cut.

        `first`: the order key of its first record. Raises BadCut, PastOutOfReach, LogError.
        """

    async def look(self, work: Callable[[LogSource, Check], _T]) -> _T:
        """What `work` makes of the log, topics and archive as one. It blocks, so it runs in the past's own thread, and
        calls the check now and then, which ends it after a time or beyond a size. Raises as `work`, PastOutOfReach.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPorts:
    """What the routes of conversations need. `searches`: how many are run at once; `wait_s`: how long one waits."""

    reads: ConversationReads
    own_writes: OwnWrites
    own_models: OwnModels
    history: History
    searches: Gate
    wait_s: float


Conversations = Annotated[ConversationPorts, Depends(provided(ConversationPorts))]
