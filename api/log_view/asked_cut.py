"""The position that a request for a stream of the log states."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request

from api.http.errors import ApiError, bad_request
from api.http.headers import LAST_EVENT_ID_HEADER
from topics.cuts import BadCut, parse_cut

MAX_CUT_CHARACTERS = 8000
AskedAfter = Annotated[str | None, Query(json_schema_extra={"maxLength": MAX_CUT_CHARACTERS})]
"""For /openapi.json: `asked_cut` reads it, and says more of what is wrong with one."""


def asked_cut(request: Request) -> dict[tuple[str, int], int] | None:
    """The one cut that a request states, by header or query; None: it states none. Raises ApiError 400."""
    by_header, by_query = request.headers.getlist(LAST_EVENT_ID_HEADER), request.query_params.getlist("after")
    given: set[Any] = {*by_header, *by_query}
    if len(by_header) > 1 or len(by_query) > 1 or len(given) > 1:
        raise no_cut(f"send one, once, as {LAST_EVENT_ID_HEADER} or after")
    if not given:
        return None
    text = given.pop()
    if len(text) > MAX_CUT_CHARACTERS:
        raise no_cut("it is too long")
    try:
        return parse_cut(text)
    except BadCut as error:
        raise no_cut(str(error)) from None


def no_cut(why: str) -> ApiError:
    """The answer to a position that none of these streams had."""
    return bad_request(
        f"Invalid position: {why}. Send the id of an event of this stream.",
        code="invalid_position",
        param=LAST_EVENT_ID_HEADER,
    )
