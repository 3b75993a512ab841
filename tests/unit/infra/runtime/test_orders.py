"""What other threads ask of one thread is done there, in order, or refused; never forgotten."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from infra.runtime.orders import NoMoreOrders, Orders


def test_orders_are_done_in_turn_and_each_asker_hears_of_its_own() -> None:
    orders = Orders()
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        if number == 1:
            raise ValueError("one")
        return number

    futures = [orders.add(partial(work, number)) for number in range(4)]
    futures[2].cancel()
    assert done == []
    orders.run()
    assert done == [0, 1, 3]
    assert [futures[0].result(0), futures[3].result(0)] == [0, 3]
    with pytest.raises(ValueError, match="one"):
        futures[1].result(0)


def test_what_is_asked_for_too_late_is_refused() -> None:
    orders = Orders()
    waiting = orders.add(lambda: 1)
    orders.close()
    for refused in (waiting, orders.add(lambda: 2)):
        with pytest.raises(NoMoreOrders):
            refused.result(0)


def test_orders_of_many_threads_are_all_answered_also_at_the_end() -> None:
    orders, answers = Orders(), []
    begin = threading.Barrier(5)

    def ask() -> None:
        begin.wait()
        for number in range(200):
            answers.append(orders.add(partial(int, number)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    begin.wait()
    while len(answers) < 400:
        orders.run()
    orders.close()
    for thread in threads:
        thread.join()
    assert len(answers) == 800
    assert all(future.done() for future in answers)
