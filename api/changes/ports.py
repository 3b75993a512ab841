"""What the route of changes needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.changes.catching_up import CatchingUp
from api.changes.hub import ChangeHub
from api.http.providing import provided
from api.streaming.readers import Readers


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePorts:
    """The changes as they come, and those that a reader missed."""

    hub: ChangeHub
    catching_up: CatchingUp
    readers: Readers


Changes = Annotated[ChangePorts, Depends(provided(ChangePorts))]
