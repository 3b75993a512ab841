"""People of the tests of signing in: what they have, and the browser they sit at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from schemas import ids
from schemas.account import UserCreated
from schemas.envelope import Envelope
from schemas.signing import PasswordSet
from tests.unit.api.world import PASSWORDS, World
from topics.catalogue import ACCOUNT_EVENTS

SESSION = "/api/v1/session"
MARK = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery"


def envelope(name: str) -> Envelope:
    return Envelope(ids.event_id(name, "test"), 1, None, "request", "system:test")


def add_user(world: World, name: str) -> str:
    user_id = ids.user_id(name)
    world.log.append(ACCOUNT_EVENTS, user_id, UserCreated(envelope(name), user_id, name))
    return user_id


async def add_person(world: World, name: str, password: str = PASSWORD) -> str:
    """A user who has a password; returns their id."""
    user_id = add_user(world, name)
    kept = await PASSWORDS.hashed(password)
    event = PasswordSet(envelope=envelope(name), user_id=user_id, password_hash=kept)
    world.log.append(ACCOUNT_EVENTS, user_id, event)
    return user_id


@asynccontextmanager
async def browser(world: World, address: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """A browser with our page in it: keeps cookies and sends the page's headers."""
    transport = httpx.ASGITransport(world.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://verbatim.test", headers=MARK) as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def said(world: World, kind: type[Any]) -> list[Any]:
    return [event for event, _ in world.log.all_of(ACCOUNT_EVENTS) if isinstance(event, kind)]
