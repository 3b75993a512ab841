"""The byte shape of OpenAI's answer to a request for embeddings. Pure."""

from __future__ import annotations

import base64

import numpy as np
import orjson

from api.openai.embedding_requests import Encoding
from infra.embeddings.ports import Vectors
from schemas.price import Usage


def embeddings_body(model: str, vectors: Vectors, encoding: Encoding, usage: Usage) -> bytes:
    """The whole answer. Vectors are written one by one, so that other threads run between two of them."""
    parts = [b'{"object":"list","data":[']
    for index in range(len(vectors)):
        head = (
            b',{"object":"embedding","index":%d,"embedding":'
            if index
            else b'{"object":"embedding","index":%d,"embedding":'
        )
        parts += (head % index, _vector(vectors[index], encoding), b"}")
    parts += (b'],"model":', orjson.dumps(model), b',"usage":', orjson.dumps(_usage(usage)), b"}")
    return b"".join(parts)


def _vector(vector: Vectors, encoding: Encoding) -> bytes:
    if encoding == "base64":
        return b'"' + base64.b64encode(vector.astype("<f4").tobytes()) + b'"'
    return orjson.dumps(np.ascontiguousarray(vector), option=orjson.OPT_SERIALIZE_NUMPY)


def _usage(usage: Usage) -> dict[str, int | bool]:
    """`estimated`, which is ours, only where it is so."""
    said: dict[str, int | bool] = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return said | {"estimated": True} if usage.estimated else said
