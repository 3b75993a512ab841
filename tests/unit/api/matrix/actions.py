"""What each route is for, as its gate says."""

from __future__ import annotations

from collections.abc import Mapping

from api.access.auth import RouteGate
from tests.unit.api.routes import route_objects
from tests.unit.api.world import World

ACTIONS: Mapping[tuple[str, str], str] = {
    (method, route.path): gate.action
    for route in route_objects(World().app)
    for gate in (dependency.call for dependency in getattr(getattr(route, "dependant", None), "dependencies", ()))
    if isinstance(gate, RouteGate)
    for method in route.methods
}
