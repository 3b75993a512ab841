"""The projector's process: conversation-events, generation-outcomes, usage-records, account-events -> Cassandra.

Run as `faust -A projections.main -L uvloop worker --without-web`. Nothing connects before the worker starts.
"""

from __future__ import annotations

from infra.settings import load
from infra.speaking import speak
from projections.agent import make_projections_app

_settings = load()
speak(_settings)
app = make_projections_app(_settings)
