from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

import projections.projector as module
from infra.cassandra.errors import StoreRefused, StoreUnavailable
from infra.runtime.retrying import Retrying
from projections.registry import PROJECTED, RECORDS, folded, newest
from projections.rows import Put, RowChange, Unprojectable
from projections.versions import MEMORY_S
from projections.watermarks import WATERMARKS, LogPlace
from schemas.codec import NewerRecord
from schemas.conversation import Attachment
from schemas.envelope import Position
from tests.eventually import eventually
from tests.fakes.projection_records import prompt
from tests.unit.projections.gated import ONE, TWO, ChoosyWriter, GatedWriter, Versions, following, place, running
from topics.catalogue import USAGE_RECORDS


async def test_a_record_is_done_when_its_rows_and_then_its_watermark_are_written() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "key"), place(4), lambda: done.append(4))
        await eventually(lambda: not projector._waiting)
        assert not done
        writer.gate.set()
        await eventually(lambda: done == [4])
        assert [any(c.table is WATERMARKS for c in write) for write in writer.writes] == [False, True]
        assert writer.watermarks == [5]


async def test_a_record_that_nothing_comes_of_moves_the_watermark_in_its_turn() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "key"), place(4), lambda: done.append(4))
        await eventually(lambda: not projector._waiting)
        await projector.pass_over(place(5), lambda: done.append(5))
        assert (done, writer.watermarks) == ([], [])
        writer.gate.set()
        await eventually(lambda: done == [4, 5])
        assert writer.watermarks[-1] == 6
        await projector.pass_over(place(6), lambda: done.append(6))
        await eventually(lambda: done == [4, 5, 6])
        assert writer.watermarks[-1] == 7, "also where nothing else comes"


async def test_what_comes_while_a_write_is_under_way_is_written_together() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "first"), place(0), lambda: done.append(0))
        await eventually(lambda: not projector._waiting)
        for offset in range(1, 30):
            await projector.take(prompt("c", f"{offset}"), place(offset), partial(done.append, offset))
        writer.gate.set()
        await eventually(lambda: len(done) == 30)
    assert done == list(range(30))
    rows = [write for write in writer.writes if write[0].table is not WATERMARKS]
    assert len(rows) == 2
    assert writer.watermarks[-1] == 30


async def test_an_outage_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRYING", Retrying("test", 0.001, 5.0, 300.0))
    writer = GatedWriter()
    writer.failures = [StoreUnavailable("away")] * 3
    done: list[int] = []
    async with running(writer) as projector:
        await projector.take(prompt("c", "key"), place(0), lambda: done.append(0))
        await eventually(lambda: done == [0])


async def test_a_refusal_ends_it_and_the_record_stays_undone() -> None:
    writer = GatedWriter()
    writer.failures = [StoreRefused("no such table")]
    done: list[int] = []
    with pytest.raises(ExceptionGroup) as raised:
        async with running(writer) as projector:
            await projector.take(prompt("c", "key"), place(0), lambda: done.append(0))
            await asyncio.Event().wait()
    assert raised.group_contains(StoreRefused)
    assert not done


async def test_a_record_of_which_no_row_can_be_made_is_the_callers() -> None:
    writer = GatedWriter()
    async with running(writer) as projector:
        with pytest.raises(Unprojectable):
            await projector.take(replace(prompt("", "key"), generation_id=""), place(0), lambda: None)
        with pytest.raises(Unprojectable, match="a PromptSubmitted has no place in usage-records"):
            await projector.take(prompt("c", "key"), LogPlace(USAGE_RECORDS, 0, 0), lambda: None)
    assert not writer.writes


async def test_what_one_projection_cannot_take_is_the_others_all_the_same() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        with pytest.raises(Unprojectable):
            await projector.take(prompt("c", "key", at_us=-1), place(0), lambda: done.append(0))
        # Durable before the caller parks the record and forgets it.
        assert set(writer.store.rows()) >= {"messages_v1", "conversations_v1", "generations_v1"}
    assert not done


