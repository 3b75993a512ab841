"""A bounded map is a map that keeps what was written last."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from infra.runtime.bounded import Bounded, Seen

MOST = 3
KEYS = st.integers(0, 6)


class AgainstADict(RuleBasedStateMachine):
    """A dict in the order of the last writes says what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.bounded: Bounded[int, int] = Bounded(MOST)
        self.model: dict[int, int] = {}

    @rule(key=KEYS, value=st.integers())
    def put(self, key: int, value: int) -> None:
        self.model.pop(key, None)
        self.model[key] = value
        forgotten = self.bounded.put(key, value)
        if len(self.model) > MOST:
            oldest = next(iter(self.model))
            assert forgotten == (oldest, self.model.pop(oldest))
        else:
            assert forgotten is None

    @rule(key=KEYS)
    def pop(self, key: int) -> None:
        assert self.bounded.pop(key) == self.model.pop(key, None)

    @rule()
    def clear(self) -> None:
        self.bounded.clear()
        self.model.clear()

    @invariant()
    def both_say_the_same(self) -> None:
        assert len(self.bounded) == len(self.model)
        assert self.bounded.items() == tuple(self.model.items())
        assert self.bounded.values() == tuple(self.model.values())
        assert list(self.bounded) == list(self.model)
        for key in range(7):
            assert self.bounded.get(key) == self.model.get(key)
            assert (key in self.bounded) == (key in self.model)


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=50, stateful_step_count=30)


@given(st.lists(KEYS), st.integers(1, 4))
def test_what_was_seen_last_is_known(keys: list[int], most: int) -> None:
    seen: Seen[int] = Seen(most)
    for key in keys:
        full = key not in seen and len(seen) == most
        assert seen.add(key) == full
    last = list(dict.fromkeys(reversed(keys)))[:most]
    assert [key for key in range(7) if key in seen] == sorted(last)
    assert len(seen) == len(last)
