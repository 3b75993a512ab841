"""Routes for operators: /health, /ready, /live, /metrics.

No key is asked for; none of them says anything of users.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.http.answers import json_answer
from api.http.errors import not_found
from api.http.providing import provided
from api.http.readiness import Readiness

router = APIRouter(tags=["operations"])

Ready = Annotated[Readiness, Depends(provided(Readiness))]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})


@router.get("/health")
async def health(readiness: Ready) -> Response:
    """Health of the installation: 503 when the log or the projections do not answer, or a role cannot stay up.

    For alerts. Roles are known where a supervisor runs this process.
    """
    found, troubled = await readiness.check(), await readiness.troubles()
    document = {"status": "ok", "checks": found}
    if troubled is not None:
        document["roles"] = troubled
    if not _all_answer(found):
        document["status"] = "unavailable"
    elif troubled:
        document["status"] = "degraded"
    return json_answer(document, 200 if document["status"] == "ok" else 503)


@router.get("/ready")
async def ready(readiness: Ready) -> Response:
    """Readiness of this process: 200 when the log and the projections answer, else 503. For load balancers."""
    found = await readiness.check()
    serves = _all_answer(found)
    return json_answer({"status": "ok" if serves else "unavailable", "checks": found}, 200 if serves else 503)


@router.get("/live")
async def live() -> Response:
    """Liveness: 200 while this process answers, also when other servers are away. For process supervisors."""
    return json_answer({"status": "ok"}, 200)


def _all_answer(checks: dict[str, str]) -> bool:
    return all(state == "ok" for state in checks.values())


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus metrics, served only to this host."""
    if request.client is None or request.client.host not in _LOOPBACK:
        raise not_found("route")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
