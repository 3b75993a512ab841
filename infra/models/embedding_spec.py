"""One embedding model as models.toml declares it: frozen and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from schemas.price import Price

EmbeddingEngine = Literal["static", "openai", "gguf"]
Pooling = Literal["model", "mean", "cls", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpec:
    """A model that makes vectors of texts: who computes it, what its vectors are and what they cost.

    `upstream_model`: its name at the engine. `max_input_tokens`: of one text. `shortens`: the first numbers of its
    vectors are vectors too, once they are normalised, so `dimensions` may ask for fewer. `address`, `api_key_env`,
    `max_connections`: of the upstream (openai). `gguf`, `threads`, `pooling`: the file, how many threads compute it,
    and how the vectors of tokens become the text's (`model`: as the file says). `declared_at`: `FILE:LINE`
    of its entry.
    """

    id: str
    engine: EmbeddingEngine
    upstream_model: str
    dimensions: int
    max_input_tokens: int
    price: Price
    shortens: bool = False
    address: str | None = None
    api_key_env: str | None = None
    max_connections: int = 8
    gguf: Path | None = None
    threads: int = 1
    pooling: Pooling = "model"
    timeout_s: float = 60.0
    description: str = ""
    owned_by: str = "verbatim"
    declared_at: str = ""
