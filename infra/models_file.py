"""Reading one models.toml: every mistake is named with its file and line, in words an operator can act on."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from infra.model_spec import Capability, Deadlines, Dialect, EngineName, ModelsFileError, ModelSpec, TextMode
from infra.toml_lines import KeyPath, key_lines, line_of
from schemas.conversation import Sampling
from schemas.generation import Price

_MICROS = 1_000_000
_SYNTAX_LINE = re.compile(r"^(.*?) \(at line (\d+), column \d+\)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ModelsFile:
    """What one file holds. `default_line` is where it names the default model."""

    models: tuple[ModelSpec, ...]
    default_model: str | None
    default_line: int


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _PriceTable(_Table):
    """Per million tokens: a number or a decimal string, exact to a millionth."""

    version: str = Field(default="1", min_length=1)
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    input: int
    output: int
    cached_input: int | None = None

    @field_validator("input", "output", "cached_input", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> int:
        expected = 'a price per million tokens, like 0.15 or "0.15"'
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise ValueError(f"{value!r} is no price, expected {expected}")
        try:
            price = Decimal(value)
        except ArithmeticError:
            raise ValueError(f"{value!r} is no price, expected {expected}") from None
        if not price.is_finite() or price < 0 or price > 1_000_000:
            raise ValueError(f"{price} is out of range, expected {expected}, from 0 to 1000000")
        micros = price * _MICROS
        if micros != int(micros):
            raise ValueError(f"{price} has too many decimals, expected {expected}, with at most 6 decimals")
        return int(micros)


class _DefaultsTable(_Table):
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False, max_length=16)
    seed: int | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)


class _DeadlinesTable(_Table):
    first_token_s: float = Field(default=60.0, gt=0, le=3600)
    inter_token_s: float = Field(default=30.0, gt=0, le=3600)
    total_s: float = Field(default=600.0, gt=0, le=24 * 3600)


class _ModelTable(_Table):
    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")
    engine: EngineName
    address: str | None = None
    upstream_model: str | None = Field(default=None, min_length=1)
    dialect: Dialect = "auto"
    text_mode: TextMode = "delta"
    context_tokens: int = Field(ge=16)
    max_output_tokens: int | None = Field(default=None, ge=1)
    pool: str = Field(default="default", pattern=r"^[a-z0-9-]{1,40}$")
    price: _PriceTable
    capabilities: tuple[Capability, ...] = Field(default=("streaming",), strict=False)
    defaults: _DefaultsTable = _DefaultsTable()
    tokenizer: str | None = None
    chat_template: str | None = None
    system_prompt: str | None = None
    deadlines: _DeadlinesTable = _DeadlinesTable()
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    max_connections: int = Field(default=512, ge=1, le=10_000)
    options: dict[str, str | int | float | bool] = {}
    description: str = ""
    owned_by: str = "verbatim"

    @model_validator(mode="after")
    def _fits_its_engine(self) -> _ModelTable:
        if self.engine == "openai" and not re.match(r"^https?://[^\s/]+", self.address or ""):
            raise ValueError("address is needed, expected the base URL of the upstream, like http://127.0.0.1:8000/v1")
        if self.engine == "triton" and not re.match(r"^[^\s:/]+:\d+$", self.address or "host:1"):
            raise ValueError(f"address {self.address!r} is wrong, expected host:port of Triton's gRPC service")
        if self.engine != "tensorrt_llm" and self.options:
            raise ValueError("options are for engine tensorrt_llm alone, expected none")
        if (self.max_output_tokens or 1) > self.context_tokens:
            raise ValueError("max_output_tokens is more than context_tokens, expected at most as many")
        return self


class _File(_Table):
    default_model: str | None = None
    model: list[_ModelTable] = []


def read_models_file(path: Path) -> ModelsFile:
    """The entries of one file; paths inside it are relative to it. Raises ModelsFileError."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise ModelsFileError(path, 1, f"cannot be read ({error.strerror}), a TOML file is expected") from None
    except UnicodeDecodeError:
        raise ModelsFileError(path, 1, "is not UTF-8, a TOML file in UTF-8 is expected") from None
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        match = _SYNTAX_LINE.match(str(error))
        line = int(match[2]) if match else text.count("\n") + 1
        raise ModelsFileError(path, line, f"{match[1] if match else error}, valid TOML is expected") from None
    lines = key_lines(text)
    try:
        content = _File.model_validate(_with_floats(document))
    except ValidationError as error:
        raise _first_mistake(path, lines, document, error) from None
    models: dict[str, ModelSpec] = {}
    for index, table in enumerate(content.model):
        line = line_of(lines, ("model", index, "id"))
        if table.id in models:
            first = models[table.id].declared_at
            problem = f"the model id {table.id!r} is already declared at {first}, ids must be unique"
            raise ModelsFileError(path, line, problem)
        models[table.id] = _spec(path, lines, index, table)
    return ModelsFile(tuple(models.values()), content.default_model, line_of(lines, ("default_model",)))


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

    price = table.price
    return ModelSpec(
        id=table.id,
        engine=table.engine,
        address=table.address,
        upstream_model=table.upstream_model or table.id,
        dialect=table.dialect,
        text_mode=table.text_mode,
        context_tokens=table.context_tokens,
        max_output_tokens=table.max_output_tokens or min(table.context_tokens, 4096),
        pool=table.pool,
        price=Price(
            version=price.version,
            currency=price.currency,
            input_micros_per_million=price.input,
            cached_input_micros_per_million=price.input if price.cached_input is None else price.cached_input,
            output_micros_per_million=price.output,
        ),
        capabilities=table.capabilities,
        defaults=Sampling(**table.defaults.model_dump()),
        tokenizer=existing("tokenizer"),
        chat_template=existing("chat_template"),
        system_prompt=table.system_prompt,
        deadlines=Deadlines(**table.deadlines.model_dump()),
        api_key_env=table.api_key_env,
        max_connections=table.max_connections,
        options=tuple(table.options.items()),
        description=table.description,
        owned_by=table.owned_by,
        declared_at=f"{path}:{line_of(lines, ('model', index, 'id'))}",
    )


