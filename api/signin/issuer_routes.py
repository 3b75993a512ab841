"""/api/v1/session/issuers: to an issuer, back from it, and what it says when somebody signs out there."""

from __future__ import annotations

import contextlib
from hmac import compare_digest
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import RedirectResponse

from api.access.auth import Access, address_of, admit_anybody
from api.access.bearer_tokens import issuer_away, refused
from api.access.ports import Accounts, LinksUnavailable
from api.access.session_cookies import flow_cookie_name, set_flow_cookie
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.upgrading import check_signing
from api.http.errors import ApiError, bad_request, not_found
from api.signin.flow import DRAWN_BYTES, FLOW_S, Flow, own_path
from api.signin.issuer_people import person_of
from api.signin.linked import good_link
from api.signin.one_time import INVITATION
from api.signin.ports import Signing, SigninPorts
from api.signin.saying import born, say
from api.signin.starting import put_cookie, start_session
from infra.clock import now_us
from infra.ids import draw_bytes
from infra.issuers.errors import CodeRefused, IssuerUnavailable, TokenRefused
from infra.issuers.issuer import Issuer
from infra.issuers.logout import OLDEST_LOGOUT_S, checked_login, checked_logout
from infra.issuers.tokens import LEEWAY_S, MAX_TOKEN_BYTES
from schemas import ids
from schemas.signing import IssuerSignedOut

router = APIRouter(prefix="/api/v1/session/issuers", tags=["session"], dependencies=[Depends(admit_anybody)])
_LONGEST_CODE = 2000
_LOGOUT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "description": "What the issuer says, as a signed token.",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string", "maxLength": MAX_TOKEN_BYTES}},
                }
            }
        },
    }
}
Asked = Annotated[str, Query(max_length=4096)]
"""A parameter of an issuer's, or of a link of ours."""


@router.get("/{name}", status_code=303)
async def to_issuer(
    request: Request, name: str, signing: Signing, fresh: Fresh, to: Asked = "/", invitation: Asked = ""
) -> Response:
    """Send the browser to the issuer; it comes back to `callback`. `to`: where it is in the end, a path of our own."""
    check_signing("issuers")
    issuer = _issuer(signing, name)
    settings = issuer.settings
    if invitation:
        await good_link(signing, fresh, invitation, INVITATION)
    try:
        provider = await issuer.provider()
    except IssuerUnavailable as error:
        return _failed(request, issuer_away(error))
    flow = Flow(name, draw_bytes(DRAWN_BYTES).hex(), _now_s(), own_path(to), invitation)
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": _callback_of(request, name),
        "scope": " ".join(settings.scopes),
        "state": signing.flows.state(flow),
        "nonce": signing.flows.nonce(flow),
        "code_challenge": signing.flows.challenge(flow),
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in provider.authorization_endpoint else "?"
    answer = RedirectResponse(f"{provider.authorization_endpoint}{joint}{urlencode(query)}", 303)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    set_flow_cookie(request, answer, signing.flows.sealed(flow), FLOW_S)
    return answer


@router.get("/{name}/callback", status_code=303)
async def back_from_issuer(
    request: Request,
    name: str,
    signing: Signing,
    access: Access,
    accounts: Accounts,
    fresh: Fresh,
    commands: Commands,
    code: Asked = "",
    state: Asked = "",
    iss: Asked = "",
    error: Asked = "",
) -> Response:
    """The issuer has sent the browser back: with a code, which is good once, or with an error of its own."""
    try:
        issuer = _issuer(signing, name)
        flow = _checked_flow(request, signing, name, state)
        await _once(accounts, f"issuer:{state}")
        if iss and not compare_digest(iss.encode(), issuer.settings.issuer.encode()):
            raise TokenRefused("iss", "The answer is from another issuer.")
        if error:
            raise TokenRefused("issuer", "The issuer did not sign you in.")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise TokenRefused("code", "The issuer's answer has no code that can be used.")
        if (await issuer.provider()).names_itself and not iss:
            raise TokenRefused("iss", "The answer does not say which issuer it is from.")
        tokens = await issuer.redeemed(code, _callback_of(request, name), signing.flows.verifier(flow))
        text = tokens.get("id_token")
        if not isinstance(text, str):
            raise TokenRefused("id_token", "The issuer gave no ID token.")
        heading, claims = await issuer.claims(text, issuer.settings.algorithms)
        login = checked_login(
            heading,
            claims,
            issuer=issuer.settings.issuer,
            client_id=issuer.settings.client_id,
            nonce=signing.flows.nonce(flow),
            access_token=tokens.get("access_token"),
            now_s=_now_s(),
        )
        if await access.issuer_ends.is_over(login):
            raise TokenRefused("logout", "The issuer has signed you out meanwhile.")
        user_id = await person_of(request, signing, access, fresh, commands, issuer.settings, login, claims, flow)
        cookie, _, expires_at_s = await start_session(
            request,
            access,
            commands,
            user_id=user_id,
            method="issuer",
            session_s=signing.session_s,
            login=login,
        )
    except TokenRefused as why:
        return _failed(request, refused(why))
    except CodeRefused as why:
        return _failed(request, refused(TokenRefused("code", f"The issuer refused the code ({why.error}).")))
    except IssuerUnavailable as why:
        return _failed(request, issuer_away(why))
    except ApiError as why:
        return _failed(request, why)
    answer = RedirectResponse(flow.back, 303)
    answer.headers["Cache-Control"] = "no-store"
    put_cookie(request, answer, cookie, expires_at_s)
    set_flow_cookie(request, answer, "", 0)
    return answer


