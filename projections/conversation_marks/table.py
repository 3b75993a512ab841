"""What a user has put to a conversation: marks, its folder, its own settings. And which conversations have a mark."""

from __future__ import annotations

from projections.rows import Table

CONVERSATION_MARKS = Table(
    # The last record wins. `folder_id` empty: in none. `settings`: a JSON object. Erased with the conversation.
    name="conversation_marks",
    partition_key={"user_id": "text", "conversation_id": "text"},
    cells={"pinned": "boolean", "archived": "boolean", "folder_id": "text", "settings": "text"},
)
MARKED_BY_USER = Table(
    # No content. `mark`: pinned, archived, or `folder:` and its id; who reads it asks the conversation's own row too,
    # for it is never taken out of a folder here, and deleted conversations stay.
    name="marked_by_user",
    partition_key={"user_id": "text", "mark": "text"},
    clustering={"conversation_id": "text"},
    cells={"is_set": "boolean"},
)