def _first_mistake(
    path: Path, lines: dict[KeyPath, int], document: dict[str, Any], error: ValidationError
) -> ModelsFileError:
    """The first mistake of the first wrong model, as one line; a misspelt key before the one that is missing for it."""

    def order(detail: ErrorDetails) -> tuple[int, bool, int]:
        location = detail["loc"]
        entry = location[1] if location[:1] == ("model",) and len(location) > 1 else -1
        return (entry if isinstance(entry, int) else -1, detail["type"] == "missing", line_of(lines, location))

    detail = min(error.errors(include_url=False), key=order)
    line = line_of(lines, detail["loc"])
    location = detail["loc"]
    where = ""
    if location[:1] == ("model",) and len(location) > 1:
        entry = document["model"][location[1]]
        name = entry.get("id") if isinstance(entry, dict) else None
        where = f"model {name!r}: " if isinstance(name, str) else ""
    return ModelsFileError(path, line, where + _in_words(detail, _keys_at(location)))


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand where `location` ends."""
    tables: dict[tuple[str, ...], type[_Table]] = {
        (): _File,
        ("model",): _ModelTable,
        ("model", "price"): _PriceTable,
        ("model", "defaults"): _DefaultsTable,
        ("model", "deadlines"): _DeadlinesTable,
    }
    names = tuple(part for part in location[:-1] if isinstance(part, str))
    return list(tables[names].model_fields) if names in tables else []


def _in_words(detail: ErrorDetails, keys: list[str]) -> str:
    key = next((str(part) for part in reversed(detail["loc"]) if isinstance(part, str)), "")
    match detail["type"]:
        case "missing":
            return f"the key {key!r} is missing, every model needs it"
        case "extra_forbidden":
            near = difflib.get_close_matches(key, keys, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(keys)}"
            return f"unknown key {key!r}, {hint}"
        case "value_error":
            message = detail["msg"].removeprefix("Value error, ")
            return f"{key}: {message}" if key not in ("model", "") else message
        case _:
            expected = detail["msg"].removeprefix("Input should be ").removeprefix("String should ")
            return f"{key} = {_shown(detail['input'])} is wrong, expected: {expected}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
