"""The routes an app has, however it nests them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


def sockets(app: FastAPI) -> set[str]:
    """The paths of WebSockets."""
    return {route.path for route in _routes(app) if not hasattr(route, "methods")}


def route_objects(app: FastAPI) -> list[Any]:
    """Every route of HTTP itself, also those of included routers."""
    return [route for route in _routes(app) if hasattr(route, "methods")]


def _routes(app: FastAPI) -> list[Any]:
    found, pending = [], list[Any](app.routes)
    while pending:
        route = pending.pop()
        router = getattr(route, "original_router", None)
        if router is not None:
            pending += router.routes
        else:
            found.append(route)
    return found


def all_routes(app: FastAPI) -> set[tuple[str, str]]:
    """(method, path pattern) of every route, without HEAD."""
    return {(method, route.path) for route in route_objects(app) for method in route.methods if method != "HEAD"}
