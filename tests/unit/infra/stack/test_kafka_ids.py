"""A cluster id is never mistaken for an option."""

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from infra.stack.kafka import cluster_id_of


@given(st.binary(min_size=16, max_size=16))
def test_a_cluster_id_is_sixteen_bytes_and_begins_with_no_dash(raw: bytes) -> None:
    cluster_id = cluster_id_of(raw.hex())
    assert not cluster_id.startswith("-")
    assert len(base64.urlsafe_b64decode(cluster_id + "==")) == 16


def test_an_id_that_would_begin_with_a_dash() -> None:
    assert cluster_id_of("f8" + "00" * 15).startswith("A")
