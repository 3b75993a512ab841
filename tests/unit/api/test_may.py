"""The table of who may do what, whole: every action, role, scope and ownership, and words that nobody knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.access.may import ACTIONS, INSTALLATION, RULES, SCOPES, Resource, is_privileged, may, may_at_all, own
from api.access.principal import Principal
from infra.roles import ROLES

PLAIN = Principal("alice", "key", "a" * 64, organisation_id="guild", organisation_role="member")
OTHERS, GUILD = Resource(user_id="bob"), Resource(organisation_id="guild")
PLACES = {"own": own(PLAIN), "others": OTHERS, "guild": GUILD, "other guild": Resource(organisation_id="x")}

ASKING = {"chat.ask", "chat.answers", "conversations.read", "conversations.write"}
ANYBODYS = {"self.read", "keys.manage", "sessions.end", "usage.read"}
SEEN = {"users.read", "organisations.read", "members.read", "all_keys.read", "limits.read", "budgets.read"}
SEEN |= {"all_usage.read", "pulse.read"}
MANAGED = {"users.manage", "organisations.manage", "members.manage", "all_keys.manage", "budgets.manage"}
OF_AN_ORGANISATION = {"organisations.read", "members.read", "limits.read", "budgets.read", "all_usage.read"}
EXPECTED: dict[str, set[str]] = {
    "member": ASKING | ANYBODYS,
    "reviewer": ASKING | ANYBODYS,
    "auditor": ANYBODYS | SEEN,
    "admin": ASKING | ANYBODYS | SEEN | MANAGED,
}


def test_every_action_is_in_the_table_and_in_this_test() -> None:
    assert set(RULES) == ACTIONS == ASKING | ANYBODYS | SEEN | MANAGED
    assert set(EXPECTED) == ROLES


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("role", sorted(ROLES))
def test_what_each_role_may(role: str, action: str) -> None:
    principal = replace(PLAIN, roles=frozenset({role}))
    everywhere = action in SEEN | MANAGED and action in EXPECTED[role]
    for name, place in PLACES.items():
        expected = everywhere or (name == "own" and action in EXPECTED[role])
        assert may(principal, action, place) is expected, name
    assert may(principal, action, INSTALLATION) is everywhere
    assert may_at_all(principal, action) is (action in EXPECTED[role])
    if action in EXPECTED[role]:
        assert is_privileged(principal, action) is (action in SEEN | MANAGED)


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("role", ["member", "auditor", "admin"])
def test_what_a_role_in_an_organisation_gives_there_alone(role: str, action: str) -> None:
    principal = replace(PLAIN, organisation_role=role)
    expected = (role in ("auditor", "admin") and action in OF_AN_ORGANISATION) or (
        role == "admin" and action == "members.manage"
    )
    assert may(principal, action, GUILD) is expected
    assert not may(principal, action, Resource(organisation_id="x"))
    assert not may(principal, action, OTHERS)


@pytest.mark.parametrize("action", sorted(ACTIONS))
@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_key_is_for_its_scopes_alone(scope: str, action: str) -> None:
    admin = replace(PLAIN, roles=frozenset({"admin"}), scopes=frozenset({scope}))
    needed = RULES[action].scope
    fits = needed in (None, scope) or (action == "chat.answers" and scope == "read")
    assert may(admin, action, own(admin)) is fits


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_who_is_suspended_may_nothing(action: str) -> None:
    suspended = replace(PLAIN, roles=frozenset(ROLES), suspended=True)
    assert not may_at_all(suspended, action)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_unknown_words_allow_nothing(action: str) -> None:
    assert not may_at_all(replace(PLAIN, roles=frozenset({"owner"}), organisation_role="owner"), action)
    assert not may_at_all(replace(PLAIN, roles=frozenset()), action)
    if RULES[action].scope is not None:
        assert not may_at_all(replace(PLAIN, roles=frozenset(ROLES), scopes=frozenset({"all"})), action)
        assert not may_at_all(replace(PLAIN, roles=frozenset(ROLES), scopes=frozenset()), action)
    assert not may(replace(PLAIN, roles=frozenset(ROLES)), f"{action}.all", own(PLAIN))


def test_nothing_of_nobody_is_anybodys() -> None:
    nobody = replace(PLAIN, user_id="", organisation_id="", organisation_role="admin")
    for action in ACTIONS:
        assert not may(nobody, action, INSTALLATION)
