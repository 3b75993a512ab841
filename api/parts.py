"""The parts an app is made of, built in `__main__` (or by a test) and passed down."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from api.access.key_cache import KeyCache
from api.access.sessions import Sessions
from api.consistency.own_writes import OwnWrites
from api.http.readiness import Readiness
from api.log_view.live_log import LiveLog
from api.page.files import WebFiles
from api.ports import Ends, Limiter, Links, Log, Past, Reads
from api.pulse.sampling import Pulse
from api.streaming.readers import Readers
from api.streaming.tail_hub import TailHub
from infra.models.catalogue import ModelCatalogue
from infra.settings import ApiSettings
from topics.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Parts:
    """`started_at_us`: when the process began; the `created` of the models it lists."""

    settings: ApiSettings
    models: ModelCatalogue
    log: Log
    ends: Ends
    reads: Reads
    limiter: Limiter
    keys: KeyCache
    hub: TailHub
    readers: Readers
    own_writes: OwnWrites
    readiness: Readiness
    past: Past
    started_at_us: int
    sessions: Sessions
    links: Links
    web: WebFiles
    topics: Catalogue
    live: LiveLog
    pulse: Pulse

    def end_pushed(self) -> None:
        """This process ends: cut the streams that have no end of their own. Their clients resume elsewhere."""
        self.live.close()
        self.pulse.close()


def parts_of(request: Request) -> Parts:
    """The parts of the app that serves `request`."""
    parts: Parts = request.app.state.parts
    return parts
