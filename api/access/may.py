"""Who may do what: one table of actions, roles, scopes and ownership, for every route and every credential. Pure.

An action is allowed to a principal whose key has its scope, and who

- acts on what is their own, and has one of the roles that may so (`own`);
- or acts on what belongs to the organisation that they are in, with a role in it that may so (`organisation`);
- or has a role in the installation that may so on everybody's (`everybody`).

A word that this release does not know (a role, a scope, an action) allows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from api.access.principal import Principal
from infra.roles import Role

Scope = Literal["chat", "read", "write", "keys", "usage", "admin"]
Action = Literal[
    "self.read",
    "chat.ask",
    "chat.answers",
    "conversations.read",
    "conversations.write",
    "keys.manage",
    "sessions.end",
    "usage.read",
    "users.read",
    "users.manage",
    "organisations.read",
    "organisations.manage",
    "members.read",
    "members.manage",
    "all_keys.read",
    "all_keys.manage",
    "limits.read",
    "budgets.read",
    "budgets.manage",
    "all_usage.read",
    "pulse.read",
]
SCOPES: Final = frozenset(get_args(Scope))
ACTIONS: Final = frozenset(get_args(Action))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`scope`: what a key needs; None: nothing. `own`, `organisation`, `everybody`: roles, each as in the module's."""

    scope: Scope | None
    own: frozenset[Role] = frozenset()
    organisation: frozenset[Role] = frozenset()
    everybody: frozenset[Role] = frozenset()


_ALL: frozenset[Role] = frozenset(get_args(Role))
_USERS: frozenset[Role] = frozenset({"member", "reviewer", "admin"})
_SEE: frozenset[Role] = frozenset({"auditor", "admin"})
_ADMIN: frozenset[Role] = frozenset({"admin"})

RULES: Final[Mapping[str, Rule]] = {
    # Who am I, which models are there, what may I use: whoever is let in at all.
    "self.read": Rule(scope=None, own=_ALL),
    # Ask a model, begin a conversation, stop an answer.
    "chat.ask": Rule(scope="chat", own=_USERS),
    # Follow, resume and read answers by their ids.
    "chat.answers": Rule(scope="chat", own=_USERS),
    "conversations.read": Rule(scope="read", own=_USERS),
    # Rename, delete, mark, rate, import; settings, folders, snippets.
    "conversations.write": Rule(scope="write", own=_USERS),
    "keys.manage": Rule(scope="keys", own=_ALL),
    "sessions.end": Rule(scope="keys", own=_ALL),
    "usage.read": Rule(scope="usage", own=_ALL),
    # What belongs to others. An organisation's own administrators see and manage what is the organisation's.
    "users.read": Rule(scope="admin", everybody=_SEE),
    "users.manage": Rule(scope="admin", everybody=_ADMIN),
    "organisations.read": Rule(scope="admin", organisation=_SEE, everybody=_SEE),
    "organisations.manage": Rule(scope="admin", everybody=_ADMIN),
    "members.read": Rule(scope="admin", organisation=_SEE, everybody=_SEE),
    "members.manage": Rule(scope="admin", organisation=_ADMIN, everybody=_ADMIN),
    "all_keys.read": Rule(scope="admin", everybody=_SEE),
    "all_keys.manage": Rule(scope="admin", everybody=_ADMIN),
    "limits.read": Rule(scope="admin", organisation=_SEE, everybody=_SEE),
    "budgets.read": Rule(scope="admin", organisation=_SEE, everybody=_SEE),
    "budgets.manage": Rule(scope="admin", everybody=_ADMIN),
    "all_usage.read": Rule(scope="admin", organisation=_SEE, everybody=_SEE),
    "pulse.read": Rule(scope="admin", everybody=_SEE),
}

_ALSO: Final[Mapping[str, frozenset[str]]] = {"chat.answers": frozenset({"read"})}
"""Scopes that do as well as an action's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What is acted on: whose it is. Both empty: everybody's, the installation's."""

    user_id: str = ""
    organisation_id: str = ""


INSTALLATION: Final = Resource()


def own(principal: Principal) -> Resource:
    """What is the principal's own."""
    return Resource(user_id=principal.user_id)


def may(principal: Principal, action: str, resource: Resource) -> bool:
    """Whether a principal may do something with what belongs to somebody. Whether their key is too old, it does not
    know."""
    rule = RULES.get(action)
    if rule is None or principal.suspended or not has_scope(principal, action):
        return False
    if rule.everybody & principal.roles:
        return True
    if resource.user_id and resource.user_id == principal.user_id:
        return bool(rule.own & principal.roles)
    if resource.organisation_id and resource.organisation_id == principal.organisation_id:
        return principal.organisation_role in rule.organisation
    return False


def has_scope(principal: Principal, action: str) -> bool:
    """Whether the principal's key is for this, whatever its user may."""
    rule = RULES.get(action)
    if rule is None:
        return False
    if principal.scopes is None or rule.scope is None:
        return True
    return rule.scope in principal.scopes or bool(_ALSO.get(action, frozenset()) & principal.scopes)


def may_at_all(principal: Principal, action: str) -> bool:
    """Whether there is anything at all that the principal may do it with: so the routes of it exist for them."""
    places = (own(principal), Resource(organisation_id=principal.organisation_id), INSTALLATION)
    return any(may(principal, action, place) for place in places)


def is_privileged(principal: Principal, action: str) -> bool:
    """Whether a role that not everybody has is what allows it: then it ends with the role."""
    rule = RULES.get(action)
    return rule is None or not rule.own & principal.roles
