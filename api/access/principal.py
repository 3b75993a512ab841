"""Who asks, and what is known of them at this moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from api.streaming.readers import Credential
from infra.tiers.tier import DEFAULT_TIER
from projections.accounts.queries import ApiKeyRow
from schemas.identity import NO_LIMITS, KeyLimits
from schemas.signing import Login

MEMBER = frozenset({"member"})

Form = Literal["key", "session", "jwt"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, by one of their keys, by a browser that was signed in, or by a signed token.

    `session`: by a cookie, which came after so many ends of all sessions. `roles`: in the installation;
    `organisation_role`: in the organisation that pays (`organisation_id`; empty: none does). `scopes` None: all that
    the user may. `revision`: how often what is known of the user had lost something here (api.access.people).
    `privileged`: they ask for something that others may not have; it ends with the role. `login`: where an issuer
    signed them in. `recorded`: by a session that stands in the log; its end is its own, and no key's. `bound_to`: the
    organisation that their key is for, and no other; empty: whoever pays for the user.
    """

    user_id: str
    key_id: str
    key_sha256: str
    session: int | None = None
    organisation_id: str = ""
    organisation_role: str = ""
    roles: frozenset[str] = MEMBER
    tier: str = DEFAULT_TIER
    scopes: frozenset[str] | None = None
    expires_at_us: int | None = None
    limits: KeyLimits = NO_LIMITS
    form: Form = "key"
    suspended: bool = False
    revision: int = 0
    privileged: bool = False
    login: Login | None = None
    recorded: bool = False
    bound_to: str = ""

    @property
    def is_restricted(self) -> bool:
        """Whether what they come with may less, or ends sooner, than their user: so it opens nothing that may more."""
        if self.recorded:
            return False
        ends = self.form == "jwt" or self.expires_at_us is not None
        return ends or self.scopes is not None or self.limits != NO_LIMITS or bool(self.bound_to)

    @property
    def account(self) -> str:
        """Who pays for what they ask: the organisation that took them, else they themselves."""
        return self.organisation_id or self.user_id

    @property
    def credential(self) -> Credential:
        """What their streams are read by."""
        return Credential(
            self.key_sha256,
            self.user_id,
            self.session,
            expires_at_us=self.expires_at_us,
            organisation_id=self.organisation_id,
            revision=self.revision,
            privileged=self.privileged,
            login=self.login,
        )


@dataclass(frozen=True, slots=True)
class Membership:
    """`role`: the user's in the organisation. `tier`: the organisation's; empty: the default one."""

    organisation_id: str
    role: str
    tier: str


NOT_A_MEMBER = Membership("", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a user, whichever way they come.

    `memberships`: those in force. `organisation_id`: the one that took them last; empty: they pay for themselves.
    `revision`: as a principal's.
    """

    user_id: str
    roles: frozenset[str] = MEMBER
    tier: str = ""
    suspended: bool = False
    memberships: tuple[Membership, ...] = ()
    organisation_id: str = ""
    revision: int = 0

    def membership(self, organisation_id: str) -> Membership:
        """What they are in an organisation; NOT_A_MEMBER where they are not."""
        return next((one for one in self.memberships if one.organisation_id == organisation_id), NOT_A_MEMBER)


def holder_of(key: ApiKeyRow, standing: Standing) -> Principal | None:
    """Who comes with a key. None: the organisation that was to pay has its user no more."""
    if key.organisation_id and not standing.membership(key.organisation_id).role:
        return None
    return replace(
        user_of(standing, key.organisation_id),
        key_id=key.key_id,
        key_sha256=key.key_sha256,
        scopes=None if key.scopes is None else frozenset(key.scopes),
        expires_at_us=key.expires_at_us,
        limits=key.limits,
        form="key",
        bound_to=key.organisation_id,
    )


def user_of(standing: Standing, organisation_id: str = "", form: Form = "session") -> Principal:
    """The user, without a key. `organisation_id`: who pays, one that they are a member of; empty: whoever does."""
    payer = standing.membership(organisation_id or standing.organisation_id)
    return Principal(
        standing.user_id,
        "",
        "",
        organisation_id=payer.organisation_id,
        organisation_role=payer.role,
        roles=standing.roles,
        tier=standing.tier or payer.tier or DEFAULT_TIER,
        form=form,
        suspended=standing.suspended,
        revision=standing.revision,
    )
