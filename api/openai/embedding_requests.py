"""The parameters of POST /v1/embeddings and their meaning here. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, WithJsonSchema

from api.consistency.request_hash import request_hash
from api.http.bodies import StrictBody
from api.http.errors import ApiError, bad_request
from infra.models.catalogue import EmbeddingSpec

MAX_TEXTS = 2_048
MAX_DIMENSIONS = 65_536
MAX_NUMBERS = 4_194_304
"""Numbers in one answer: texts times dimensions."""
MAX_USER_CHARACTERS = 512

Encoding = Literal["float", "base64"]

_INPUT = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MAX_TEXTS},
    ]
}


class EmbeddingRequest(StrictBody):
    """`input` is checked by `texts_of`, which says of each mistake what may be sent instead."""

    model: str = Field(min_length=1, max_length=200)
    input: Annotated[Any, WithJsonSchema(_INPUT)]
    encoding_format: Encoding | None = None
    dimensions: int | None = Field(default=None, ge=1, le=MAX_DIMENSIONS)

    # Accepted and without effect.
    user: Annotated[str, StringConstraints(max_length=MAX_USER_CHARACTERS)] | None = None


@dataclass(frozen=True, slots=True)
class EmbeddingsAsked:
    """What a request asks for, checked."""

    model: str
    texts: tuple[str, ...]
    encoding: Encoding
    dimensions: int | None
    request_hash: str

    @classmethod
    def of(cls, request: EmbeddingRequest) -> EmbeddingsAsked:
        """Raises ApiError 400 for what cannot be done."""
        texts = texts_of(request.input)
        # In which form the numbers are answered is not what is asked for.
        stated = request.model_dump(exclude_none=True, exclude={"input", "encoding_format"}) | {"input": texts}
        hashed = request_hash("embeddings", stated)
        return cls(request.model, texts, request.encoding_format or "float", request.dimensions, hashed)

    def dimensions_of(self, spec: EmbeddingSpec) -> int:
        """How many numbers each vector of the answer has. Raises ApiError 400."""
        asked = spec.dimensions if self.dimensions is None else self.dimensions
        if asked > spec.dimensions:
            said = f"expected at most {spec.dimensions}, which the vectors of this model have, got {asked}"
            raise bad_request(f"Invalid value for 'dimensions': {said}.", param="dimensions")
        if asked < spec.dimensions and not spec.shortens:
            said = f"the vectors of this model have {spec.dimensions} dimensions and cannot be shortened"
            raise bad_request(f"Invalid value for 'dimensions': {said}.", param="dimensions")
        if asked * len(self.texts) > MAX_NUMBERS:
            most = MAX_NUMBERS // asked
            said = f"with {asked} dimensions a request may have at most {most} texts, got {len(self.texts)}"
            raise bad_request(f"Invalid value for 'input': {said}.", code="array_above_max_length", param="input")
        return asked


def texts_of(said: Any) -> tuple[str, ...]:
    """The texts of `input`. Raises ApiError 400, which quotes nothing of them."""
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list):
        raise _wrong("input", "expected a string or a list of strings", "invalid_type")
    if not texts:
        raise _wrong("input", f"expected 1 to {MAX_TEXTS} texts, got an empty list", "array_below_min_length")
    if all(type(item) is int for item in texts) or any(isinstance(item, list) for item in texts):
        raise _wrong("input", "lists of tokens are not supported by this server; send text", "unsupported_parameter")
    if len(texts) > MAX_TEXTS:
        raise _wrong("input", f"expected 1 to {MAX_TEXTS} texts, got {len(texts)}", "array_above_max_length")
    for index, text in enumerate(texts):
        where = "input" if isinstance(said, str) else f"input[{index}]"
        if not isinstance(text, str):
            raise _wrong(where, "expected a string", "invalid_type")
        if not text:
            raise _wrong(where, "it is empty", "string_below_min_length")
    return tuple(texts)


def _wrong(param: str, what: str, code: str) -> ApiError:
    return bad_request(f"Invalid value for '{param}': {what}.", code=code, param=param)
