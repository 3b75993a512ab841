"""Reads a models.toml: every mistake is reported with file and line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from infra.models.addresses import check_address
from infra.models.embedding_spec import EmbeddingSpec
from infra.models.embedding_table import EmbeddingTable
from infra.models.gguf import NotUsable
from infra.models.gguf_files import NOTHING_DERIVED, derived_files, located
from infra.models.prices_file import InputPriceTable, PriceTable
from infra.models.spec import (
    IMAGE_TOKENS,
    Capability,
    Deadlines,
    Dialect,
    EngineName,
    ModelsFileError,
    ModelSpec,
    TextMode,
    ThinkTags,
    ToolsOffered,
)
from infra.models.toml_lines import KeyPath, key_lines, line_of
from infra.models.toml_mistakes import StrictTable, Tables, first_mistake, read_toml
from schemas.conversation import Sampling


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """What one file holds. `default_line` is where it names the default model."""

    models: tuple[ModelSpec, ...]
    embeddings: tuple[EmbeddingSpec, ...]
    default_model: str | None
    default_line: int


class _DefaultsTable(StrictTable):
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False, max_length=16)
    seed: int | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)


class _DeadlinesTable(StrictTable):
    first_token_s: float = Field(default=60.0, gt=0, le=3600)
    inter_token_s: float = Field(default=30.0, gt=0, le=3600)
    total_s: float = Field(default=600.0, gt=0, le=24 * 3600)


class _ModelTable(StrictTable):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")
    engine: EngineName
    address: str | None = None
    upstream_model: str | None = Field(default=None, min_length=1)
    dialect: Dialect = "auto"
    text_mode: TextMode = "delta"
    context_tokens: int = Field(ge=16)
    max_output_tokens: int | None = Field(default=None, ge=1)
    pool: str = Field(default="default", pattern=r"^[a-z0-9-]{1,40}$")
    price: PriceTable
    capabilities: tuple[Capability, ...] = Field(default=("streaming",), strict=False)
    defaults: _DefaultsTable = _DefaultsTable()
    tokenizer: str | None = None
    chat_template: str | None = None
    system_prompt: str | None = None
    deadlines: _DeadlinesTable = _DeadlinesTable()
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    max_connections: int = Field(default=512, ge=1, le=10_000)
    options: dict[str, str | int | float | bool] = Field(default={})
    description: str = ""
    owned_by: str = "verbatim"
    gguf: str | None = Field(default=None, min_length=1)
    slots: int | None = Field(default=None, ge=1, le=64)
    threads: int | None = Field(default=None, ge=1, le=256)
    deprecated: bool = False
    tools: ToolsOffered = "ignore"
    think_tags: ThinkTags = "begin"
    image_tokens: int = Field(default=IMAGE_TOKENS, ge=1, le=100_000)

    @model_validator(mode="after")
    def _fits_its_engine(self) -> _ModelTable:
        if self.engine != "tensorrt_llm" and self.options:
            raise ValueError("options are for engine tensorrt_llm alone, expected none")
        if (self.max_output_tokens or 1) > self.context_tokens:
            raise ValueError("max_output_tokens is more than context_tokens, expected at most as many")
        if self.gguf is not None and self.engine != "triton":
            raise ValueError("gguf is for engine triton alone, expected none")
        if self.gguf is not None and (self.address is not None or self.upstream_model is not None):
            raise ValueError("a gguf is served by the local Triton, expected neither address nor upstream_model")
        if self.gguf is None and (self.slots is not None or self.threads is not None):
            raise ValueError("slots and threads are of a gguf, expected with one alone")
        return self


class _File(StrictTable):
    default_model: str | None = None
    model: list[_ModelTable] = Field(default=[])
    embedding: list[EmbeddingTable] = Field(default=[])


_TABLES: Tables = {
    (): _File,
    ("model",): _ModelTable,
    ("model", "price"): PriceTable,
    ("model", "defaults"): _DefaultsTable,
    ("model", "deadlines"): _DeadlinesTable,
    ("embedding",): EmbeddingTable,
    ("embedding", "price"): InputPriceTable,
}


def read_models_file(path: Path) -> ModelsFile:
    """The entries of one file; paths inside it are relative to it. Raises ModelsFileError."""
    text, document = read_toml(path)
    lines = key_lines(text)
    try:
        content = _File.model_validate(_with_floats(document))
    except ValidationError as error:
        raise first_mistake(path, lines, document, error, _TABLES) from None
    declared: dict[str, str] = {}

    def declare(kind: str, index: int, name: str) -> None:
        line = line_of(lines, (kind, index, "id"))
        if name in declared:
            raise declared_twice(path, line, name, declared[name])
        declared[name] = f"{path}:{line}"

    models, embeddings = [], []
    for index, table in enumerate(content.model):
        declare("model", index, table.id)
        models.append(_spec(path, lines, index, table))
    for index, entry in enumerate(content.embedding):
        declare("embedding", index, entry.id)
        try:
            embeddings.append(entry.spec(path.parent, declared[entry.id]))
        except ValueError as error:
            line = line_of(lines, ("embedding", index, "address"))
            raise ModelsFileError(path, line, f"embedding {entry.id!r}: {error}") from None
    default_line = line_of(lines, ("default_model",))
    return ModelsFile(tuple(models), tuple(embeddings), content.default_model, default_line)


def declared_twice(path: Path, line: int, name: str, first: str) -> ModelsFileError:
    """`name` is the id of two models, the first one at `first`."""
    return ModelsFileError(path, line, f"the model id {name!r} is already declared at {first}, ids must be unique")


def _with_floats(value: Any, key: str = "") -> Any:
    """Decimals become floats again, except in prices."""
    if isinstance(value, dict):
        return {name: item if name == "price" else _with_floats(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_floats(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def _spec(path: Path, lines: dict[KeyPath, int], index: int, table: _ModelTable) -> ModelSpec:
    def existing(key: Literal["tokenizer", "chat_template"]) -> Path | None:
        value: str | None = getattr(table, key)
        if value is None:
            return None
        file = (path.parent / value).resolve()
        if not file.is_file():
            problem = f"{key} {value!r} is not a file, expected a path relative to {path.parent}"
            raise ModelsFileError(path, line_of(lines, ("model", index, key)), problem)
        return file

    gguf = None
    if table.gguf is not None:
        try:
            gguf = located(table.gguf, path.parent)
        except NotUsable as error:
            raise ModelsFileError(
                path, line_of(lines, ("model", index, "gguf")), f"model {table.id!r}: {error}"
            ) from None
    derived = derived_files(gguf) if gguf is not None else NOTHING_DERIVED
    try:
        check_address(table.engine, table.address, has_key=table.api_key_env is not None)
    except ValueError as error:
        line = line_of(lines, ("model", index, "address"))
        raise ModelsFileError(path, line, f"model {table.id!r}: {error}") from None
    return ModelSpec(
        id=table.id,
        engine=table.engine,
        address=table.address,
        upstream_model=table.upstream_model or (table.id if gguf is None else _at_triton(table.id)),
        dialect=table.dialect if gguf is None else "trtllm_engine",
        text_mode=table.text_mode,
        context_tokens=table.context_tokens,
        max_output_tokens=table.max_output_tokens or min(table.context_tokens, 4096),
        pool=table.pool,
        price=table.price.price(),
        capabilities=table.capabilities,
        defaults=Sampling(**table.defaults.model_dump()),
        tokenizer=existing("tokenizer") or derived.tokenizer,
        chat_template=existing("chat_template") or derived.chat_template,
        system_prompt=table.system_prompt,
        deadlines=Deadlines(**table.deadlines.model_dump()),
        api_key_env=table.api_key_env,
        max_connections=table.max_connections,
        options=tuple(table.options.items()),
        description=table.description,
        owned_by=table.owned_by,
        declared_at=f"{path}:{line_of(lines, ('model', index, 'id'))}",
        gguf=gguf,
        slots=table.slots or 4,
        threads=table.threads or 0,
        control_tokens=derived.control_tokens,
        deprecated=table.deprecated,
        tools=table.tools,
        think_tags=table.think_tags,
        image_tokens=table.image_tokens,
    )


def _at_triton(model_id: str) -> str:
    """The name of a model's folder."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", model_id)
