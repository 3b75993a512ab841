"""What is there at the start is not looked at again."""

from __future__ import annotations

import gc

from infra.heap import AGENT_ALLOCATIONS, collect_rarely, keep_out_of_collections


def test_what_is_there_is_left_out_of_collections() -> None:
    held = [[n] for n in range(1_000)]
    before = gc.get_freeze_count()
    try:
        keep_out_of_collections()
        assert gc.get_freeze_count() >= before + len(held)
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_an_agents_process_collects_rarely() -> None:
    thresholds, before = gc.get_threshold(), gc.get_freeze_count()
    try:
        collect_rarely()
        assert gc.get_threshold()[0] == AGENT_ALLOCATIONS > thresholds[0]
        assert gc.get_freeze_count() > before
        assert gc.isenabled()
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
