"""What the claims of a token say of its person: roles, organisations, a name. Pure.

Only what a rule of the settings names counts. A claim that is missing, or of another shape, gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.settings.issuers import OrganisationRule, RoleRule

MAX_VALUES = 1000
LONGEST_NAME = 64
_ALWAYS = "member"


def values_of(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The values of a claim, one or a list; of `outer.inner` those in the object `outer`, unless it is one name.

    An address counts only if the issuer says that it is its person's: else anybody could have written it there.
    """
    if claim == "email" and claims.get("email_verified") not in (True, "true"):
        return frozenset()
    found: Any = claims.get(claim)
    if found is None and "." in claim:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return frozenset({"true" if found else "false"})
    if isinstance(found, str):
        return frozenset({found})
    if isinstance(found, list):
        return frozenset(value for value in found[:MAX_VALUES] if isinstance(value, str))
    return frozenset()


def roles_of(claims: Mapping[str, Any], rules: Iterable[RoleRule]) -> frozenset[str]:
    """The roles that the rules give; a member is everybody."""
    return frozenset({_ALWAYS, *(rule.role for rule in rules if rule.value in values_of(claims, rule.claim))})


def organisations_of(claims: Mapping[str, Any], rules: Iterable[OrganisationRule]) -> dict[str, str]:
    """By the name of an organisation the role in it; of several rules for one, the first that fits."""
    found: dict[str, str] = {}
    for rule in rules:
        if rule.organisation not in found and rule.value in values_of(claims, rule.claim):
            found[rule.organisation] = rule.role
    return found


def name_of(claims: Mapping[str, Any], claim: str) -> str:
    """What the person is called, as far as it can be shown; never who they are."""
    for candidate in (claim, "preferred_username", "name", "email"):
        value = claims.get(candidate)
        if isinstance(value, str):
            shown = "".join(letter for letter in value if letter.isprintable()).strip()[:LONGEST_NAME]
            if shown:
                return shown
    return "user"