@router.post("/{name}/logout", openapi_extra=_LOGOUT_BODY)
async def signed_out_there(
    request: Request, name: str, signing: Signing, access: Access, accounts: Accounts, commands: Commands
) -> Response:
    """Back-channel logout: the issuer says, signed, whom it has signed out. What was open by it ends."""
    check_signing("issuers")
    issuer = _issuer(signing, name)
    settings = issuer.settings
    failed: list[TokenRefused] = []

    async def checked() -> tuple[dict[str, Any], str] | None:
        try:
            token = await _logout_token(request)
            heading, claims = await issuer.claims(token, settings.algorithms)
            jti = checked_logout(heading, claims, settings.issuer, settings.client_id, _now_s())
            await _once(accounts, f"logout:{settings.name}:{jti}")
        except TokenRefused as why:
            failed.append(why)
            return None
        return claims, jti

    try:
        # Who sends wrong ones is told to wait. An issuer may say many at once: no good one is refused.
        found = await signing.wrong_logouts.ask(address_of(request), checked)
    except IssuerUnavailable as why:
        raise issuer_away(why) from None
    if found is None:
        raise bad_request(f"{failed[0]} (check: {failed[0].check})", code="invalid_request")
    claims, jti = found
    subject, session = str(claims.get("sub", "")), str(claims.get("sid", ""))
    about = ids.event_id(f"{settings.issuer} {subject} {session}", "issuer")
    envelope = born(request, about, "IssuerSignedOut", f"{settings.issuer} {jti}")
    event = IssuerSignedOut(
        envelope=envelope,
        issuer=settings.issuer,
        subject=subject,
        issuer_session=session,
        at_s=int(claims["iat"]),
    )
    try:
        await say(request, commands, about, event)
    except ApiError:
        with contextlib.suppress(LinksUnavailable):
            await accounts.links.give_back(f"logout:{settings.name}:{jti}")  # the issuer may say it again
        raise
    access.issuer_ends.ended(event)
    return Response(status_code=200, headers={"Cache-Control": "no-store"})


async def _logout_token(request: Request) -> str:
    """The field of a form. Raises TokenRefused."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TokenRefused("form", "A form is expected, with the field logout_token.")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > 2 * MAX_TOKEN_BYTES:
            raise TokenRefused("size", f"The form has more than {2 * MAX_TOKEN_BYTES} bytes.")
    try:
        fields = parse_qs(content.decode("ascii"), max_num_fields=20)
    except ValueError:
        raise TokenRefused("form", "The form cannot be read.") from None
    tokens = fields.get("logout_token", [])
    if len(tokens) != 1:
        raise TokenRefused("form", "The form must have one field logout_token.")
    return tokens[0]


def _issuer(signing: SigninPorts, name: str) -> Issuer:
    found = signing.issuers.get(name)
    if found is None or not found.settings.client_id:
        raise not_found("issuer")
    return found


def _checked_flow(request: Request, signing: SigninPorts, name: str, state: str) -> Flow:
    """Raises TokenRefused: the browser did not begin this, or begins it again."""
    cookie = request.cookies.get(flow_cookie_name(request))
    flow = None if cookie is None else signing.flows.opened(cookie, _now_s())
    if flow is None or flow.issuer != name:
        raise TokenRefused("state", "This sign-in was not begun in this browser, or too long ago. Begin it again.")
    if not compare_digest(signing.flows.state(flow).encode(), state.encode()):
        raise TokenRefused("state", "The answer belongs to another sign-in. Begin it again.")
    return flow


async def _once(accounts: Any, name: str) -> None:
    """Raises TokenRefused for what came before. While Redis is away the issuer's own check of its code is left."""
    try:
        if await accounts.links.take(name, FLOW_S + OLDEST_LOGOUT_S + LEEWAY_S):
            return
    except LinksUnavailable:
        return
    raise TokenRefused("replay", "This answer was used already. Begin again.")


def _callback_of(request: Request, name: str) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{router.prefix}/{name}/callback"


def _failed(request: Request, error: ApiError) -> Response:
    """For a browser the page on which one signs in, which says why; for a program the error itself."""
    if "text/html" in request.headers.get("accept", ""):
        shown = urlencode({"failed": error.code or "", "why": error.message[:300]})
        answer: Response = RedirectResponse(f"/signin#{shown}", 303)
    else:
        answer = error.response()
    answer.headers["Cache-Control"] = "no-store"
    set_flow_cookie(request, answer, "", 0)
    return answer


def _now_s() -> int:
    return now_us() // 1_000_000
