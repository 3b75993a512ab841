"""Vectors are of length 1, and finite, whatever they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from infra.embeddings.ports import Vectors
from infra.embeddings.vectors import normalised, shortened

ROWS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@given(ROWS)
def test_every_row_has_length_1_and_its_direction(vectors: Vectors) -> None:
    found = normalised(vectors)
    assert found.dtype == np.dtype(np.float32)
    assert np.isfinite(found).all()
    for before, after in zip(vectors, found, strict=True):
        length = np.linalg.norm(after.astype(np.float64))
        if not before.any():
            assert not after.any()
        else:
            assert length == pytest.approx(1, abs=1e-5)
            assert (np.sign(after) * np.sign(before) >= 0).all()


@given(ROWS, st.integers(1, 12))
def test_a_shortened_vector_is_the_beginning_at_length_1(vectors: Vectors, dimensions: int) -> None:
    whole = normalised(vectors)
    found = shortened(whole, dimensions)
    assert found.shape == (len(vectors), min(dimensions, vectors.shape[1]))
    assert np.array_equal(found, whole if dimensions >= vectors.shape[1] else normalised(whole[:, :dimensions]))
