"""`faust -A streams.metering.main worker`: composition root of the metering process."""

from __future__ import annotations

from infra.models import ModelCatalogue
from infra.settings import load
from streams.metering.agent import make_metering_app
from streams.mistakes import explained

with explained():
    _settings = load()
    app = make_metering_app(_settings, ModelCatalogue.load(_settings.models).pools)
