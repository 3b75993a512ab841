"""What is there at the start is not looked at again."""

from __future__ import annotations

import gc

from infra.heap import keep_out_of_collections


def test_what_is_there_is_left_out_of_collections() -> None:
    held = [[n] for n in range(1_000)]
    before = gc.get_freeze_count()
    try:
        keep_out_of_collections()
        assert gc.get_freeze_count() >= before + len(held)
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()
