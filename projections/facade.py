"""All reads of the projections in one object. Reads come only from Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from infra.cassandra.session import CassandraSession
from infra.clock import monotonic_s
from infra.runtime.retrying import growing
from infra.settings.servers import CassandraSettings
from projections.accounts import queries as accounts
from projections.accounts.queries import ApiKeyRow, UserRow
from projections.commands import queries as commands
from projections.commands.queries import CommandRow
from projections.conversation_lists.kinds import EVERY, Kind
from projections.conversation_lists.queries import ConversationPage, conversation_page
from projections.conversation_marks.queries import Marks, UserMarks
from projections.conversations import queries as conversations
from projections.conversations.queries import ConversationRow
from projections.embeddings import queries as embeddings
from projections.embeddings.queries import EmbeddingRow
from projections.feedback import queries as feedback
from projections.feedback.queries import Rating
from projections.generations import queries as generations
from projections.generations.queries import GenerationRow
from projections.identities import queries as identities
from projections.identities.queries import Member, OrganisationRow
from projections.identities.standing import OrganisationStanding, UserStanding
from projections.messages import queries as messages
from projections.messages.branch_queries import BranchPage, branch
from projections.messages.context import ProjectedContext, context
from projections.messages.lists import MessageList, message_list
from projections.messages.queries import MessagePage
from projections.messages.rows import MessageRow
from projections.messages.text_queries import TextPage, texts
from projections.messages.turns import TurnPlace, turn_places
from projections.order import place
from projections.preferences import queries as preferences
from projections.preferences.queries import FolderRow, SnippetRow
from projections.reading import Tables
from projections.sign_ins import queries as sign_ins
from projections.sign_ins.queries import LinkRow, SessionRow
from projections.stored import StoredGeneration, StoredPage, stored_generation, stored_generations
from projections.stored_generations.queries import Order
from projections.usage import queries as usage
from projections.usage.queries import UsageRow
from projections.usage.sent import answers_since
from projections.usage_rollups.queries import Asked, SumRow, usage_sums
from projections.watermarks import LIVE, WATERMARKS
from schemas.envelope import Content
from schemas.outcome import Outcome
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, USAGE_RECORDS, Catalogue
from topics.epochs import Layout

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.04
# One write serves all projections of a topic, so any of them tells how far it has come.
_WAITED_FOR = {
    CONVERSATION_EVENTS: "conversation_lists",
    GENERATION_OUTCOMES: "messages",
    USAGE_RECORDS: "usage",
    ACCOUNT_EVENTS: "accounts",
}
_WATERMARKS = (
    f"SELECT topic, partition, next FROM {{{WATERMARKS.name}}} WHERE scope = ? AND projection = ? AND version = ?"  # noqa: S608 - our own names
)


class Projections:
    """Reads for one event loop. Every method may raise StoreUnavailable or StoreRefused.

    What belongs to a deleted conversation is not there, except what is said to be.
    """

    def __init__(self, session: CassandraSession, keyspace: str, topics: Catalogue | None = None) -> None:
        """`topics`: as the broker has them, for `wait_for`. None: no topic was ever grown."""
        self._session = session
        self._said = Layout(1) if topics is None else topics[CONVERSATION_EVENTS].layout
        self.tables = Tables(session, keyspace)

    @classmethod
    async def connect(cls, settings: CassandraSettings, topics: Catalogue | None = None) -> Projections:
        """Connect. Raises StoreUnavailable if no contact point answers, StoreRefused if the credentials are wrong."""
        return cls(await CassandraSession.connect(settings), settings.keyspace, topics)

    async def aclose(self) -> None:
        await self._session.aclose()

    async def ping(self) -> None:
        """Return if the tables can be read. Raises StoreUnavailable, StoreRefused."""
        await self.watermarks("conversations")

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        """The conversation, or None. Whose it is, the caller compares."""
        return await conversations.conversation(self.tables, conversation_id)

    async def begun_at(self, conversation_id: str) -> int | None:
        """The order key of the conversation's first record; None if it is not there, or deleted."""
        return await conversations.begun_at(self.tables, conversation_id)

    async def is_deleted(self, conversation_id: str) -> bool:
        """Whether the conversation's end is seen."""
        return (await conversations.changed(self.tables, conversation_id))[1]

    async def conversations(
        self, user_id: str, cursor: str | None = None, limit: int = 30, kind: Kind = EVERY
    ) -> ConversationPage:
        """A page of the user's conversations of a kind, the one last spoken to first. Raises BadCursor."""
        return await conversation_page(self.tables, user_id, cursor, limit, kind)

    async def marks(self, user_id: str, conversation_ids: Sequence[str]) -> Mapping[str, Marks]:
        """What the user has put to those of the conversations that have marks or settings of their own."""
        return await UserMarks(self.tables, user_id).of(conversation_ids)

    async def own_conversations(self, user_id: str, conversation_ids: Sequence[str]) -> frozenset[str]:
        """Those of the conversations that are there and the user's."""
        found: set[str] = set()
        for start in range(0, len(conversation_ids), conversations.MAX_AT_ONCE):
            some = conversation_ids[start : start + conversations.MAX_AT_ONCE]
            rows = (await conversations.conversations(self.tables, some)).values()
            found |= {row.conversation_id for row in rows if row.user_id == user_id}
        return frozenset(found)

    async def command(self, conversation_id: str, event_id: str) -> CommandRow | None:
        """The first command with this event id that carried a key; also the deletion of a deleted conversation."""
        return await commands.command(self.tables, conversation_id, event_id)

    async def messages(self, conversation_id: str, cursor: str | None = None, limit: int = 100) -> MessagePage:
        """A page of the conversation's messages, oldest first. Raises BadCursor."""
        return await messages.messages(self.tables, conversation_id, cursor, limit)

    async def message(self, conversation_id: str, message_id: str) -> MessageRow | None:
        """A message of the conversation that is not hidden; an answer's id is its generation's."""
        return await messages.message(self.tables, conversation_id, message_id)

    async def message_list(
        self, conversation_id: str, after: str | None = None, order: Order = "asc", limit: int = 100
    ) -> MessageList | None:
        """Messages of all branches in their order, beginning behind one; None: that is not there."""
        return await message_list(self.tables, conversation_id, after, order, limit)

    async def placed(self, conversation_id: str, message_ids: Sequence[str]) -> frozenset[str]:
        """Those of the messages that the conversation has, also before it is shown."""
        return await messages.placed(self.tables, conversation_id, message_ids)

    async def leaf(self, conversation_id: str) -> MessageRow | None:
        """The newest message: the answer (perhaps still running) to the last command."""
        return await messages.leaf(self.tables, conversation_id)

    async def branch(
        self,
        conversation_id: str,
        *,
        leaf: str | None = None,
        through: str | None = None,
        before: str | None = None,
        limit: int = 60,
    ) -> BranchPage | None:
        """A page of one branch; None: a message that was named is not there, or not on it."""
        return await branch(self.tables, conversation_id, leaf, through, before, limit)

    async def context(
        self, conversation_id: str, leaf_message_id: str | None, max_messages: int
    ) -> ProjectedContext | None:
        """The newest `max_messages` of the chain that ends with the leaf (None: no messages), as an engine is told it.

        None: the conversation or a message of the chain is not there, or an answer in it is still running.
        """
        return await context(self.tables, conversation_id, leaf_message_id, max_messages)

    async def turn_places(self, conversation_id: str, before: int | None, limit: int) -> list[TurnPlace]:
        """At most `limit` turns before an order key (None: from the newest), newest first; fewer: there are no more."""
        return await turn_places(self.tables, conversation_id, before, limit)

    async def texts(self, conversation_id: str, before: int | None, turns: int) -> TextPage:
        """What was said in the turns before an order key (None: the newest), newest first."""
        return await texts(self.tables, conversation_id, before, turns)

    async def ratings(self, conversation_id: str, message_ids: Sequence[str]) -> Mapping[str, Rating]:
        """How those of a page's messages are rated that are."""
        return await feedback.ratings(self.tables, conversation_id, message_ids)

    async def generation(self, generation_id: str) -> GenerationRow | None:
        """The generation as it was asked for; None also for one that is hidden."""
        row = await generations.generation(self.tables, generation_id)
        if row is None or (row.kind == "stateless" and not row.asked.store):
            return row
        hidden, deleted = await asyncio.gather(
            messages.hidden_in(self.tables, row.conversation_id), self.is_deleted(row.conversation_id)
        )
        return None if deleted or generation_id in hidden.shown else row

    async def stored_generation(self, user_id: str, generation_id: str) -> StoredGeneration | None:
        """An answer of this user with its whole command; None: there is none, it is deleted, or a stateless one that
        was not to be kept."""
        return await stored_generation(self.tables, user_id, generation_id)

    async def stored_generations(
        self,
        user_id: str,
        surface: str,
        *,
        after: str | None = None,
        order: Order = "desc",
        limit: int = 20,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredPage | None:
        """A page of the answers that the user asked for by `surface` with `store`; None: `after` is none of them."""
        return await stored_generations(
            self.tables, user_id, surface, after=after, order=order, limit=limit, model=model, metadata=metadata
        )

    async def outcome(self, generation_id: str) -> Outcome | None:
        """How the generation ended: the recorder's own record. None: it is unknown, still running, or erased."""
        row = await generations.generation(self.tables, generation_id)
        return None if row is None else await self.outcome_of_generation(row)

    async def outcome_of_generation(self, row: GenerationRow) -> Outcome | None:
        """As `outcome`, for a generation whose row is known."""
        return await messages.outcome(self.tables, row.conversation_id, row.key)

    async def open_generations(self, conversation_id: str) -> list[GenerationRow]:
        """Generations of the conversation without an outcome, also after the conversation's end."""
        return await generations.generations(self.tables, await messages.open_generations(self.tables, conversation_id))

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        """The valid key of this hash with all that is said of it; None for a revoked one."""
        plain, grant = await asyncio.gather(
            accounts.api_key(self.tables, key_sha256), identities.grant(self.tables, key_sha256)
        )
        row = grant.over(plain)
        return None if row is None or row.revoked else row

    async def keys(self, user_id: str) -> list[ApiKeyRow]:
        """All keys of a user, also revoked ones, oldest first."""
        plain, grants = await asyncio.gather(
            accounts.keys(self.tables, user_id), identities.grants(self.tables, user_id)
        )
        rows = {row.key_id: row for row in plain}
        found = [identities.NO_GRANT.over(row) if key not in grants else None for key, row in rows.items()]
        found += [grant.over(rows.get(key)) for key, grant in grants.items()]
        there = [row for row in found if row is not None]
        return sorted(there, key=lambda row: (row.created_at_us, row.key_id))

    async def users(self) -> list[UserRow]:
        """All users, oldest first."""
        return await accounts.users(self.tables)

    async def some_users(self, after: str, limit: int) -> list[UserRow]:
        """At most `limit` users behind one (empty: the first), in an order of the store's own."""
        return await accounts.some_users(self.tables, after, limit)

    async def user(self, user_id: str) -> UserRow | None:
        """The user as they are called now."""
        user, (_, profile) = await asyncio.gather(
            accounts.user(self.tables, user_id), identities.standing(self.tables, user_id)
        )
        return None if user is None else identities.named(user, profile)

    async def standing(self, user_id: str) -> UserStanding:
        """What is said of a user: roles, tier, suspension, organisations."""
        (said, _), memberships = await asyncio.gather(
            identities.standing(self.tables, user_id), identities.memberships(self.tables, user_id)
        )
        return replace(said, memberships=memberships)

    async def organisation_standing(self, organisation_id: str) -> OrganisationStanding:
        """What is said of an organisation that its members have of it."""
        return await identities.organisation_standing(self.tables, organisation_id)

    async def organisation(self, organisation_id: str) -> OrganisationRow | None:
        return await identities.organisation(self.tables, organisation_id)

    async def organisations(self, after: str, limit: int) -> list[OrganisationRow]:
        """At most `limit` organisations behind one (empty: the first), in an order of the store's own."""
        return await identities.organisations(self.tables, after, limit)

    async def members(self, organisation_id: str, after: str, limit: int) -> list[Member]:
        """At most `limit` members of an organisation behind a user id, in the order of ids."""
        return await identities.members(self.tables, organisation_id, after, limit)

    async def settings(self, user_id: str) -> Mapping[str, Content]:
        """What the user has set, as JSON by name."""
        return await preferences.settings(self.tables, user_id)

    async def folders(self, user_id: str) -> list[FolderRow]:
        """The user's folders, oldest first."""
        return await preferences.folders(self.tables, user_id)

    async def snippets(self, user_id: str) -> list[SnippetRow]:
        """The user's snippets, oldest first."""
        return await preferences.snippets(self.tables, user_id)

    async def account_command(self, user_id: str, event_id: str) -> CommandRow | None:
        """The first command of the user's own in account-events with this event id that carried a key."""
        return await preferences.account_command(self.tables, user_id, event_id)

    async def sessions_ended(self, user_id: str) -> int | None:
        """The order key of the record that ended all sessions of the user last; None: none ever did."""
        return await preferences.sessions_ended(self.tables, user_id)

    async def password_hash(self, user_id: str) -> str | None:
        """The hash of the user's password; None: they have none."""
        return await sign_ins.password_hash(self.tables, user_id)

    async def signed_in(self, session_sha256: str) -> SessionRow | None:
        """The session with this hash, also one that is over."""
        return await sign_ins.signed_in(self.tables, session_sha256)

    async def sessions(self, user_id: str) -> list[SessionRow]:
        """A user's sessions, oldest first, also those that are over."""
        return await sign_ins.sessions(self.tables, user_id)

    async def session_of_user(self, user_id: str, session_id: str) -> SessionRow | None:
        """The user's session with this id, also one that is over."""
        return await sign_ins.session_of_user(self.tables, user_id, session_id)

    async def linked_user(self, issuer: str, subject: str) -> str | None:
        """Whom the issuer calls so; None: nobody here."""
        return await sign_ins.linked_user(self.tables, issuer, subject)

    async def signed_out_at(self, issuer: str, name: str) -> int | None:
        """Until when the issuer ended what is kept under this name (projections.sign_ins.fold)."""
        return await sign_ins.signed_out_at(self.tables, issuer, name)

    async def one_time_link(self, token_sha256: str) -> LinkRow | None:
        """The link with this hash, used or not."""
        return await sign_ins.one_time_link(self.tables, token_sha256)

    async def one_time_links(self, at_us: int) -> list[LinkRow]:
        """One-time links, newest first, up to a bound: before all others those that are good at this time."""
        return await sign_ins.one_time_links(self.tables, at_us)

    async def user_made_at(self, user_id: str) -> int | None:
        """`projections.order.first_wins` of the record that made the user; None: none did (yet)."""
        return await accounts.user_made_at(self.tables, user_id)

    async def usage(self, user_id: str, since_us: int, until_us: int) -> list[UsageRow]:
        """The user's ledger from `since_us` to `until_us` (excluded), newest first."""
        return await usage.usage(self.tables, user_id, since_us, until_us)

    async def usage_sums(self, asked: Asked) -> Sequence[SumRow]:
        """The sums of a scope that make up a span of time. Raises TooManySums."""
        return await usage_sums(self.tables, asked)

    async def answers_since(self, user_id: str, since_us: int, until_us: int, most: int) -> int:
        """How many answers of the user ended from `since_us` to `until_us` (excluded); `most` where they are more."""
        return await answers_since(self.tables, user_id, since_us, until_us, most)

    async def embedding(self, embedding_id: str) -> EmbeddingRow | None:
        """The first record of a request for embeddings; None: there is none, or it is not in the tables yet."""
        return await embeddings.embedding(self.tables, embedding_id)

    async def watermarks(self, projection: str) -> dict[tuple[str, int], int]:
        """Per (topic, partition) the offset below which everything is in the projection's live tables."""
        version = await self.tables.live(projection)
        rows = await self.tables.select_unversioned(WATERMARKS.name, _WATERMARKS, (LIVE, projection, version))
        return {(topic, partition): place(key)[1] for topic, partition, key in rows}

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        """Wait until the record at each (topic, partition)'s offset is in the tables, and each generation's outcome.

        False: not within `timeout_s`. The watermarks answer; with `conversation_id`, and of conversation-events, that
        conversation's own row as well, sooner: its caller reads only that conversation.
        """
        deadline_s = monotonic_s() + timeout_s
        left, running = dict(offsets), list(generations)
        for pause_s in growing(_FIRST_PAUSE_S, _LONGEST_PAUSE_S, 1.5):
            left = await self._not_reached(left, conversation_id)
            running = [key for key in running if not await self._has_ended(key)]
            if not left and not running:
                return True
            if monotonic_s() + pause_s > deadline_s:
                break
            await asyncio.sleep(pause_s)
        return False

    async def _not_reached(
        self, offsets: dict[tuple[str, int], int], conversation_id: str | None
    ) -> dict[tuple[str, int], int]:
        left = offsets
        if conversation_id is not None:
            key, deleted = await conversations.changed(self.tables, conversation_id)
            shown = (-1, -1) if key is None else place(key)
            left = {
                (topic, partition): at
                for (topic, partition), at in left.items()
                if topic != CONVERSATION_EVENTS or (not deleted and (self._said.epoch_of(partition), at) > shown)
            }
        for projection in {_WAITED_FOR[topic] for topic, _ in left if topic in _WAITED_FOR}:
            reached = await self.watermarks(projection)
            left = {p: at for p, at in left.items() if at >= reached.get(p, 0)}
        return left

    async def _has_ended(self, generation_id: str) -> bool:
        row = await generations.generation(self.tables, generation_id)
        if row is None:
            return False
        if await messages.has_ended(self.tables, row.conversation_id, row.key):
            return True
        return row.kind != "stateless" and await self.is_deleted(row.conversation_id)
