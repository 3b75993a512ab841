"""The inputs of a request to a Python-backend model, as values."""

from __future__ import annotations

import json
from typing import Any

import triton_python_backend_utils as pb_utils

from infra.models.json_schemas import ANY_OBJECT, UnsupportedSchema, check_schema


class BadTensor(Exception):
    """The request breaks the contract; the message goes to the client."""


def _tensor(request: Any, name: str) -> Any | None:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy().reshape(-1)


def one_string(request: Any, name: str) -> str:
    values = strings(request, name)
    if len(values) != 1:
        raise BadTensor(f"{name} must hold exactly one string")
    return values[0]


def strings(request: Any, name: str) -> list[str]:
    values = _tensor(request, name)
    return [] if values is None else [value.decode("utf-8", "replace") for value in values]


def number(request: Any, name: str, default: int | None) -> Any:
    values = _tensor(request, name)
    return default if values is None or not len(values) else values[0].item()


def flag(request: Any, name: str) -> bool:
    return bool(number(request, name, 0))


def schema_of(request: Any) -> Any:
    """The JSON schema of a guided answer, None for any text. Raises BadTensor for what no grammar can hold."""
    kinds, guides = strings(request, "guided_decoding_guide_type"), strings(request, "guided_decoding_guide")
    match kinds:
        case []:
            return None
        case ["json"]:
            return ANY_OBJECT
        case ["json_schema"] if len(guides) == 1:
            try:
                schema = json.loads(guides[0])
                check_schema(schema)
            except ValueError:
                raise BadTensor("guided_decoding_guide is not JSON") from None
            except UnsupportedSchema as error:
                raise BadTensor(str(error)) from None
            return schema
        case _:
            raise BadTensor("guided_decoding_guide_type must be json or json_schema, the latter with a guide")
