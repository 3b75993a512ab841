"""Names on a cluster that installations share: none is another's, and each comes back as it went."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.settings.servers import PREFIX_PATTERN
from topics.catalogue import catalogue, shadow_topic
from topics.naming import Names

prefixes = st.from_regex(PREFIX_PATTERN, fullmatch=True).filter(lambda text: not text.endswith("\n"))
pools = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)
backfills = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
groups = st.sampled_from(["verbatim-recorder", "verbatim-conversation", "verbatim-worker-default"])
ours = st.one_of(
    st.sampled_from([spec.name for spec in catalogue()]),
    pools.map(lambda pool: [spec.name for spec in catalogue((pool,))][-1]),
    backfills.map(shadow_topic),
    groups,
)


@given(prefixes, ours)
def test_a_name_comes_back_as_it_went(prefix: str, name: str) -> None:
    names = Names(prefix)
    assert names.logical(names.physical(name)) == name


@given(prefixes, prefixes, ours)
def test_no_installation_sees_anothers(one: str, other: str, name: str) -> None:
    if one != other:
        assert Names(one).logical(Names(other).physical(name)) is None


@given(ours)
def test_without_a_prefix_nothing_changes(name: str) -> None:
    assert Names().physical(name) == name


@given(prefixes, ours)
def test_kafka_takes_every_name(prefix: str, name: str) -> None:
    physical = Names(prefix).physical(name)
    assert len(physical) <= 249
    assert set(physical) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_kafkas_own_topics_are_nobodys() -> None:
    assert Names().logical("__consumer_offsets") is None
    assert Names("a").logical("__consumer_offsets") is None
    assert Names("a").logical("a_") is None
