"""The state of one conversation, generation or user at a cut. Pure.

The records of that one go through the same folds and the same merge as the tables' rows, so nothing is said here that
the queries would not have said at that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from projections.accounts.queries import ApiKeyRow, UserRow
from projections.accounts.table import KEYS_BY_USER, USERS
from projections.content import from_optional_cell
from projections.conversation_marks import queries as conversation_marks
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.conversation_marks.table import CONVERSATION_MARKS
from projections.conversations import queries as conversations
from projections.conversations.queries import ConversationRow
from projections.conversations.table import CONVERSATIONS
from projections.feedback.queries import Rating, ratings_of
from projections.feedback.table import FEEDBACK
from projections.generations import queries as generations
from projections.generations.queries import GenerationRow
from projections.generations.table import GENERATIONS
from projections.messages.hidden import hidden_of
from projections.messages.rows import NEW_TURN_COLUMNS, TURN_COLUMNS, MessageRow, counting, messages_of, said_row
from projections.messages.table import MESSAGE_PLACES, MESSAGES
from projections.preferences import queries as preferences
from projections.preferences.queries import FolderRow, SnippetRow
from projections.preferences.table import FOLDERS, SETTINGS, SNIPPETS
from projections.registry import PROJECTIONS
from projections.replay.folding import Parked, RecordFold
from projections.replay.merged import NEVER, Layer, Source, merged
from projections.rows import Erase, Table
from schemas.envelope import Content
from topics.catalogue import Catalogue
from topics.log import RawRecord

_Place = tuple[str, tuple[Any, ...]]
_CONVERSATION = ", ".join((conversations.COLUMNS, *conversations.NEW_COLUMNS))


@dataclass(frozen=True, slots=True)
class PastConversation:
    """A conversation as it was. `row` None: it had not begun, or was `deleted`. `ratings`: by message. `marks`: as far
    as the cut names account-events."""

    row: ConversationRow | None
    deleted: bool
    messages: tuple[MessageRow, ...]
    ratings: Mapping[str, Rating] = field(default_factory=dict)
    marks: Marks = UNMARKED


class Past:
    """Takes records below a cut, in any order, and says what they make."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._folds = [(p.topics, RecordFold(p, catalogue)) for p in PROJECTIONS if not p.counts]
        self._layers: dict[_Place, list[Layer]] = {}
        self._erased: dict[_Place, int] = {}
        self.records = 0

    def take(self, raw: RawRecord) -> None:
        """A record; one that makes no rows is passed over, as the projector does."""
        self.records += 1
        source = Source(raw.topic, raw.partition, raw.offset)
        for topics, fold in self._folds:
            changes = fold.changes(raw) if raw.topic in topics else ()
            for change in () if isinstance(changes, Parked) else changes:
                place = change.table.name, change.key
                if isinstance(change, Erase):
                    self._erased[place] = max(change.timestamp, self._erased.get(place, NEVER))
                else:
                    layer = Layer(change.timestamp, source, change.cells)
                    self._layers.setdefault(place, []).append(layer)

    def rows(self, table: Table) -> dict[tuple[Any, ...], dict[str, Any]]:
        """The table's rows by key, in the order of their keys."""
        width = len(table.partition_key)
        found = {}
        for (name, key), layers in sorted(self._layers.items()):
            if name == table.name:
                cells = merged(layers, self._erased.get((name, key[:width]), NEVER))
                if cells:
                    found[key] = {column: cell.value for column, cell in cells.items()}
        return found

    def conversation(self, conversation_id: str) -> PastConversation:
        """The conversation with its messages, oldest first."""
        values = self._values(CONVERSATIONS, _CONVERSATION).get((conversation_id,))
        if values is None:
            return PastConversation(None, False, ())
        rows = self._values(MESSAGES, ", ".join(("conversation_id", TURN_COLUMNS, *NEW_TURN_COLUMNS)))
        turns = [
            turn
            for (owner, _), row in rows.items()
            if owner == conversation_id and (turn := said_row(conversation_id, row[1:])) is not None
        ]
        placed = {key: cells for (owner, key), cells in self.rows(MESSAGE_PLACES).items() if owner == conversation_id}
        places = {message_id: cells["cause"] for message_id, cells in placed.items() if "cause" in cells}
        row = conversations.row_of(values)
        shown = () if row is None else tuple(messages_of(counting(turns, places), hidden_of(placed)))
        rated = ratings_of(
            (message_id, cells.get("rating"))
            for (owner, message_id), cells in self.rows(FEEDBACK).items()
            if owner == conversation_id
        )
        marks = UNMARKED if row is None else self.marks(row.user_id).get(conversation_id, UNMARKED)
        return PastConversation(row, conversations.is_deleted(values), shown, rated, marks)

    def owner(self, conversation_id: str) -> str | None:
        """Whose conversation it is; None: it had not begun, or was deleted."""
        place = CONVERSATIONS.name, (conversation_id,)
        cells = merged(self._layers.get(place, []), self._erased.get(place, NEVER))
        return cells["user_id"].value if "user_id" in cells else None

    def marks(self, user_id: str) -> dict[str, Marks]:
        """What the user had put to conversations."""
        values = self._values(CONVERSATION_MARKS, f"user_id, {conversation_marks.COLUMNS}").values()
        found = {row[1]: conversation_marks.marks_of(row[1:]) for row in values if row[0] == user_id}
        folders = self._values(FOLDERS, "user_id, folder_id, deleted").values()
        gone = frozenset(folder_id for owner, folder_id, deleted in folders if owner == user_id and deleted)
        return conversation_marks.without_folders(found, gone)

    def settings(self, user_id: str) -> dict[str, Content]:
        """What the user had set, as JSON by name."""
        values = self._values(SETTINGS, "user_id, name, value").values()
        return {name: value for owner, name, cell in values if owner == user_id and (value := from_optional_cell(cell))}

    def folders(self, user_id: str) -> list[FolderRow]:
        """The user's folders."""
        values = self._values(FOLDERS, "user_id, folder_id, name, created_at_us, deleted").values()
        return [found for row in values if row[0] == user_id and (found := preferences.folder_of(row[1:]))]

    def snippets(self, user_id: str) -> list[SnippetRow]:
        """The user's snippets."""
        values = self._values(SNIPPETS, "user_id, snippet_id, name, body, created_at_us, deleted").values()
        return [found for row in values if row[0] == user_id and (found := preferences.snippet_of(row[1:]))]

    def conversations(self) -> list[tuple[str, ConversationRow | None]]:
        """All conversations there are records of; None: deleted, or not begun."""
        values = self._values(CONVERSATIONS, _CONVERSATION)
        return [(key, conversations.row_of(row)) for (key,), row in values.items()]

    def generation(self, generation_id: str) -> GenerationRow | None:
        """The generation as its first command asked for it."""
        columns = ", ".join((generations.COLUMNS, *generations.NEW_COLUMNS))
        values = self._values(GENERATIONS, columns).get((generation_id,))
        return None if values is None else generations.row_of(values)

    def user(self, user_id: str) -> tuple[UserRow | None, list[ApiKeyRow]]:
        """The user and all their keys, oldest first."""
        values = self._values(USERS, "user_id, name, created_at_us").get((user_id,))
        columns = "key_sha256, key_id, user_id, label, hint, created_at_us, revoked_at_us"
        keys = [
            ApiKeyRow(*row)
            for (owner, _), row in self._values(KEYS_BY_USER, columns).items()
            # As the queries: its creation may be missing where only its revocation is seen.
            if owner == user_id and row[0] is not None
        ]
        keys.sort(key=lambda key: (key.created_at_us, key.key_id))
        return None if values is None or values[2] is None else UserRow(*values), keys

    def _values(self, table: Table, columns: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Rows as a query of these columns gives them."""
        wanted = columns.split(", ")
        return {
            key: tuple({**dict(zip(table.key, key, strict=True)), **cells}.get(column) for column in wanted)
            for key, cells in self.rows(table).items()
        }
