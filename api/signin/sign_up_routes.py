"""Ways in: what the page offers, signing up, one-time links. Whoever comes here has no key; addresses are counted."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api.access.auth import Access, address_of, admit_anybody, admit_try
from api.access.ports import Accounts
from api.access.same_origin import refuse_other_sites
from api.consistency.freshness import Fresh
from api.consistency.ports import Commands
from api.consistency.upgrading import check_signing
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, bad_request
from api.signin.linked import good_link, use_link
from api.signin.names import checked_name
from api.signin.one_time import INVITATION, RESET
from api.signin.passwords import hash_for, set_password, slow_down
from api.signin.people import create_user
from api.signin.ports import Signing
from api.signin.session_list import end_all
from api.signin.session_routes import signed_in_answer
from schemas import ids

router = APIRouter(prefix="/api/v1/session", tags=["session"], dependencies=[Depends(admit_anybody)])
MAX_BODY_BYTES = 16 * 1024
_NAME = r"^[^\x00-\x1f\x7f]+$"


class SignUp(ApiBody):
    """`invitation`: the text of a one-time link; who signs up where everybody may sends none."""

    name: str = Field(min_length=1, max_length=64, pattern=_NAME)
    password: str = Field(max_length=1000)
    invitation: str | None = Field(default=None, max_length=200)


class OneTimeLink(ApiBody):
    link: str = Field(max_length=200)


class Reset(OneTimeLink):
    password: str = Field(max_length=1000)


@router.get("/ways")
async def ways_in(signing: Signing) -> Response:
    """How one signs in and up here."""
    issuers = [one.settings for one in signing.issuers.values() if one.settings.client_id]
    listed = [{"name": settings.name, "label": settings.shown} for settings in issuers]
    return json_answer({"password": True, "signUp": signing.sign_up, "issuers": listed})


@router.post("/link", openapi_extra=openapi_body(OneTimeLink), dependencies=[Depends(admit_try)])
async def look_at_link(request: Request, bodies: BodyReader, fresh: Fresh, signing: Signing) -> Response:
    """What a one-time link is for, without using it. 410 `link_used`, `link_expired` or `link_revoked`."""
    refuse_other_sites(request.headers)
    body = await bodies.read(request, OneTimeLink, max_bytes=MAX_BODY_BYTES)
    link = await good_link(signing, fresh, body.link)
    user = await signing.reads.user(link.user_id) if link.user_id else None
    name = link.name or (user.name if user is not None else "")
    return json_answer({"kind": link.kind, "name": name or None, "expiresAt": iso(link.expires_at_us)})


@router.post("/sign-up", openapi_extra=openapi_body(SignUp), dependencies=[Depends(admit_try)])
async def sign_up(
    request: Request,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    signing: Signing,
    commands: Commands,
) -> Response:
    """Become a user, and be signed in. With an invitation where `api.sign_up` asks for one; it is used up."""
    refuse_other_sites(request.headers)
    body = await bodies.read(request, SignUp, max_bytes=MAX_BODY_BYTES)
    check_signing("password")
    name = checked_name(body.name)
    if body.invitation is None and signing.sign_up != "open":
        raise ApiError(
            403,
            "Signing up needs an invitation here. Ask an administrator of this installation for one.",
            code="sign_up_closed",
            error_type="permission_error",
        )
    link = None
    if body.invitation is not None:
        link = await good_link(signing, fresh, body.invitation, INVITATION)
        if link.name and link.name != name:
            raise bad_request(f"This invitation is for the name '{link.name}'.", code="other_name", param="name")
    else:
        await slow_down(signing, f"sign-up {address_of(request)}", address_of(request))
    user_id = ids.user_id(name)
    if not {name, user_id}.isdisjoint(signing.reserved) and (link is None or link.name != name):
        raise name_taken()
    if await signing.reads.user(user_id) is not None:
        raise name_taken()
    kept = await hash_for(signing, body.password, name)
    if link is not None:
        await use_link(request, signing, fresh, commands, link)
    if not await create_user(request, fresh, commands, signing, user_id=user_id, name=name, link=link):
        raise name_taken()
    await set_password(request, commands, user_id, kept)
    method = "password" if link is None else "invitation"
    return await signed_in_answer(
        request, access, accounts, commands, user_id=user_id, method=method, session_s=signing.session_s
    )


@router.post("/reset", openapi_extra=openapi_body(Reset), dependencies=[Depends(admit_try)])
async def reset_password(
    request: Request,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    signing: Signing,
    commands: Commands,
) -> Response:
    """Another password, by a one-time link. Every session so far is over; this browser is signed in."""
    refuse_other_sites(request.headers)
    body = await bodies.read(request, Reset, max_bytes=MAX_BODY_BYTES)
    check_signing("password")
    link = await good_link(signing, fresh, body.link, RESET)
    user = await signing.reads.user(link.user_id)
    kept = await hash_for(signing, body.password, user.name if user is not None else "")
    await use_link(request, signing, fresh, commands, link)
    await set_password(request, commands, link.user_id, kept)
    await end_all(request, access, commands, link.user_id)
    return await signed_in_answer(
        request, access, accounts, commands, user_id=link.user_id, method=RESET, session_s=signing.session_s
    )


def name_taken() -> ApiError:
    """Signing up tells that a name is taken: it cannot be kept from who chooses one. Addresses slow down."""
    return ApiError(409, "This name is taken. Choose another one.", code="name_taken", param="name")
