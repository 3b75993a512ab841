"""account-events: users, their API keys, and what is theirs alone: settings, marks, folders, snippets. Key: user_id.

Secrets never appear, only their hashes. `request_hash` as in conversation-events.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Content, Envelope, TimestampMicros
from schemas.families import members
from schemas.identity import IdentityEvent, KeyLimits
from schemas.signing import SigningEvent


@dataclass(frozen=True, slots=True)
class UserCreated:
    """`email`: empty: none is known."""

    envelope: Envelope
    user_id: str
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyCreated:
    """`key_sha256`: hex SHA-256 of the whole key (256 random bits need no salt); `hint`: its last 4 characters.

    `scopes`: None: all that its user may. `organisation_id`: which one pays; empty: whoever pays for its user.
    """

    envelope: Envelope
    user_id: str
    key_id: str
    key_sha256: str
    label: str
    hint: str
    scopes: tuple[str, ...] | None = None
    expires_at_us: TimestampMicros | None = None
    limits: KeyLimits | None = None
    organisation_id: str = ""

    @property
    def is_restricted(self) -> bool:
        """Whether it says something that a reader must know before it lets the key in."""
        said = self.scopes, self.expires_at_us, self.limits, self.organisation_id or None
        return any(each is not None for each in said)


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked:
    envelope: Envelope
    user_id: str
    key_id: str
    key_sha256: str


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting by its name. `value`: what it is from now on, as JSON; None: its default again."""

    name: str
    value: Content | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsChanged:
    """Some of the user's settings are others from now on."""

    envelope: Envelope
    user_id: str
    changes: tuple[SettingChange, ...]
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationsMarked:
    """Conversations were pinned, archived or put into a folder; None: as it was.

    `folder_id`: empty: in none.
    """

    envelope: Envelope
    user_id: str
    conversation_ids: tuple[str, ...]
    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSettingsChanged:
    """All of a conversation's own settings from now on, as a JSON object; an empty one: it has none."""

    envelope: Envelope
    user_id: str
    conversation_id: str
    settings: Content
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChanged:
    """A folder was made or renamed. `name` None: it is deleted, for good; what was in it is in none."""

    envelope: Envelope
    user_id: str
    folder_id: str
    name: Content | None
    request_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetChanged:
    """A snippet was made or changed. Without a text it is deleted, for good."""

    envelope: Envelope
    user_id: str
    snippet_id: str
    name: Content | None
    text: Content | None
    request_hash: str = ""


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Whoever was signed in as this user before is signed out, in every browser. Keys are as they were."""

    envelope: Envelope
    user_id: str
    request_hash: str = ""


AccountEvent = (
    UserCreated
    | ApiKeyCreated
    | ApiKeyRevoked
    | SettingsChanged
    | ConversationsMarked
    | ConversationSettingsChanged
    | FolderChanged
    | SnippetChanged
    | SessionsEnded
    | IdentityEvent
    | SigningEvent
)
RECORDS = members(AccountEvent)
