"""The walk over turns, newest first, finds what is found with the whole tree at hand."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from projections.messages.branch import MAX_SIBLINGS, AppendedIds, BranchWalk, TurnIds
from projections.messages.hidden import Hidden
from tests.fakes.naive_branch import naive_branch


@dataclass(frozen=True)
class Tree:
    """A conversation's turns, oldest first, each generation's once."""

    turns: list[TurnIds | AppendedIds]

    @property
    def messages(self) -> list[tuple[str, str | None]]:
        """(id, parent) oldest first."""
        found: list[tuple[str, str | None]] = []
        for turn in self.turns:
            if isinstance(turn, AppendedIds):
                found += zip(turn.message_ids, (turn.parent_id, *turn.message_ids), strict=False)
                continue
            if turn.prompt_id is not None:
                found.append((turn.prompt_id, turn.parent_id))
            found.append((turn.reply_id, turn.answered_id))
        return found

    @property
    def ids(self) -> list[str]:
        return [message_id for message_id, _ in self.messages]


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Prompts after any answer or at the root, and answers given anew; long straight pieces among them."""
    turns: list[TurnIds | AppendedIds] = []
    for n in range(draw(st.integers(0, 40))):
        prompts = [turn.prompt_id for turn in turns if isinstance(turn, TurnIds) and turn.prompt_id is not None]
        match draw(st.integers(0, 6)):
            case 0 if prompts:
                turns.append(TurnIds(n * 3, None, None, f"a{n}", draw(st.sampled_from(prompts))))
            case 1:
                parent = draw(st.sampled_from([None, *map(_last_of, turns)]))
                turns.append(TurnIds(n * 3, f"p{n}", parent, f"a{n}", f"p{n}"))
            case 2:
                parent = draw(st.sampled_from([None, *map(_last_of, turns)]))
                written = tuple(f"m{n}.{k}" for k in range(draw(st.integers(1, 3))))
                turns.append(AppendedIds(n * 3, written, parent))
            case _:
                turns.append(TurnIds(n * 3, f"p{n}", _last_of(turns[-1]) if turns else None, f"a{n}", f"p{n}"))
    return Tree(turns)


def _last_of(turn: TurnIds | AppendedIds) -> str:
    return turn.message_ids[-1] if isinstance(turn, AppendedIds) else turn.reply_id


def walked(turns: list[TurnIds | AppendedIds], walk: BranchWalk, sizes: list[int]) -> int:
    """Hand the walk pages of turns until it has finished; how many it took."""
    newest_first = sorted(turns, key=lambda turn: turn.cause, reverse=True)
    taken = 0
    while not walk.finished:
        size = sizes.pop() if sizes else 7
        page = newest_first[taken : taken + size]
        walk.take(page)
        taken += len(page)
        if len(page) < size:
            walk.end()
    return taken


Asked = tuple[str | None, str | None, str | None, int]


@st.composite
def questions(draw: st.DrawFn) -> tuple[Tree, Asked]:
    tree = draw(trees())
    some = st.none() | st.sampled_from([*tree.ids, "nobody"])
    leaf = draw(some)
    return tree, (leaf, None if leaf is not None else draw(some), draw(some), draw(st.integers(1, 30)))


@given(questions(), st.lists(st.integers(1, 20), max_size=8), st.data())
def test_a_page_is_that_of_the_whole_tree(question: tuple[Tree, Asked], sizes: list[int], data: st.DataObject) -> None:
    tree, (leaf, through, before, limit) = question
    may_hide = sorted(set(tree.ids) - {leaf, through, before})
    hidden = data.draw(st.frozensets(st.sampled_from(may_hide), max_size=8)) if may_hide else frozenset[str]()
    walk = BranchWalk(leaf, through, before, limit, Hidden(hidden))
    walked(tree.turns, walk, sizes)
    expected = naive_branch(tree.messages, leaf, through, before, limit, hidden)
    named = {leaf, through, before} - {None}
    if not named <= set(tree.ids):
        # Whoever walks has looked for what is named before; and the walk ends all the same.
        assert expected is None
        return
    assert walk.is_there == (expected is not None)
    if expected is not None:
        assert [(placed.message_id, placed.siblings) for placed in walk.page()] == list(expected.messages)
        assert (walk.leaf, walk.next_before) == (expected.leaf, expected.next_before)
        causes = {
            message_id: turn.cause
            for turn in tree.turns
            for message_id in (
                turn.message_ids if isinstance(turn, AppendedIds) else (turn.prompt_id or "", turn.reply_id)
            )
        }
        assert all(placed.cause == causes[placed.message_id] for placed in walk.page())


@given(trees(), st.integers(1, 12), st.data())
def test_pages_make_the_branch_without_gap_or_repeat(tree: Tree, limit: int, data: st.DataObject) -> None:
    if not tree.turns:
        return
    leaf = data.draw(st.sampled_from(tree.ids))
    whole = naive_branch(tree.messages, leaf, None, None, 1000)
    assert whole is not None
    seen: list[str] = []
    before: str | None = None
    while True:
        walk = BranchWalk(leaf, None, before, limit)
        walked(tree.turns, walk, [])
        seen = [placed.message_id for placed in walk.page()] + seen
        before = walk.next_before
        if before is None:
            break
    assert seen == [message_id for message_id, _ in whole.messages]


def straight(length: int) -> list[TurnIds | AppendedIds]:
    return [TurnIds(n, f"p{n}", f"a{n - 1}" if n else None, f"a{n}", f"p{n}") for n in range(length)]


def test_the_end_of_a_long_branch_needs_few_turns() -> None:
    walk = BranchWalk(None, None, None, 60)
    assert walked(straight(2500), walk, [64]) == 64
    assert walk.page()[0].message_id == "p2470"
    assert walk.next_before == "p2470"


def test_what_is_passed_by_is_not_looked_for_to_the_end() -> None:
    # A branch from long ago; asked for on the branch that goes on beside it.
    turns = [*straight(100), TurnIds(100, "p100", "a20", "a100", "p100")]
    walk = BranchWalk("a100", None, "p60", 5)
    assert walked(turns, walk, [10] * 20) < 101
    assert not walk.is_there


def test_a_family_of_many_shows_those_around_the_message() -> None:
    turns: list[TurnIds | AppendedIds] = [TurnIds(n, f"p{n}", None, f"a{n}", f"p{n}") for n in range(250)]
    for asked, first in (("a3", 0), ("a125", 75), ("a249", 150)):
        walk = BranchWalk(asked, None, None, 60)
        walked(turns, walk, [])
        (prompt, _) = walk.page()
        assert prompt.siblings == tuple(f"p{n}" for n in range(first, first + MAX_SIBLINGS))


def test_a_parent_that_is_missing_or_not_older_ends_the_branch() -> None:
    turns: list[TurnIds | AppendedIds] = [
        TurnIds(1, "p1", "a2", "a1", "p1"),
        TurnIds(2, "p2", "a1", "a2", "p2"),
        TurnIds(3, "p3", "x", "a3", "p3"),
    ]
    for leaf, expected in (("a2", ["p1", "a1", "p2", "a2"]), ("a3", ["p3", "a3"])):
        walk = BranchWalk(leaf, None, None, 60)
        walked(turns, walk, [])
        assert [placed.message_id for placed in walk.page()] == expected
        assert walk.next_before is None
