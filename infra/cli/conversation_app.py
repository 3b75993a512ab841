"""Composition root of the conversation process: `faust -A infra.cli.conversation_app worker`."""

from __future__ import annotations

from infra.cli.conversation_parts import conversation_app
from infra.settings import load
from infra.speaking import speak
from streams.faust.mistakes import explained

with explained():
    _settings = load()
    speak(_settings)
    app = conversation_app(_settings)