async def test_taking_waits_while_too_much_is_queued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    writer = GatedWriter()
    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("c", "first"), place(0), lambda: None)
        await eventually(lambda: not projector._waiting)
        for offset in range(1, 4):
            await projector.take(prompt("c", f"{offset}"), place(offset), lambda: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await projector.take(prompt("c", "more"), place(4), lambda: None)
        writer.gate.set()
        await projector.take(prompt("c", "more"), place(4), lambda: None)


async def test_closing_writes_what_is_there() -> None:
    writer = GatedWriter()
    done: list[int] = []
    async with running(writer) as projector:
        for offset in range(5):
            await projector.take(prompt("c", f"{offset}"), place(offset), partial(done.append, offset))
    assert done == [0, 1, 2, 3, 4]
    assert writer.watermarks[-1] == 5


async def test_a_new_version_is_written_from_a_second_after_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(module, "monotonic_s", lambda: now_s)
    writer, versions = GatedWriter(), Versions(ONE)
    async with following(writer, versions) as projector:
        await projector.take(prompt("a", "1"), place(0), lambda: None)
        versions.found = (ONE, TWO)
        await projector.take(prompt("b", "1"), place(1), lambda: None)
        # Asked once a second at most, and for every record by what was known a second ago at most.
        assert versions.asked == 1
        now_s += MEMORY_S
        await projector.take(prompt("c", "1"), place(2), lambda: None)
        assert versions.asked == 2
    rows = writer.store.rows()
    assert set(rows["conversations_v1"]) == {("a",), ("b",), ("c",)}
    assert set(rows["conversations_v2"]) == {("c",)}
    reached = {c.key[1:3]: c.cells["next"] for w in writer.writes for c in w if isinstance(c, Put) and len(c.key) == 5}
    assert reached == {("conversations", 1): 3, ("conversations", 2): 3}


async def test_a_dropped_version_is_forgotten_and_its_table_no_refusal() -> None:
    writer, versions = GatedWriter(), Versions(ONE, TWO)
    done: list[int] = []
    async with following(writer, versions) as projector:
        writer.gate.clear()
        await projector.take(prompt("a", "1"), place(0), lambda: done.append(0))
        versions.found = (ONE,)
        writer.failures = [StoreRefused("unconfigured table conversations_v2")]
        writer.gate.set()
        await eventually(lambda: done == [0])
    assert set(writer.store.rows()) == {"conversations_v1", "watermarks_v0"}


async def test_a_table_that_is_gone_though_its_version_is_not_ends_it() -> None:
    writer, versions = GatedWriter(), Versions(ONE)
    writer.failures = [StoreRefused("unconfigured table conversations_v1")]
    with pytest.raises(ExceptionGroup) as raised:
        async with following(writer, versions) as projector:
            await projector.take(prompt("a", "1"), place(0), lambda: None)
            await asyncio.Event().wait()
    assert raised.group_contains(StoreRefused)


async def test_nothing_is_folded_while_nobody_says_which_versions_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRYING", Retrying("test", 0.001, 5.0, 300.0))
    writer, versions = GatedWriter(), Versions(ONE, TWO)
    versions.failures = [StoreUnavailable("away")] * 3
    async with following(writer, versions) as projector:
        await projector.take(prompt("a", "1"), place(0), lambda: None)
    assert versions.asked == 4
    assert set(writer.store.rows()["conversations_v2"]) == {("a",)}


async def test_a_record_whose_values_the_store_refuses_holds_up_no_other() -> None:
    writer = ChoosyWriter()
    done: list[int] = []
    parked: list[tuple[int, str]] = []

    async def park(offset: int, error: Exception) -> None:
        parked.append((offset, str(error)))

    async with running(writer) as projector:
        writer.gate.clear()
        await projector.take(prompt("first", "key"), place(0), partial(done.append, 0))
        await eventually(lambda: not projector._waiting)
        for offset, conversation in ((1, "good"), (2, "bad"), (3, "fine")):
            await projector.take(
                prompt(conversation, f"{offset}"), place(offset), partial(done.append, offset), partial(park, offset)
            )
        writer.gate.set()
        await eventually(lambda: done == [0, 1, 3])
    assert parked == [(2, "Cassandra refused a statement: too large")]
    conversations = {key[0] for key in writer.store.rows()["conversations_v1"]}
    assert conversations == {"first", "good", "fine"}
    assert writer.watermarks[-1] == 4


async def test_a_record_that_is_refused_in_part_twice_over_is_the_callers_once() -> None:
    async with running(ChoosyWriter()) as projector:
        with pytest.raises(Unprojectable):
            await projector.take(prompt("bad", "key", at_us=-1), place(0), lambda: None)


async def test_a_fold_that_stumbles_over_a_record_parks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbling(record: object, position: object) -> tuple[RowChange, ...]:
        raise KeyError("something the user wrote")

    broken = replace(newest("messages"), fold=stumbling)
    changes, refused = folded((broken, newest("conversations")), prompt("c", "key"), Position(0, 0, 0))
    assert refused is not None and str(refused) == "messages cannot fold it: KeyError"
    assert changes


async def test_a_word_of_a_newer_release_stops_the_projector() -> None:
    async with running(GatedWriter()) as projector:
        with pytest.raises(NewerRecord, match="upgrade"):
            await projector.take(replace(prompt("c", "key"), kind="draft"), place(0), lambda: None)  # type: ignore[arg-type]  # a newer release knows it


async def test_attachments_that_no_cell_can_hold_make_the_record_unprojectable() -> None:
    attachments = (Attachment("f", "\0" * 200_000, "text/plain", 1, "s"),)
    _, refused = folded((newest("messages"),), replace(prompt("c", "key"), attachments=attachments), Position(0, 0, 0))
    assert refused is not None and "attachments" in str(refused)


def test_the_projector_reads_all_that_its_topics_take() -> None:
    assert {record_type for types in RECORDS.values() for record_type in types} == set(PROJECTED.types)
