"""The entries `[[embedding]]` of a models.toml."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from infra.models.addresses import check_address
from infra.models.embedding_spec import EmbeddingEngine, EmbeddingSpec, Pooling
from infra.models.prices_file import InputPriceTable
from infra.models.toml_mistakes import StrictTable

MAX_DIMENSIONS = 16_384


class EmbeddingTable(StrictTable):
    """What an entry may say."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")
    engine: EmbeddingEngine
    upstream_model: str | None = Field(default=None, min_length=1)
    dimensions: int = Field(ge=1, le=MAX_DIMENSIONS)
    max_input_tokens: int = Field(ge=1, le=10_000_000)
    price: InputPriceTable
    shortens: bool = False
    address: str | None = None
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    max_connections: int = Field(default=8, ge=1, le=10_000)
    gguf: str | None = Field(default=None, min_length=1)
    threads: int = Field(default=1, ge=1, le=512)
    pooling: Pooling = "model"
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    description: str = ""
    owned_by: str = "verbatim"

    @model_validator(mode="after")
    def _fits_its_engine(self) -> EmbeddingTable:
        if self.engine != "openai":
            for key in ("address", "api_key_env"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key} is for engine openai alone, expected none")
        if (self.engine == "gguf") != (self.gguf is not None):
            raise ValueError("engine gguf and the key gguf, its file, need each other, expected both or neither")
        return self

    def spec(self, folder: Path, declared_at: str) -> EmbeddingSpec:
        """The model; its file is relative to `folder`. Raises ValueError for an address that its engine cannot use."""
        check_address(self.engine, self.address, has_key=self.api_key_env is not None)
        return EmbeddingSpec(
            id=self.id,
            engine=self.engine,
            upstream_model=self.upstream_model or self.id,
            dimensions=self.dimensions,
            max_input_tokens=self.max_input_tokens,
            price=self.price.price(),
            shortens=self.shortens,
            address=self.address,
            api_key_env=self.api_key_env,
            max_connections=self.max_connections,
            gguf=None if self.gguf is None else (folder / self.gguf).resolve(),
            threads=self.threads,
            pooling=self.pooling,
            timeout_s=self.timeout_s,
            description=self.description,
            owned_by=self.owned_by,
            declared_at=declared_at,
        )
