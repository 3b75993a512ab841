"""`faust -A streams.metering.main worker`: composition root of the metering process."""

from __future__ import annotations

from infra.models.catalogue import ModelCatalogue
from infra.settings import load
from infra.speaking import speak
from streams.faust.mistakes import explained
from streams.metering.agent import make_metering_app

with explained():
    _settings = load()
    speak(_settings)
    app = make_metering_app(_settings, ModelCatalogue.load(_settings.models).pools)
