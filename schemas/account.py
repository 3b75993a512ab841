"""account-events: users and their API keys. Key: user_id. Secrets never appear, only their hashes."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope
from schemas.families import members


@dataclass(frozen=True, slots=True)
class UserCreated:
    envelope: Envelope
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ApiKeyCreated:
    """`key_sha256`: hex SHA-256 of the whole key (256 random bits need no salt); `hint`: its last 4 characters."""

    envelope: Envelope
    user_id: str
    key_id: str
    key_sha256: str
    label: str
    hint: str


@dataclass(frozen=True, slots=True)
class ApiKeyRevoked:
    envelope: Envelope
    user_id: str
    key_id: str
    key_sha256: str


AccountEvent = UserCreated | ApiKeyCreated | ApiKeyRevoked
RECORDS = members(AccountEvent)
