"""Why a rebuild needs no acknowledgement: whatever the projector's pauses, nothing falls between cut and knowledge."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

import projections.projector as module
from projections.projector import Projector
from projections.registry import Projection, newest
from projections.versions import SETTLED_S
from projections.watermarks import LogPlace
from tests.fakes.projection_records import prompt
from tests.fakes.row_store import MemoryRowStore
from topics.catalogue import CONVERSATION_EVENTS, catalogue

ONE = newest("conversations")
TWO = ONE.at(2)
FILLING_AT_S = 10.0


@given(
    appended=st.lists(st.floats(5, 18), min_size=1, max_size=25).map(sorted),
    pauses=st.lists(st.floats(0, 4), min_size=25, max_size=25),
    answers_s=st.lists(st.floats(0, 2), min_size=25, max_size=25),
)
def test_every_record_is_below_the_cut_or_written_to_both(
    appended: list[float], pauses: list[float], answers_s: list[float]
) -> None:
    now_s = 0.0
    answers = iter(answers_s)

    async def versions() -> tuple[Projection, ...]:
        # What it was when it was asked; the answer takes its time.
        nonlocal now_s
        found = (ONE, TWO) if now_s >= FILLING_AT_S else (ONE,)
        now_s += next(answers)
        return found

    async def project() -> set[str]:
        nonlocal now_s
        store = MemoryRowStore()
        projector = Projector(store, (ONE,), catalogue(), versions)
        async with asyncio.TaskGroup() as group:
            group.create_task(projector.run())
            for offset, (at_s, pause_s) in enumerate(zip(appended, pauses, strict=False)):
                now_s = max(now_s, at_s) + pause_s
                await projector.take(prompt(f"{offset}", "k"), LogPlace(CONVERSATION_EVENTS, 0, offset), lambda: None)
            projector.close()
        return {key[0] for key in store.rows().get("conversations_v2", {})}

    with patch.object(module, "monotonic_s", lambda: now_s), patch.object(module, "GATHER_S", 0):
        both = asyncio.run(project())
    cut_at_s = FILLING_AT_S + SETTLED_S
    assert {f"{offset}" for offset, at_s in enumerate(appended) if at_s >= cut_at_s} <= both
