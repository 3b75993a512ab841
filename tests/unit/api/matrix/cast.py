"""Who knocks in the matrix: each kind of principal, by each form of credential that there is for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from api.access.auth import hash_of
from infra.clock import now_us
from infra.settings.processes import ApiSettings
from schemas import ids
from schemas.account import ApiKeyCreated, ApiKeyRevoked, SessionsEnded, UserCreated
from schemas.envelope import Envelope
from schemas.identity import MembershipChanged, OrganisationCreated, UserChanged
from schemas.signing import IdentityLinked, IssuerSignedOut, PasswordSet
from tests.oidc_issuer import AUDIENCE, CLIENT, SECRET, IssuerWeb, TestIssuer
from tests.unit.api.matrix.writing import MARK
from tests.unit.api.memory_log import AT
from tests.unit.api.world import PASSWORDS, World, saying
from topics.catalogue import ACCOUNT_EVENTS

GUILD, OTHER = ids.organisation_id("Guild"), ids.organisation_id("Other")
PASSWORD = "correct horse battery"
HASH = asyncio.run(PASSWORDS.hashed(PASSWORD))
"""Everybody's."""
PEOPLE: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "alice": (GUILD, "member", ("member",)),
    "mia": (GUILD, "member", ("member",)),
    "gil": (GUILD, "admin", ("member",)),
    "oz": (OTHER, "admin", ("member",)),
    "aud": ("", "", ("auditor",)),
    "root": ("", "", ("admin", "member")),
    "sue": (GUILD, "member", ("member",)),
}
"""By name: the organisation that pays for them, their role in it, their roles in the installation."""

Scene = tuple[World, TestIssuer]
Carried = Callable[[Scene], Awaitable[Mapping[str, str]]]
"""Gives somebody a credential in a world; returns the headers that carry it."""


@dataclass(frozen=True, slots=True)
class Knock:
    """`who` knocks with which `form` of credential."""

    who: str
    form: str
    carried: Carried

    async def headers(self, scene: Scene) -> Mapping[str, str]:
        return await self.carried(scene)


def scene() -> Scene:
    """A world with everybody in it, and the issuer whose tokens it takes."""
    issuer = TestIssuer()
    given = {
        "name": "test",
        "label": "Test",
        "issuer": issuer.address,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "audiences": [AUDIENCE],
    }
    settings = ApiSettings.model_validate({"issuers": [given], "read_wait_s": 0.2, "disconnect_grace_s": 0})
    world = World(settings=settings, script=saying("Hello", " world"), web=IssuerWeb(issuer))
    for organisation_id, name in ((GUILD, "Guild"), (OTHER, "Other")):
        made = OrganisationCreated(envelope=envelope(name), organisation_id=organisation_id, name=name)
        world.log.append(ACCOUNT_EVENTS, organisation_id, made)
    for name in PEOPLE:
        _settle(world, issuer, name)
        set_password(world, name)
    return world, issuer


def envelope(name: str) -> Envelope:
    return Envelope(ids.event_id(name, "matrix"), AT, None, "request", "system:test")


def _settle(world: World, issuer: TestIssuer, name: str) -> None:
    user_id, (organisation_id, role, roles) = ids.user_id(name), PEOPLE[name]
    records: list[object] = [
        UserCreated(envelope(name), user_id, name),
        UserChanged(envelope=envelope(f"{name} is"), user_id=user_id, roles=roles),
        IdentityLinked(envelope=envelope(f"{name} linked"), user_id=user_id, issuer=issuer.address, subject=name),
    ]
    if organisation_id:
        said = envelope(f"{name} belongs")
        records.append(MembershipChanged(envelope=said, user_id=user_id, organisation_id=organisation_id, role=role))
    for record in records:
        world.log.append(ACCOUNT_EVENTS, user_id, record)


def set_password(world: World, name: str) -> None:
    user_id, number = ids.user_id(name), len(world.log.all_of(ACCOUNT_EVENTS))
    said = PasswordSet(envelope=envelope(f"{name} {number}"), user_id=user_id, password_hash=HASH)
    world.log.append(ACCOUNT_EVENTS, user_id, said)


