"""Secrets of signing in: each is told once, to whom it is for, and stands in no log, metric, record or other answer."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest

from schemas import ids
from schemas.identity import UserChanged
from schemas.signing import OneTimeLinkMade, PasswordSet, SessionStarted
from tests.oidc_issuer import SECRET, TestIssuer, stranger
from tests.unit.api.signin.people import SESSION, add_user, browser, envelope, said
from tests.unit.api.signin.test_issuers import bearer, posted, signed_in, world_of
from tests.unit.api.world import World
from topics.catalogue import ACCOUNT_EVENTS

FIRST, SECOND, WRONG = "the first of my secrets", "the second of my secrets", "not one of my secrets"
LISTS = ("users", "invitations", "organisations", "keys?user_id={root}", "budgets", "usage", "tiers")


class Heard:
    """Every answer that was heard, but for those that tell a secret to whom it is for."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.cookies: set[str] = set()

    def note(self, answer: httpx.Response, *, own: bool = False) -> Any:
        """`own`: it may tell the secret."""
        self.cookies |= {cookie.value for cookie in answer.cookies.jar if cookie.value}
        told = [value for name, value in answer.headers.items() if name != "set-cookie"]
        if not own:
            self.texts.append(answer.text)
        self.texts += told
        return answer.json() if "json" in answer.headers.get("content-type", "") else None


async def test_a_secret_is_told_once_and_to_whom_it_is_for(capfd: pytest.CaptureFixture[str]) -> None:
    theirs, heard = TestIssuer(), Heard()
    world: World = world_of(theirs)
    root, key = ids.user_id("root"), world.add_key("root", "r")
    add_user(world, "root")
    world.log.append(
        ACCOUNT_EVENTS, root, UserChanged(envelope=envelope("root"), user_id=root, roles=("admin", "member"))
    )
    good = theirs.token()
    forged = theirs.token({"n": 1}, key=stranger())
    logout, forged_logout = theirs.logout_token(), theirs.logout_token(aud="another")
    async with world.client(key) as admin, browser(world) as page, world.client(None) as program:
        invitation = heard.note(await admin.post("/api/v1/admin/invitations", json={"name": "walker"}), own=True)[
            "link"
        ]
        user = {"name": "walker", "password": FIRST}
        heard.note(await page.post(SESSION + "/link", json={"link": invitation}))
        heard.note(await page.post(SESSION + "/sign-up", json={**user, "invitation": invitation}))
        heard.note(await page.post(SESSION + "/sign-up", json={**user, "name": "b", "invitation": invitation}))
        heard.note(await page.post(SESSION, json={**user, "password": WRONG}))
        heard.note(await page.post(SESSION, json={**user, "password": [WRONG]}))
        heard.note(await page.post(SESSION + "/password", json={"current": WRONG, "password": SECOND}))
        heard.note(await page.post(SESSION + "/password", json={"current": FIRST, "password": SECOND}))
        made = heard.note(await page.post("/api/v1/keys", json={}), own=True)["key"]
        walker = ids.user_id("walker")
        reset = heard.note(await admin.post(f"/api/v1/admin/users/{walker}/reset"), own=True)["link"]
        heard.note(await page.post(SESSION + "/reset", json={"link": reset, "password": FIRST}))
        heard.note(await page.post(SESSION + "/reset", json={"link": reset, "password": SECOND}))
        for path in ("", "/ways"):
            heard.note(await page.get(SESSION + path))
        for path in ("sessions", "keys", "limits", "budgets", "usage", "usage/daily"):
            heard.note(await page.get(f"/api/v1/{path}"))
        heard.note(await signed_in(page, theirs))
        for token in (good, forged, good + "x"):
            heard.note(await program.get(SESSION, headers=bearer(token)))
        for token in (logout, forged_logout):
            heard.note(await posted(page, token))
        for name in LISTS:
            answer = await admin.get("/api/v1/admin/" + name.format(root=root))
            assert answer.status_code == 200, answer.text
            heard.note(answer)
    hashes = [one.password_hash for one in said(world, PasswordSet)]
    hashes += [one.session_sha256 for one in said(world, SessionStarted)]
    hashes += [one.token_sha256 for one in said(world, OneTimeLinkMade)]
    assert len(hashes) == 3 + 4 + 2, "all of it came about"
    assert len(heard.cookies) >= 4
    secrets = [FIRST, SECOND, WRONG, SECRET, key, invitation, made, reset, good, forged, logout, forged_logout]
    out, err = capfd.readouterr()
    places = {
        "answers": "\n".join(heard.texts),
        "logs": out + err,
        "metrics": generate_latest().decode(),
        "records": repr(world.log.partitions),
    }
    assert all("walker" in places[where] for where in ("answers", "records")), "what is there is found"
    for where, text in places.items():
        found = [secret for secret in (*secrets, *heard.cookies) if secret in text]
        assert not found, where
        if where != "records":
            assert not [kept for kept in hashes if kept in text], where
