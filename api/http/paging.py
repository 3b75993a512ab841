"""Query parameters of paged lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

MAX_LISTED = 100

Limit = Annotated[int, Query(ge=1, le=MAX_LISTED)]
Cursor = Annotated[str | None, Query(max_length=500)]