def as_they_were(at: Scene) -> None:
    """Whatever was changed of people by a knock is as before."""
    for name in ("alice", "sue"):
        number = len(at[0].log.all_of(ACCOUNT_EVENTS))
        user_id, (organisation_id, role, roles) = ids.user_id(name), PEOPLE[name]
        said = envelope(f"{name} again {number}")
        restored = UserChanged(envelope=said, user_id=user_id, roles=roles, suspended=False)
        belongs = MembershipChanged(envelope=said, user_id=user_id, organisation_id=organisation_id, role=role)
        for record in (restored, belongs):
            at[0].log.append(ACCOUNT_EVENTS, user_id, record)
    for name in PEOPLE:
        set_password(at[0], name)


def give_key(
    world: World, name: str, *, scopes: tuple[str, ...] | None = None, expires_at_us: int | None = None
) -> str:
    """A new key of a user."""
    number = len(world.log.all_of(ACCOUNT_EVENTS))
    key = f"vk_{number:043d}"
    made = ApiKeyCreated(
        envelope=envelope(key),
        user_id=ids.user_id(name),
        key_id=ids.user_id(f"key {number}"),
        key_sha256=hash_of(key),
        label=name,
        hint=key[-4:],
        scopes=scopes,
        expires_at_us=expires_at_us,
    )
    world.log.append(ACCOUNT_EVENTS, made.user_id, made)
    return key


def revoke(world: World, key: str) -> None:
    made = next(
        event
        for event, _ in world.log.all_of(ACCOUNT_EVENTS)
        if isinstance(event, ApiKeyCreated) and event.key_sha256 == hash_of(key)
    )
    revoked = ApiKeyRevoked(envelope(f"{key} revoked"), made.user_id, made.key_id, made.key_sha256)
    world.log.append(ACCOUNT_EVENTS, made.user_id, revoked)


async def cookie_of(world: World, body: Mapping[str, str]) -> dict[str, str]:
    """Signs a browser in; returns what it sends from then on."""
    async with world.client(None) as client:
        answer = await client.post("/api/v1/session", json=body, headers=MARK)
        assert answer.status_code in (200, 201), answer.text
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in answer.cookies.items()), **MARK}


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def by_key(name: str, scopes: tuple[str, ...] | None, at: Scene) -> Mapping[str, str]:
    return bearer(give_key(at[0], name, scopes=scopes))


async def by_cookie_of_a_key(name: str, scopes: tuple[str, ...] | None, at: Scene) -> Mapping[str, str]:
    return await cookie_of(at[0], {"key": give_key(at[0], name, scopes=scopes)})


async def by_session(name: str, at: Scene) -> Mapping[str, str]:
    """A browser that was signed in by password."""
    return await cookie_of(at[0], {"name": name, "password": PASSWORD})


async def by_token(name: str, at: Scene) -> Mapping[str, str]:
    return bearer(at[1].token({"sub": name}))


def in_every_form(who: str, name: str) -> list[Knock]:
    """A user who is let in."""
    return [
        Knock(who, "key", partial(by_key, name, None)),
        Knock(who, "cookie of a key", partial(by_cookie_of_a_key, name, None)),
        Knock(who, "session", partial(by_session, name)),
        Knock(who, "token", partial(by_token, name)),
    ]


def narrow(scope: str) -> list[Knock]:
    """The owner with a key that is for something else, and with the cookie of such a one."""
    return [
        Knock("wrong scope", "key", partial(by_key, "alice", (scope,))),
        Knock("wrong scope", "cookie of a key", partial(by_cookie_of_a_key, "alice", (scope,))),
    ]


def _plain(headers: Mapping[str, str]) -> Carried:
    async def carried(at: Scene) -> Mapping[str, str]:
        return headers

    return carried


async def _revoked_key(at: Scene) -> Mapping[str, str]:
    key = give_key(at[0], "alice")
    revoke(at[0], key)
    return bearer(key)


