"""/api/v1/status: how busy the installation is, for everybody who is signed in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api.access.auth import Caller
from api.http.answers import json_answer
from api.turns.ports import Turns
from api.turns.queue_figures import Queue

router = APIRouter(prefix="/api/v1/status", tags=["models"])


@router.get("")
async def get_status(caller: Caller, ports: Turns) -> Response:
    """How many requests wait in each pool of workers, and about how long the next one would."""
    queues = ports.ask.queues
    queues.want()
    return json_answer({"pools": [pool_json(pool, queue) for pool, queue in sorted(queues.all().items())]})


def pool_json(pool: str, queue: Queue) -> dict[str, Any]:
    return {
        "pool": pool,
        "waiting": queue.waiting,
        "etaSeconds": None if queue.wait_s is None else round(queue.wait_s, 1),
    }
