"""Rules for vectors. Pure."""

from __future__ import annotations

import numpy as np

from infra.embeddings.ports import Vectors


def normalised(vectors: Vectors) -> Vectors:
    """The same directions at length 1; a row of zeros stays one. Rows of any finite numbers are taken."""
    wide = vectors.astype(np.float64)
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0.0)
    # First to a common size: the square of a number may be too large, or too small, to be one.
    wide = np.divide(wide, largest, out=np.zeros_like(wide), where=largest > 0)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    found: Vectors = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0).astype(np.float32)
    return found


def shortened(vectors: Vectors, dimensions: int) -> Vectors:
    """The first `dimensions` numbers of each row, at length 1 again; the same vectors if there are no more."""
    return vectors if vectors.shape[1] <= dimensions else normalised(vectors[:, :dimensions])
