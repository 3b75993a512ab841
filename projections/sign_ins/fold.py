"""account-events -> passwords, signed_in, signed_in_by_user, linked, signed_out, one_time_links. Pure."""

from __future__ import annotations

import json
from typing import Any

from projections.order import first_wins, last_wins
from projections.rows import Put, RowChange
from projections.sign_ins.table import LINKED, ONE_TIME_LINKS, PASSWORDS, SIGNED_IN, SIGNED_IN_BY_USER, SIGNED_OUT
from schemas.account import AccountEvent
from schemas.envelope import Position
from schemas.signing import (
    IdentityLinked,
    IssuerSignedOut,
    OneTimeLinkMade,
    OneTimeLinkRevoked,
    OneTimeLinkUsed,
    PasswordSet,
    SessionEnded,
    SessionStarted,
)


def whom(subject: str, issuer_session: str) -> str:
    """Whom an issuer signs out: one session of theirs, or a person. As a part of a key."""
    return f"sid:{issuer_session}" if issuer_session else f"sub:{subject}"


def any_of(subject: str) -> str:
    """The person, for what says of no session that it is of it: whichever of theirs ends, it may be that one."""
    return f"any:{subject}"


def names_of(record: IssuerSignedOut) -> tuple[str, ...]:
    """Under which names a sign-out is kept: the session's, and its person's for what names no session."""
    one = whom(record.subject, record.issuer_session)
    return (one, any_of(record.subject)) if record.issuer_session and record.subject else (one,)


def fold(record: AccountEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. What is over stays over, in whichever order its records are seen."""
    first = first_wins(position)
    match record:
        case PasswordSet(user_id=user_id, password_hash=kept):
            cells = {"password_hash": kept, "set_at_us": record.envelope.occurred_at_us}
            return (Put(PASSWORDS, (user_id,), cells, last_wins(position)),)
        case SessionStarted():
            return _started(record, first)
        case SessionEnded(user_id=user_id, session_id=session_id, session_sha256=digest):
            ended = {"ended_at_us": record.envelope.occurred_at_us}
            return (
                Put(SIGNED_IN, (digest,), ended, first),
                Put(SIGNED_IN_BY_USER, (user_id, session_id), ended, first),
            )
        case IdentityLinked(user_id=user_id, issuer=issuer, subject=subject):
            return (Put(LINKED, (issuer, subject), {"user_id": user_id}, first),)
        case IssuerSignedOut(issuer=issuer, at_s=at_s):
            # By the issuer's own time: one that comes late takes back nothing that a newer one has ended.
            return tuple(Put(SIGNED_OUT, (issuer, name), {"at_s": at_s}, max(at_s, 0)) for name in names_of(record))
        case OneTimeLinkMade():
            return (Put(ONE_TIME_LINKS, (record.token_sha256,), _made(record), first),)
        case OneTimeLinkUsed(token_sha256=digest):
            return (Put(ONE_TIME_LINKS, (digest,), {"used_by": record.envelope.event_id}, first),)
        case OneTimeLinkRevoked(token_sha256=digest):
            return (Put(ONE_TIME_LINKS, (digest,), {"revoked_at_us": record.envelope.occurred_at_us}, first),)
        case _:
            return ()


def _started(record: SessionStarted, first: int) -> tuple[RowChange, ...]:
    login = record.login
    cells: dict[str, Any] = {
        "method": record.method,
        "created_at_us": record.envelope.occurred_at_us,
        "expires_at_us": record.expires_at_us,
    }
    if login is not None:
        cells |= {
            "issuer": login.issuer,
            "subject": login.subject,
            "issuer_session": login.issuer_session,
            "issued_at_s": login.issued_at_s,
        }
    by_hash = {"session_id": record.session_id, "user_id": record.user_id, **cells}
    by_user = {"session_sha256": record.session_sha256, **cells}
    return (
        Put(SIGNED_IN, (record.session_sha256,), by_hash, first),
        Put(SIGNED_IN_BY_USER, (record.user_id, record.session_id), by_user, first),
    )


def _made(record: OneTimeLinkMade) -> dict[str, Any]:
    return {
        "link_id": record.link_id,
        "kind": record.kind,
        "user_id": record.user_id,
        "name": record.name,
        "roles": json.dumps(record.roles),
        "tier": record.tier,
        "organisation_id": record.organisation_id,
        "organisation_role": record.organisation_role,
        "made_by": record.envelope.actor,
        "created_at_us": record.envelope.occurred_at_us,
        "expires_at_us": record.expires_at_us,
    }
