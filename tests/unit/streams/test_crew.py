from __future__ import annotations

from infra.lifesign import LifeSign
from streams.faust.crew import SharedSign


class Counting(LifeSign):
    def __init__(self) -> None:
        super().__init__(None)
        self.beats = 0

    def beat(self) -> None:
        self.beats += 1


def test_a_shared_sign_is_given_once_all_have_beaten() -> None:
    sign = Counting()
    whole = SharedSign(sign, 3)
    first, second, third = map(whole.part, range(3))
    first.beat()
    first.beat()
    second.beat()
    assert sign.beats == 0
    third.beat()
    assert sign.beats == 1
    for _ in range(5):
        first.beat()
        third.beat()
    assert sign.beats == 1, "the second is silent"
    second.beat()
    assert sign.beats == 2
