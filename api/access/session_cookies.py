"""The cookies of signing in. Scripts cannot read them, and over https they are sent over https alone."""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response

from api.access.auth import cookie_name

FLOW_COOKIE = "verbatim_issuer"
FLOW_PATH = "/api/v1/session/issuers"


def set_cookie(request: Request, answer: Response, value: str, max_age_s: int) -> None:
    """The session's: for this site alone. An empty one is taken away."""
    _set(request, answer, cookie_name(request), value, max_age_s, "/", "strict")


def flow_cookie_name(request: Request) -> str:
    """What the cookie of a sign-in at an issuer is called at the address that was asked."""
    return FLOW_COOKIE + cookie_name(request).removeprefix("verbatim_session")


def set_flow_cookie(request: Request, answer: Response, value: str, max_age_s: int) -> None:
    """That of a sign-in at an issuer: it is to come along when the issuer sends the browser back."""
    _set(request, answer, flow_cookie_name(request), value, max_age_s, FLOW_PATH, "lax")


def _set(
    request: Request,
    answer: Response,
    name: str,
    value: str,
    max_age_s: int,
    path: str,
    same_site: Literal["strict", "lax"],
) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path=path,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite=same_site,
    )
