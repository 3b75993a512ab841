"""Which conversations a list shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from projections.conversation_marks.fold import ARCHIVED, PINNED, folder_mark
from projections.conversation_marks.queries import Marks
from projections.conversations.queries import ConversationRow

END_OF_TIME_US = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Which conversations are listed; None: whichever. Last spoken to from `since_us` to `until_us` (excluded)."""

    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    model: str | None = None
    since_us: int = 0
    until_us: int = END_OF_TIME_US

    @property
    def listed(self) -> Mapping[str, bool]:
        """The marks that all of them have, or that none of them has."""
        wanted = {PINNED: self.pinned, ARCHIVED: self.archived}
        if self.folder_id is not None:
            wanted[folder_mark(self.folder_id)] = True
        return {mark: value for mark, value in wanted.items() if value is not None}

    @property
    def asks_marks(self) -> bool:
        return bool(self.listed)

    @property
    def mark(self) -> str | None:
        """The mark that all of them have, the rarest first; None: there is none."""
        if self.pinned:
            return PINNED
        if self.folder_id is not None:
            return folder_mark(self.folder_id)
        return ARCHIVED if self.archived else None

    def holds(self, row: ConversationRow, marks: Marks) -> bool:
        """Whether a conversation is of this kind. One that is temporary is of none."""
        return (
            not row.temporary
            and self.pinned in (None, marks.pinned)
            and self.archived in (None, marks.archived)
            and self.folder_id in (None, marks.folder_id)
            and self.model in (None, row.model)
            and self.since_us <= row.updated_at_us < self.until_us
        )


EVERY = Kind()
