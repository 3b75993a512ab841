"""Checks that a request with a session cookie comes from our own page. Pure.

A browser sends the cookie whichever site asks. A form or an image of another site cannot set
a header of its own, so the request needs one; and the browser's own headers must not contradict it.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.http.cross_origin import is_of_host
from api.http.errors import ApiError

CSRF_HEADER = "x-verbatim-csrf"
SAFE_METHODS = frozenset({"GET", "HEAD"})


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """`headers` by names in lower case. Raises ApiError 403 for a request that another site may have made."""
    if headers.get(CSRF_HEADER) != "1":
        raise _refused("Requests by session cookie need the header X-Verbatim-CSRF: 1.")
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        # The browser compared the origins as it sees them: this holds behind a proxy that changes Host, too.
        if site != "same-origin":
            raise _refused("Requests by session cookie are accepted only from this installation's own pages.")
    elif origin is not None and not is_of_host(origin, headers.get("host", "")):
        raise _refused("The request's Origin is not the host that it was sent to.")


def _refused(message: str) -> ApiError:
    return ApiError(403, message, code="csrf")
