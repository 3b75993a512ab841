"""What is said of users, organisations and keys: the same in the end, in any order and however often it is seen."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from projections.accounts.fold import fold as fold_accounts
from projections.accounts.queries import ApiKeyRow
from projections.identities.cells import limits_cell, limits_of, words_of
from projections.identities.fold import fold
from projections.identities.queries import Grant
from projections.identities.standing import NOTHING_SAID, UserStanding, joined_users, user_said
from projections.rows import Put
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.envelope import Envelope, Position
from schemas.identity import NO_LIMITS, ApiKeyChanged, KeyLimits, MembershipChanged, OrganisationCreated, UserChanged

ENVELOPE = Envelope("e", 1, None, "c", "a")
KEY: dict[str, Any] = {"envelope": ENVELOPE, "user_id": "u", "key_id": "k", "key_sha256": "aa"}
RECORDS = st.one_of(
    st.builds(
        lambda roles, tier, suspended: UserChanged(
            envelope=ENVELOPE, user_id="u", roles=roles, tier=tier, suspended=suspended
        ),
        st.none() | st.sampled_from(((), ("admin",), ("member",))),
        st.none() | st.sampled_from(("", "free")),
        st.none() | st.booleans(),
    ),
    st.builds(
        lambda organisation, role: MembershipChanged(
            envelope=ENVELOPE, user_id="u", organisation_id=organisation, role=role
        ),
        st.sampled_from(("one", "two")),
        st.none() | st.sampled_from(("member", "admin")),
    ),
    st.builds(lambda name: OrganisationCreated(envelope=ENVELOPE, organisation_id="one", name=name), st.text()),
    st.builds(lambda n: ApiKeyChanged(**KEY, limits=KeyLimits(requests_per_minute=n)), st.integers(1, 9)),
    st.just(ApiKeyRevoked(ENVELOPE, "u", "k", "aa")),
    st.just(ApiKeyCreated(**KEY, label="l", hint="h", scopes=("chat",))),
)


def tables_of(placed: list[tuple[Any, Position]]) -> dict[Any, Any]:
    """The cells that are left, each with its timestamp, as Cassandra keeps them."""
    cells: dict[Any, tuple[int, Any]] = {}
    for record, at in placed:
        for change in fold(record, at):
            assert isinstance(change, Put)
            for name, value in change.cells.items():
                place = (change.table.name, change.key, name)
                cells[place] = max(cells.get(place, (-1, "")), (change.timestamp, value), key=lambda cell: cell[0])
    return cells


@given(st.lists(RECORDS, max_size=8), st.data())
def test_the_tables_and_what_is_joined_are_the_same_in_any_order_and_with_repeats(
    records: list[Any], data: st.DataObject
) -> None:
    placed = [(record, Position(0, 0, offset)) for offset, record in enumerate(records)]
    again = data.draw(st.permutations(placed + (data.draw(st.lists(st.sampled_from(placed))) if placed else [])))
    assert tables_of(placed) == tables_of(again)

    def joined(some: list[tuple[Any, Position]]) -> UserStanding:
        found = NOTHING_SAID
        for record, at in some:
            if (said := user_said(record, at)) is not None:
                found = joined_users(found, said)
        return found

    whole = joined(placed)
    assert joined(again) == whole
    cells = tables_of(placed)
    assert (cells.get(("standings", ("u",), "tier")) is None) is (whole.tier is None)
    if whole.tier is not None:
        assert cells["standings", ("u",), "tier"] == (whole.tier.at, whole.tier.value), "tables and log agree"


def test_a_key_with_restrictions_stands_where_no_older_reader_looks() -> None:
    at = Position(0, 0, 1)
    plain, scoped = ApiKeyCreated(**KEY, label="", hint=""), ApiKeyCreated(**KEY, label="", hint="", scopes=())
    assert fold(plain, at) == () and fold_accounts(plain, at)
    assert fold_accounts(scoped, at) == () and fold(scoped, at)


def test_what_was_changed_of_a_key_counts_over_what_it_was_made_with() -> None:
    made = ApiKeyRow("aa", "k", "u", "old", "h", 1, None, scopes=("chat",), limits=KeyLimits(requests_per_minute=1))
    assert Grant(made, None, None).over(None) == made
    changed = Grant(None, "new", limits_cell(NO_LIMITS)).over(made)
    assert changed is not None
    assert (changed.label, changed.limits, changed.scopes) == ("new", NO_LIMITS, ("chat",))
    assert Grant(None, "new", None).over(None) is None


def test_cells_that_nobody_wrote_grant_nothing() -> None:
    assert words_of('"admin"') == words_of("{") == ()
    assert words_of(None) is None
    assert limits_of(None) == limits_of("{}") == NO_LIMITS, "nothing is said"
    for cell in (
        "",
        "[1]",
        "{",
        "7",
        "null",
        '{"tokens_per_minute": 0}',
        '{"tokens_per_minute": true}',
        '{"tokens_per_minute": -5}',
        '{"tokens_per_minute": 1.5}',
        '{"tokens_per_minute": "9"}',
        '{"tokens_per_week": 5}',
        '{"models": "m"}',
        '{"models": 7}',
    ):
        assert limits_of(cell).models == (), cell
    limits = KeyLimits(tokens_per_minute=5, models=("m",))
    assert limits_of(limits_cell(limits)) == limits
