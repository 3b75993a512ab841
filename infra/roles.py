"""The roles that users have: in the installation, and in an organisation. What each may: `api.access.may`."""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal["member", "reviewer", "auditor", "admin"]
ROLES: Final[frozenset[str]] = frozenset(get_args(Role))
