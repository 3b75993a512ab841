"""/api/v1/pulse: the state of the installation, for operators only; for others the routes do not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api.access.auth import PulseCaller
from api.http.answers import json_answer
from api.http.providing import provided
from api.pulse.sampling import Pulse
from api.streaming.frames import KEEP_ALIVE
from api.streaming.pushed import PushedStream, frame
from api.streaming.readers import Reader, Readers

router = APIRouter(prefix="/api/v1/pulse", tags=["operations"])

WITHIN_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PulsePorts:
    """What the routes of the pulse need."""

    pulse: Pulse
    readers: Readers


Sampled = Annotated[PulsePorts, Depends(provided(PulsePorts))]


@router.get("")
async def get_pulse(operator: PulseCaller, ports: Sampled) -> Response:
    """The current figures of the installation."""
    return json_answer(await ports.pulse.one(WITHIN_S))


@router.get("/stream")
async def stream_pulse(operator: PulseCaller, ports: Sampled) -> Response:
    """The figures once a second, as `pulse` events."""
    return PushedStream(PulseSource(ports.pulse), ports.readers, operator.credential)


class PulseSource:
    """The samples as one client takes them: a slow one misses some, and is never sent an old one."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._reader: Reader | None = None
        self._number: int | None = None

    def listen(self, reader: Reader) -> None:
        self._reader = reader
        self._pulse.listen(reader)

    async def next(self) -> bytes | None:
        pulse = self._pulse
        if pulse.closed:
            return None
        if pulse.latest is None or pulse.number == self._number:
            return b""
        self._number = pulse.number
        return frame("pulse", pulse.latest)

    def beat(self) -> bytes:
        return KEEP_ALIVE

    def close(self) -> None:
        if self._reader is not None:
            self._pulse.leave(self._reader)
