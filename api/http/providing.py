"""Gives each route its ports: a route declares the group it needs.

A room of the api declares one small frozen group of ports, and an alias of it for its routes:

    Conversations = Annotated[ConversationPorts, Depends(provided(ConversationPorts))]

A route can reach the groups it declares, and nothing else. Functions below the routes take ports as arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import FastAPI, Request

Ports = TypeVar("Ports")


def provide(app: FastAPI, *groups: object) -> None:
    """Give the routes of `app` these groups of ports, one of each type."""
    app.state.ports = {type(group): group for group in groups}


def provided(kind: type[Ports]) -> Callable[[Request], Awaitable[Ports]]:
    """The dependency that gives a route the app's ports of type `kind`."""

    async def ports(request: Request) -> Ports:
        found: Ports = request.app.state.ports[kind]
        return found

    return ports
