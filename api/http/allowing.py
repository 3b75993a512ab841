"""Which methods an address takes, for the answer to one that it does not: 405 says so in `Allow`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Match, Router

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def allowed_at(router: Router, request: Request) -> str:
    """The methods of all routes at the request's address, as `Allow` names them. GET is answered to HEAD as well."""
    asked = dict(request.scope)
    found = []
    for method in METHODS:
        asked["method"] = method
        if any(route.matches(asked)[0] is Match.FULL for route in router.routes):
            found += ["GET", "HEAD"] if method == "GET" else [method]
    return ", ".join(found)
