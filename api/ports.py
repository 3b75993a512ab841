"""What the api needs of the log, of the projections and of the limiter: narrow, so that fakes can be held to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from projections.accounts.queries import ApiKeyRow, UserRow
from projections.commands.queries import CommandRow
from projections.conversation_lists.queries import ConversationPage
from projections.conversations.queries import ConversationRow
from projections.feedback.queries import Rating
from projections.generations.queries import GenerationRow
from projections.messages.branch_queries import BranchPage
from projections.messages.queries import MessagePage
from projections.messages.rows import MessageRow
from projections.messages.text_queries import TextPage
from projections.messages.turns import TurnPlace
from projections.replay.as_of import PastConversation
from projections.replay.looking_back import Check, Source
from schemas.envelope import Position
from schemas.outcome import Outcome
from topics.cuts import Cut
from topics.topic import R, Topic

_T = TypeVar("_T")


class Log(Protocol):
    """Writing to the log."""

    async def send(self, topic: Topic[R], key: str, record: R) -> Position:
        """Produce one record; returns its place once acknowledged. Raises LogUnavailable."""

    def fire(self, topic: str, key: str, value: bytes) -> None:
        """Produce a framed record whose loss is harmless. Raises LogUnavailable when the queue is full."""


class Ends(Protocol):
    """How far the log goes now."""

    async def newest(self, topic: str, key: str | None = None) -> Mapping[tuple[str, int], int]:
        """The newest offset by (topic, partition), of the key's partition or of all; empty ones are left out.

        Raises LogUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Admission:
    """What the limiter says of one request. Durations in seconds; `limited` False where Redis could not be asked."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: float
    retry_after_s: float
    limited: bool = True


class Limiter(Protocol):
    async def admit(self, key_id: str) -> Admission:
        """Take one token of the key's bucket. Never raises for a limiter that is away."""


class LinksUnavailable(Exception):
    """Which links were used cannot be asked."""


class Links(Protocol):
    """Which one-time links were used."""

    async def take(self, nonce: str, for_s: int) -> bool:
        """Whether this is the first time in `for_s` seconds, among all processes. Raises LinksUnavailable."""


class AccountReads(Protocol):
    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        """The key with this hash; None if there is none (yet)."""

    async def keys(self, user_id: str) -> Sequence[ApiKeyRow]:
        """A user's keys, revoked ones too."""


class Reads(AccountReads, Protocol):
    """The projections. Every method raises StoreUnavailable when they cannot be asked."""

    async def user(self, user_id: str) -> UserRow | None:
        """None for one that nobody has (yet)."""

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        """None also for a deleted one."""

    async def begun_at(self, conversation_id: str) -> int | None:
        """The offset of the conversation's first record in conversation-events; None if it is not there, or deleted."""

    async def conversations(self, user_id: str, cursor: str | None, limit: int) -> ConversationPage:
        """Raises BadCursor for a cursor that no page had; `cursor_after` a row is one."""

    async def command(self, conversation_id: str, event_id: str) -> CommandRow | None:
        """The first command with this event id that carried a key; also the deletion of a deleted conversation."""

    async def messages(self, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        """Oldest first, a prompt before its answers. Raises BadCursor."""

    async def message(self, conversation_id: str, message_id: str) -> MessageRow | None:
        """An answer's id is its generation's; it is `running` as long as it has no outcome."""

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

    async def turn_places(self, conversation_id: str, before: int | None, limit: int) -> Sequence[TurnPlace]:
        """At most `limit` turns before an order key (None: from the newest), newest first; fewer: there are no more."""

    async def texts(self, conversation_id: str, before: int | None, turns: int) -> TextPage:
        """What was said in at most `turns` turns before an order key (None: the newest), newest first."""

    async def ratings(self, conversation_id: str, message_ids: Sequence[str]) -> Mapping[str, Rating]:
        """How those of a page's messages are rated that are."""

    async def leaf(self, conversation_id: str) -> MessageRow | None:
        """The newest message; None in a conversation without any."""

    async def generation(self, generation_id: str) -> GenerationRow | None:
        """The generation as its first command asked for it. None in a deleted conversation."""

    async def outcome(self, generation_id: str) -> Outcome | None:
        """The recorder's own record; None: still running, or not here yet."""

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        """Wait until reads show at least this; False if they do not within the time.

        With `conversation_id`, offsets of conversation-events are of that conversation's records.
        """


class PastOutOfReach(Exception):
    """The past cannot be read in the time and size there is for it. The message is the beginning of a sentence."""


class PastBusy(PastOutOfReach):
    """As many read the past as there is room for."""


class Past(Protocol):
    """The log, as it was."""

    async def conversation(self, conversation_id: str, first: int, moment: Cut | int) -> tuple[Cut, PastConversation]:
        """A conversation at a cut, or at a time in milliseconds since 1970; and its part of the cut.

        `first`: the offset of its first record. Raises BadCut, PastOutOfReach, LogError.
        """

    async def look(self, work: Callable[[Source, Check], _T]) -> _T:
        """What `work` makes of the log, topics and archive as one. It blocks, so it runs in the past's own thread, and
        calls the check now and then, which ends it after a time or beyond a size. Raises as `work`, PastOutOfReach.
        """
