"""`faust -A streams.watchdog.main worker`: composition root of the watchdog process."""

from __future__ import annotations

from infra.models.catalogue import ModelCatalogue
from infra.settings import load
from infra.speaking import speak
from streams.faust.mistakes import explained
from streams.watchdog.agent import make_watchdog_app

with explained():
    _settings = load()
    speak(_settings)
    app = make_watchdog_app(_settings, ModelCatalogue.load(_settings.models))