async def _cookie_of_a_revoked_key(at: Scene) -> Mapping[str, str]:
    key = give_key(at[0], "alice")
    cookie = await cookie_of(at[0], {"key": key})
    revoke(at[0], key)
    return cookie


async def _ended_session(at: Scene) -> Mapping[str, str]:
    cookie = await by_session("alice", at)
    user_id = ids.user_id("alice")
    at[0].log.append(ACCOUNT_EVENTS, user_id, SessionsEnded(envelope("alice leaves"), user_id))
    return cookie


async def _token_of_somebody_signed_out(at: Scene) -> Mapping[str, str]:
    token = at[1].token({"sub": "alice", "sid": "over"})
    said = IssuerSignedOut(
        envelope=envelope("over"), issuer=at[1].address, subject="alice", issuer_session="over", at_s=at[1].time_s()
    )
    at[0].log.append(ACCOUNT_EVENTS, ids.user_id("alice"), said)
    return bearer(token)


async def _expired_key(at: Scene) -> Mapping[str, str]:
    return bearer(give_key(at[0], "alice", expires_at_us=now_us() - 1_000_000))


async def _cookie_of_an_expired_key(at: Scene) -> Mapping[str, str]:
    key = give_key(at[0], "alice", expires_at_us=now_us() - 1_000_000)
    cookie, _ = at[0].adapters.sessions.cookie(hash_of(key), now_us() // 1_000_000)
    return {"Cookie": f"verbatim_session={cookie}", **MARK}


async def _expired_token(at: Scene) -> Mapping[str, str]:
    return bearer(at[1].token({"sub": "alice", "exp": at[1].time_s() - 120}))


async def _forged_token(at: Scene) -> Mapping[str, str]:
    head, body, _ = at[1].token({"sub": "alice"}).split(".")
    return bearer(f"{head}.{body}.{'A' * 342}")


def _suspended(given: Knock) -> Knock:
    async def carried(at: Scene) -> Mapping[str, str]:
        headers = await given.headers(at)
        user_id = ids.user_id("sue")
        said = UserChanged(envelope=envelope("sue is suspended"), user_id=user_id, suspended=True)
        at[0].log.append(ACCOUNT_EVENTS, user_id, said)
        return headers

    return Knock("suspended", given.form, carried)


NOBODY = [
    Knock("anonymous", "nothing", _plain({})),
    Knock("anonymous", "a key that never was", _plain(bearer("vk_" + "z" * 43))),
    Knock("anonymous", "a key that is too short", _plain(bearer("vk_short"))),
    Knock("anonymous", "the key of another product", _plain(bearer("sk-" + "a" * 43))),
    Knock("anonymous", "a forged cookie", _plain({"Cookie": "verbatim_session=forged", **MARK})),
    Knock("anonymous", "a forged token", _forged_token),
]
OVER = [
    Knock("revoked", "key", _revoked_key),
    Knock("revoked", "cookie of a key", _cookie_of_a_revoked_key),
    Knock("revoked", "session", _ended_session),
    Knock("revoked", "token", _token_of_somebody_signed_out),
    Knock("expired", "key", _expired_key),
    Knock("expired", "cookie of a key", _cookie_of_an_expired_key),
    Knock("expired", "token", _expired_token),
]
OTHERS = [
    *in_every_form("same organisation", "mia"),
    *in_every_form("its administrator", "gil"),
    *in_every_form("other organisation", "oz"),
    *in_every_form("auditor", "aud"),
    *in_every_form("administrator", "root"),
]
OWNER = in_every_form("owner", "alice")
WHO = (
    "owner",
    "same organisation",
    "its administrator",
    "other organisation",
    "auditor",
    "administrator",
    "anonymous",
    "revoked",
    "expired",
    "wrong scope",
    "suspended",
)
"""The columns of the matrix."""


def knocks(narrow_scope: str) -> list[Knock]:
    """Everybody, in every form; a key that is for something else has `narrow_scope`."""
    # Each is suspended anew: she must be in to be given a credential.
    return [*OWNER, *OTHERS, *NOBODY, *OVER, *narrow(narrow_scope)]


SUSPENDED = [_suspended(given) for given in in_every_form("suspended", "sue")]
