"""account-events of identity: what users are and may, their organisations, and what their keys may.

Keyed by user_id; an organisation's own records by organisation_id. They say what is so from now on: the last counts.
The words (roles, scopes, tiers) are open: what a reader does not know grants nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a key may use beside what its user may; the smaller counts. None: the user's limit alone.

    `models`: the only ones that it may ask.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    messages_per_hour: int | None = None
    concurrent_streams: int | None = None
    models: tuple[str, ...] | None = None


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyChanged:
    """A key is called something else, or has other limits. None: as it was. `limits`: all of them from now on."""

    envelope: Envelope
    user_id: str
    key_id: str
    key_sha256: str
    label: str | None = None
    limits: KeyLimits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChanged:
    """A user is something else from now on. None: as it was.

    `roles`: all of them in the installation. `tier`: empty: that of the organisation, else the default one.
    """

    envelope: Envelope
    user_id: str
    roles: tuple[str, ...] | None = None
    tier: str | None = None
    suspended: bool | None = None
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationCreated:
    """Key: organisation_id. `tier`: of its members that have none of their own; empty: the default one."""

    envelope: Envelope
    organisation_id: str
    name: str
    tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChanged:
    """Key: organisation_id. None: as it was."""

    envelope: Envelope
    organisation_id: str
    name: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChanged:
    """A user belongs to an organisation with this role in it; None: no more. The one that took a user last pays."""

    envelope: Envelope
    user_id: str
    organisation_id: str
    role: str | None


IdentityEvent = UserChanged | OrganisationCreated | OrganisationChanged | MembershipChanged | ApiKeyChanged
