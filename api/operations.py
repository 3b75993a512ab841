"""For operators: /health, /metrics, and the API page. No key is asked for; none of them says anything of users."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.answers import json_answer
from api.docs_page import STYLE, page
from api.errors import not_found
from api.parts import parts_of

router = APIRouter(tags=["operations"])
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_PAGE_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@router.get("/health")
async def health(request: Request) -> Response:
    """200 when the log and the projections answer, 503 when one does not."""
    found = await parts_of(request).readiness.check()
    ready = all(state == "ok" for state in found.values())
    return json_answer({"status": "ok" if ready else "unavailable", "checks": found}, 200 if ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus metrics, for this host only."""
    if request.client is None or request.client.host not in _LOOPBACK:
        raise not_found("route")
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    return Response(
        page(request.app.openapi()), media_type="text/html", headers={"content-security-policy": _PAGE_POLICY}
    )


@router.get("/docs/style.css", include_in_schema=False)
async def docs_style() -> Response:
    return Response(STYLE, media_type="text/css")
