from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.failures import first, leaves

ERRORS = st.builds(ValueError, st.integers())
TREES = st.recursive(ERRORS, lambda inner: st.builds(ExceptionGroup, st.just("group"), st.lists(inner, min_size=1)))


def counted(error: Exception) -> int:
    return sum(map(counted, error.exceptions)) if isinstance(error, ExceptionGroup) else 1


@given(TREES)
def test_the_leaves_of_a_group_are_all_that_is_no_group(error: Exception) -> None:
    found = leaves(error)
    assert len(found) == counted(error)
    assert not any(isinstance(leaf, BaseExceptionGroup) for leaf in found)
    assert first(error) is found[0]


def test_leaves_come_in_their_order() -> None:
    one, two, three = ValueError(1), KeyError(2), OSError(3)
    assert leaves(ExceptionGroup("a", [one, ExceptionGroup("b", [two]), three])) == [one, two, three]
