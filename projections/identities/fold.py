"""account-events -> standings, memberships, members, organisations, grants, grants_by_user. Pure."""

from __future__ import annotations

import json
from typing import Any

from projections.identities.cells import limits_cell
from projections.identities.table import GRANTS, GRANTS_BY_USER, MEMBERS, MEMBERSHIPS, ORGANISATIONS, STANDINGS
from projections.order import first_wins, last_wins
from projections.rows import Put, RowChange
from schemas.account import AccountEvent, ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.envelope import Position
from schemas.identity import (
    ApiKeyChanged,
    MembershipChanged,
    OrganisationChanged,
    OrganisationCreated,
    UserChanged,
)


def fold(record: AccountEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes, in whichever order and however often it is seen."""
    last = last_wins(position)
    match record:
        case UserCreated(user_id=user_id, email=email) if email:
            return (Put(STANDINGS, (user_id,), {"email": email}, last),)
        case UserChanged(user_id=user_id):
            roles = None if record.roles is None else json.dumps(record.roles)
            said = {"roles": roles, "tier": record.tier, "suspended": record.suspended}
            cells = _said({**said, "name": record.name, "email": record.email})
            return (Put(STANDINGS, (user_id,), cells, last),) if cells else ()
        case MembershipChanged(user_id=user_id, organisation_id=organisation_id, role=role):
            cell = {"role": role or ""}
            return (
                Put(MEMBERSHIPS, (user_id, organisation_id), cell, last),
                Put(MEMBERS, (organisation_id, user_id), cell, last),
            )
        case OrganisationCreated(organisation_id=organisation_id):
            born = {"created_at_us": record.envelope.occurred_at_us}
            return (
                Put(ORGANISATIONS, (organisation_id,), born, first_wins(position)),
                Put(ORGANISATIONS, (organisation_id,), {"name": record.name, "tier": record.tier}, last),
            )
        case OrganisationChanged(organisation_id=organisation_id):
            cells = _said({"name": record.name, "tier": record.tier})
            return (Put(ORGANISATIONS, (organisation_id,), cells, last),) if cells else ()
        case ApiKeyCreated() if record.is_restricted:
            return _of_key(record, _granted(record), first_wins(position))
        case ApiKeyRevoked():
            return _of_key(record, {"revoked_at_us": record.envelope.occurred_at_us}, first_wins(position))
        case ApiKeyChanged():
            cells = _said({"relabelled": record.label, "relimited": limits_cell(record.limits)})
            return _of_key(record, cells, last) if cells else ()
        case _:
            return ()


def _granted(record: ApiKeyCreated) -> dict[str, Any]:
    return {
        "label": record.label,
        "hint": record.hint,
        "created_at_us": record.envelope.occurred_at_us,
        **_said(
            {
                "scopes": None if record.scopes is None else json.dumps(record.scopes),
                "expires_at_us": record.expires_at_us,
                "limits": limits_cell(record.limits),
                "organisation_id": record.organisation_id or None,
            }
        ),
    }


def _of_key(
    record: ApiKeyCreated | ApiKeyRevoked | ApiKeyChanged, cells: dict[str, Any], timestamp: int
) -> tuple[RowChange, ...]:
    """The same cells in both tables of keys; a revocation alone makes no row that opens or is listed."""
    by_hash, by_user = {}, {}
    if isinstance(record, ApiKeyCreated):
        by_hash, by_user = {"key_id": record.key_id, "user_id": record.user_id}, {"key_sha256": record.key_sha256}
    return (
        Put(GRANTS, (record.key_sha256,), {**by_hash, **cells}, timestamp),
        Put(GRANTS_BY_USER, (record.user_id, record.key_id), {**by_user, **cells}, timestamp),
    )


def _said(cells: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in cells.items() if value is not None}
