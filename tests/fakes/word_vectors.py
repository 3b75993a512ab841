"""A small table of vectors and a tokenizer, in a folder such as the pinned package makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers

from infra.embeddings.static import TOKENIZER_FILE, VECTORS_FILE, VECTORS_NAME
from infra.models.control_tokens import SHIPPED_TOKENIZER
from infra.models.embedding_spec import EmbeddingSpec
from schemas.price import Price

DIMENSIONS = 8
PRICE = Price("p1", "USD", 10_000, 10_000, 0)
STATIC = EmbeddingSpec(
    id="small",
    engine="static",
    upstream_model="small-1",
    dimensions=DIMENSIONS,
    max_input_tokens=100,
    price=PRICE,
    shortens=True,
    timeout_s=30.0,
)


def table() -> npt.NDArray[np.float16]:
    """A vector for each token of the shipped tokenizer."""
    tokens = tokenizers.Tokenizer.from_file(str(SHIPPED_TOKENIZER)).get_vocab_size()
    return np.random.default_rng(7).normal(size=(tokens, DIMENSIONS)).astype(np.float16)


def write_vectors(file: Path, vectors: npt.NDArray[np.float16], **said: object) -> None:
    """A safetensors file; `said`: what its head says instead."""
    tensor = {"dtype": "F16", "shape": list(vectors.shape), "data_offsets": [0, vectors.nbytes], **said}
    head = json.dumps({VECTORS_NAME: tensor}).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(len(head).to_bytes(8, "little") + head + vectors.astype("<f2").tobytes())


def make_word_vectors(folder: Path) -> Path:
    """The folder, filled."""
    write_vectors(folder / VECTORS_FILE, table())
    (folder / TOKENIZER_FILE).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SHIPPED_TOKENIZER, folder / TOKENIZER_FILE)
    return folder
