"""What responses need beside turns: answers that were kept, read again whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.http.providing import provided
from api.turns.stored import StoredReads


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsePorts:
    """What the routes of responses need."""

    stored: StoredReads


Responses = Annotated[ResponsePorts, Depends(provided(ResponsePorts))]
